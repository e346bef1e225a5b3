#!/usr/bin/env python3
"""Changes a deployed stack behind payinfra's back, each kind of resource at least once.

    drift.py ENDPOINT SUFFIX EMULATOR

Prints one JSON object a line for each change: its name, the address and attribute in which it must be seen (no
attribute where the whole object is gone), or why the emulator cannot do it.
"""

import functools
import json
import sys

from inventory import connect, inventory

NOT_OURS = {"Key": "payinfra-test", "Value": "by hand"}


class Stack:
    """The stack as it stands: its services and the ids of what carries its tags."""

    def __init__(self, endpoint, suffix):
        self.endpoint, self.suffix = endpoint, suffix
        found = inventory(endpoint, suffix)
        # A snapshot carries the tags of what it is of, and is listed after it.
        self.ids = {thing["address"]: thing["id"] for thing in reversed(list(found)) if thing["address"]}

    @functools.cache
    def __getattr__(self, service):
        return connect(self.endpoint, {"awslambda": "lambda"}.get(service, service))

    def name(self, start):
        """A name the specification's way."""
        return f"{start}-{self.suffix}"

    def subnets(self, tier):
        """The ids of the subnets of a tier, zone by zone."""
        return [id for address, id in sorted(self.ids.items()) if address.startswith(f"subnet.{tier}_")]

    def resource(self, path):
        """The id of a path of the API."""
        found = self.apigateway.get_resources(restApiId=self.ids["rest_api.main"], limit=500)["items"]
        return next(resource["id"] for resource in found if resource["path"] == path)

    def patch(self, operation, path, value, verb="replace", **arguments):
        """One patch of something in the API."""
        change = {"op": verb, "path": path} | ({"value": value} if value is not None else {})
        call = getattr(self.apigateway, operation)
        call(restApiId=self.ids["rest_api.main"], patchOperations=[change], **arguments)

    def validator(self):
        """The id of a request validator."""
        found = self.apigateway.get_request_validators(restApiId=self.ids["rest_api.main"])["items"]
        return next(validator["id"] for validator in found if validator["name"] == "body")

    def arn(self, operation, key, name):
        """The ARN of something in RDS."""
        thing = next(thing for thing in getattr(self.rds, operation)()[key] if name in thing.values())
        return thing.get("DBClusterArn") or thing["DBSubnetGroupArn"]


def tag_ec2(address):
    return lambda s: s.ec2.create_tags(Resources=[s.ids[address]], Tags=[NOT_OURS])


def untag_ec2(address):
    return lambda s: s.ec2.delete_tags(Resources=[s.ids[address]], Tags=[{"Key": "Project"}])


def open_group(s):
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    s.ec2.authorize_security_group_ingress(GroupId=s.ids["security_group.database"], IpPermissions=[rule])


def close_way_out(s):
    group = s.ec2.describe_security_groups(GroupIds=[s.ids["security_group.functions"]])["SecurityGroups"][0]
    rule = next(rule for rule in group["IpPermissionsEgress"] if rule.get("FromPort") == 443)
    rule = {key: value for key, value in rule.items() if value}
    s.ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=[rule])


def open_default_group(s):
    groups = s.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [s.ids["vpc.main"]]}])
    group = next(group for group in groups["SecurityGroups"] if group["GroupName"] == "default")
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    s.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])


def detach_gateway(s):
    s.ec2.detach_internet_gateway(InternetGatewayId=s.ids["internet_gateway.main"], VpcId=s.ids["vpc.main"])


def widen_role(s):
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s.iam.put_role_policy(RoleName=s.ids["role.notifications"], PolicyName="by-hand", PolicyDocument=policy)


def change_trust(s):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s.iam.update_assume_role_policy(RoleName=s.ids["role.payment_validation"], PolicyDocument=policy)


def shorten_lifecycle(s):
    bucket = s.ids["bucket.archive"]
    rules = s.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    rules = [rule for rule in rules if "Transitions" not in rule]
    rules.append({"ID": "by-hand", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}})
    s.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def make_alarm_deaf(s):
    name = s.name("alarm-database-cpu-1")
    alarm = s.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    keep = ["Namespace", "MetricName", "Statistic", "Period", "Dimensions", "EvaluationPeriods", "ComparisonOperator"]
    keep += ["InsufficientDataActions"]
    kept = {key: alarm[key] for key in keep if alarm.get(key)}
    kept = {"Namespace": "AWS/RDS", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60} | kept
    s.cloudwatch.put_metric_alarm(AlarmName=name, Threshold=99.5, **kept)


def drop_widgets(s):
    name = s.name("dashboard")
    body = json.loads(s.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    body["widgets"] = [widget for widget in body["widgets"] if widget["type"] != "metric"]
    s.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps(body))


def delete_subscription(s):
    topic = s.ids["topic.payment_events"]
    for subscription in s.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        s.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def delete_permission(s):
    policy = s.awslambda.get_policy(FunctionName=s.name("lambda-transaction-processing"), Qualifier="live")
    statements = json.loads(policy["Policy"])["Statement"]
    sid = next(item["Sid"] for item in statements if item["Principal"] == {"Service": "events.amazonaws.com"})
    s.awslambda.remove_permission(
        FunctionName=s.name("lambda-transaction-processing"), StatementId=sid, Qualifier="live"
    )


def dissociate_web_acl(s):
    api = s.ids["rest_api.main"]
    s.wafv2.disassociate_web_acl(ResourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}/stages/live")


def disarm_web_acl(s):
    found = s.wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"]
    acl = next(acl for acl in found if acl["Name"] == s.ids["web_acl.api"])
    which = {"Name": acl["Name"], "Id": acl["Id"], "Scope": "REGIONAL"}
    got = s.wafv2.get_web_acl(**which)
    keep = {key: got["WebACL"][key] for key in ("DefaultAction", "VisibilityConfig")}
    s.wafv2.update_web_acl(**which, Rules=got["WebACL"]["Rules"][:1], LockToken=got["LockToken"], **keep)


def set_environment(s):
    name = s.name("lambda-notifications")
    variables = s.awslambda.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables["BY_HAND"] = "1"
    s.awslambda.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def move_alias(s):
    name = s.name("lambda-payment-validation")
    s.awslambda.update_function_configuration(FunctionName=name, Timeout=3)
    version = s.awslambda.publish_version(FunctionName=name)["Version"]
    s.awslambda.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


# Name, address, attribute (none: the object is gone), and what is done.
DRIFTS = [
    ("a subnet gives public addresses", "subnet.public_a", "public_addresses",
     lambda s: s.ec2.modify_subnet_attribute(
         SubnetId=s.ids["subnet.public_a"], MapPublicIpOnLaunch={"Value": True})),
    ("a tag is added to a subnet", "subnet.private_a", "tags", tag_ec2("subnet.private_a")),
    ("the VPC names no hosts", "vpc.main", "dns_hostnames",
     lambda s: s.ec2.modify_vpc_attribute(VpcId=s.ids["vpc.main"], EnableDnsHostnames={"Value": False})),
    ("the VPC's default group is opened", "vpc.main", "default_group_closed", open_default_group),
    ("a tag is removed from the VPC", "vpc.main", "tags", untag_ec2("vpc.main")),
    ("isolated subnets get a way out", "route_table.isolated", "routes",
     lambda s: s.ec2.create_route(
         RouteTableId=s.ids["route_table.isolated"], DestinationCidrBlock="0.0.0.0/0",
         GatewayId=s.ids["internet_gateway.main"])),
    ("the database is opened to the world", "security_group_rules.database", "ingress", open_group),
    ("the functions lose their way out", "security_group_rules.functions", "egress", close_way_out),
    ("a tag is added to a security group", "security_group.database", "tags", tag_ec2("security_group.database")),
    ("a tag is added to the internet gateway", "internet_gateway.main", "tags", tag_ec2("internet_gateway.main")),
    ("a tag is added to an address", "elastic_ip.a", "tags", tag_ec2("elastic_ip.a")),
    ("a tag is added to a NAT gateway", "nat_gateway.a", "tags", tag_ec2("nat_gateway.a")),
    ("a tag is added to the flow log", "flow_log.main", "tags", tag_ec2("flow_log.main")),
    ("an endpoint loses a route table", "vpc_endpoint.s3", "route_table_ids",
     lambda s: s.ec2.modify_vpc_endpoint(
         VpcEndpointId=s.ids["vpc_endpoint.s3"], RemoveRouteTableIds=[s.ids["route_table.private_a"]])),
    ("a tag is added to an endpoint", "vpc_endpoint.dynamodb", "tags", tag_ec2("vpc_endpoint.dynamodb")),
    ("the internet gateway is detached", "internet_gateway_attachment.main", None, detach_gateway),
    ("the key no longer rotates", "key.main", "rotation",
     lambda s: s.kms.disable_key_rotation(KeyId=s.ids["key.main"])),
    ("the key is described otherwise", "key.main", "description",
     lambda s: s.kms.update_key_description(KeyId=s.ids["key.main"], Description="by hand")),
    ("a role gets a wide policy", "role.notifications", "policies", widen_role),
    ("a role trusts somebody else", "role.payment_validation", "trust", change_trust),
    ("a tag is added to a role", "role.api_logs", "tags",
     lambda s: s.iam.tag_role(RoleName=s.ids["role.api_logs"], Tags=[NOT_OURS])),
    ("the cluster keeps fewer backups", "db_cluster.main", "backup_retention_days",
     lambda s: s.rds.modify_db_cluster(
         DBClusterIdentifier=s.ids["db_cluster.main"], BackupRetentionPeriod=1, ApplyImmediately=True)),
    ("the cluster is protected", "db_cluster.main", "deletion_protection",
     lambda s: s.rds.modify_db_cluster(
         DBClusterIdentifier=s.ids["db_cluster.main"], DeletionProtection=True, ApplyImmediately=True)),
    ("a tag is added to the cluster", "db_cluster.main", "tags",
     lambda s: s.rds.add_tags_to_resource(
         ResourceName=s.arn("describe_db_clusters", "DBClusters", s.ids["db_cluster.main"]), Tags=[NOT_OURS])),
    ("an instance is promoted later", "db_instance.1", "promotion_tier",
     lambda s: s.rds.modify_db_instance(
         DBInstanceIdentifier=s.ids["db_instance.1"], PromotionTier=9, ApplyImmediately=True)),
    ("an instance is made larger", "db_instance.2", "class",
     lambda s: s.rds.modify_db_instance(
         DBInstanceIdentifier=s.ids["db_instance.2"], DBInstanceClass="db.r6g.xlarge", ApplyImmediately=True)),
    ("TLS is no longer forced", "db_parameter_group.postgresql16", "parameters",
     lambda s: s.rds.modify_db_cluster_parameter_group(
         DBClusterParameterGroupName=s.ids["db_parameter_group.postgresql16"],
         Parameters=[{"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}])),
    ("the group of subnets shrinks", "db_subnet_group.main", "subnet_ids",
     lambda s: s.rds.modify_db_subnet_group(
         DBSubnetGroupName=s.ids["db_subnet_group.main"],
         SubnetIds=s.subnets("isolated")[:2])),
    ("a tag is added to the group of subnets", "db_subnet_group.main", "tags",
     lambda s: s.rds.add_tags_to_resource(
         ResourceName=s.arn("describe_db_subnet_groups", "DBSubnetGroups", s.ids["db_subnet_group.main"]),
         Tags=[NOT_OURS])),
    ("the proxy takes connections without TLS", "db_proxy.main", "require_tls",
     lambda s: s.rds.modify_db_proxy(DBProxyName=s.name("rds-proxy"), RequireTLS=False)),
    ("a tag is added to the proxy", "db_proxy.main", "tags",
     lambda s: s.rds.add_tags_to_resource(
         ResourceName=s.rds.describe_db_proxies(DBProxyName=s.name("rds-proxy"))["DBProxies"][0]["DBProxyArn"],
         Tags=[NOT_OURS])),
    ("the table is no longer recoverable", "table.sessions", "point_in_time_recovery",
     lambda s: s.dynamodb.update_continuous_backups(
         TableName=s.ids["table.sessions"],
         PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})),
    ("the table is protected", "table.sessions", "deletion_protection",
     lambda s: s.dynamodb.update_table(TableName=s.ids["table.sessions"], DeletionProtectionEnabled=True)),
    ("the archive keeps no versions", "bucket.archive", "versioning",
     lambda s: s.s3.put_bucket_versioning(
         Bucket=s.ids["bucket.archive"], VersioningConfiguration={"Status": "Suspended"})),
    ("the archive may be public", "bucket.archive", "public_access_blocked",
     lambda s: s.s3.delete_public_access_block(Bucket=s.ids["bucket.archive"])),
    ("the archive deletes early", "bucket.archive", "lifecycle", shorten_lifecycle),
    ("the log bucket loses its policy", "bucket.logs", "policy",
     lambda s: s.s3.delete_bucket_policy(Bucket=s.ids["bucket.logs"])),
    ("the trail stops", "trail.main", "logging", lambda s: s.cloudtrail.stop_logging(Name=s.name("trail"))),
    ("the trail is no longer validated", "trail.main", "validation",
     lambda s: s.cloudtrail.update_trail(Name=s.name("trail"), EnableLogFileValidation=False)),
    ("a parameter says something else", "parameter.limits/maximum-amount-minor", "value",
     lambda s: s.ssm.put_parameter(
         Name=f"/payments/{s.suffix}/limits/maximum-amount-minor", Value="1", Overwrite=True)),
    ("a parameter is deleted", "parameter.database/name", None,
     lambda s: s.ssm.delete_parameter(Name=f"/payments/{s.suffix}/database/name")),
    ("a tag is added to the signing key", "secret_parameter.secrets/webhook-signing-key", "tags",
     lambda s: s.ssm.add_tags_to_resource(
         ResourceType="Parameter", ResourceId=f"/payments/{s.suffix}/secrets/webhook-signing-key",
         Tags=[NOT_OURS])),
    ("a log group keeps less", "log_group.database", "retention_days",
     lambda s: s.logs.put_retention_policy(logGroupName=s.ids["log_group.database"], retentionInDays=7)),
    ("a log group loses its key", "log_group.api_access", "key_arn",
     lambda s: s.logs.disassociate_kms_key(logGroupName=s.ids["log_group.api_access"])),
    ("an alarm goes off later", "alarm.database_cpu_1", "threshold", make_alarm_deaf),
    ("an alarm tells nobody", "alarm.dead_letters", "actions_enabled",
     lambda s: s.cloudwatch.disable_alarm_actions(AlarmNames=[s.name("alarm-dead-letters")])),
    ("an alarm is deleted", "alarm.database_deadlocks", None,
     lambda s: s.cloudwatch.delete_alarms(AlarmNames=[s.name("alarm-database-deadlocks")])),
    ("the dashboard loses all its curves", "dashboard.main", "body",
     drop_widgets),
    ("a topic loses its policy", "topic.alarms", "policy",
     lambda s: s.sns.set_topic_attributes(
         TopicArn=s.ids["topic.alarms"], AttributeName="Policy",
         AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": []}))),
    ("a tag is added to a topic", "topic.payment_events", "tags",
     lambda s: s.sns.tag_resource(ResourceArn=s.ids["topic.payment_events"], Tags=[NOT_OURS])),
    ("nobody hears the events", "subscription.*", None, delete_subscription),
    ("the dead letters go early", "queue.notifications_dlq", "retention_seconds",
     lambda s: s.sqs.set_queue_attributes(
         QueueUrl=s.ids["queue.notifications_dlq"], Attributes={"MessageRetentionPeriod": "60"})),
    ("a function gets more memory", "function.transaction_processing", "memory_mb",
     lambda s: s.awslambda.update_function_configuration(
         FunctionName=s.name("lambda-transaction-processing"), MemorySize=1024)),
    ("a function gets a variable", "function.notifications", "environment", set_environment),
    ("a function is tagged", "function.payment_validation", "tags",
     lambda s: s.awslambda.tag_resource(
         Resource=s.awslambda.get_function(
             FunctionName=s.name("lambda-payment-validation"))["Configuration"]["FunctionArn"],
         Tags={"payinfra-test": "by hand"})),
    ("another version goes live", "function_alias.payment_validation", "timeout_seconds", move_alias),
    ("the schedule may no longer call", "permission.outbox_sweep", None, delete_permission),
    ("the schedule rests", "schedule.outbox_sweep", "enabled",
     lambda s: s.events.disable_rule(Name=s.name("rule-outbox-sweep"))),
    ("the API is described otherwise", "rest_api.main", "description",
     lambda s: s.patch("update_rest_api", "/description", "by hand")),
    ("a method is open to all", "api_method.post_payments_validate", "authorization",
     lambda s: s.patch(
         "update_method", "/authorizationType", "NONE",
         resourceId=s.resource("/payments/validate"), httpMethod="POST")),
    ("a model is gone", "api_model.refund_request", None,
     lambda s: s.apigateway.delete_model(restApiId=s.ids["rest_api.main"], modelName="RefundRequest")),
    ("a validator no longer looks at bodies", "api_validator.body", "body",
     lambda s: s.patch(
         "update_request_validator", "/validateRequestBody", "false", requestValidatorId=s.validator())),
    ("a path is gone", "api_resource.health", None,
     lambda s: s.apigateway.delete_resource(
         restApiId=s.ids["rest_api.main"], resourceId=s.resource("/health"))),
    ("its method is gone with it", "api_method.get_health", None, lambda s: None),
    ("the stage is throttled", "api_stage.live", "all_methods",
     lambda s: s.patch("update_stage", "/*/*/throttling/rateLimit", "5", stageName="live")),
    ("the stage no longer traces", "api_stage.live", "tracing",
     lambda s: s.patch("update_stage", "/tracingEnabled", "false", stageName="live")),
    ("the web ACL has one rule", "web_acl.api", "rules", disarm_web_acl),
    ("the stage has no web ACL", "web_acl_association.stage", None, dissociate_web_acl),
]

# What an emulator cannot do or does not show.
CANNOT = {
    ("ministack", "an instance is promoted later"): "ModifyDBInstance ignores the promotion tier",
    ("ministack", "an alarm tells nobody"): "DescribeAlarms leaves out, in XML, whether actions are enabled",
    ("ministack", "a log group loses its key"): "DisassociateKmsKey is missing",
    ("moto", "the cluster keeps fewer backups"): "ModifyDBCluster fails looking for its automated snapshot",
    ("moto", "the cluster is protected"): "ModifyDBCluster fails looking for its automated snapshot",
    ("moto", "the group of subnets shrinks"): "ModifyDBSubnetGroup deletes the group",
    ("moto", "the proxy takes connections without TLS"): "ModifyDBProxy is missing",
    ("moto", "a log group loses its key"): "DisassociateKmsKey is missing",
    ("moto", "a method is open to all"): "UpdateMethod is missing",
}


def main(endpoint, suffix, emulator):
    """Makes every change the emulator can make."""
    stack = Stack(endpoint, suffix)
    for name, address, attribute, change in DRIFTS:
        line = {"name": name, "address": address, "attribute": attribute}
        reason = CANNOT.get((emulator, name))
        if reason:
            line["cannot"] = reason
        else:
            try:
                change(stack)
            except Exception as error:  # Told with the name of the change; the test fails on it.
                line["failed"] = repr(error)
        print(json.dumps(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
