#!/usr/bin/env python3
"""Lists everything of one stack on an emulator or in AWS, written from the specification alone and with another SDK.

    inventory.py ENDPOINT SUFFIX
    inventory.py --serve

Prints one JSON object a line: the listing that showed the thing, its id, and the address in its tags. With --serve it
reads lines of `ENDPOINT SUFFIX` and answers each with one line, a JSON array of such objects. A thing is the stack's if it carries one of the stack's tags, or if the suffix ends a part of any text that describes it (`vpc-dev`,
`/payments/dev/features`, `arn:...:lambda-notifications-dev:live`).
"""

import functools
import json
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Service, operation, where the answer has the things, and what identifies one of them.
LISTINGS = [
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    ("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_proxies", "DBProxies", "DBProxyName"),
    ("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups", "DBClusterParameterGroupName"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    ("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"),
    ("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
    ("dynamodb", "list_tables", "TableNames", "name"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("cloudtrail", "describe_trails", "trailList", "Name"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("events", "list_rules", "Rules", "Name"),
    ("sqs", "list_queues", "QueueUrls", "name"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("kms", "list_keys", "Keys", "KeyId"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("apigateway", "get_rest_apis", "items", "id"),
    ("apigateway", "get_api_keys", "items", "id"),
    ("apigateway", "get_usage_plans", "items", "id"),
    ("apigateway", "get_domain_names", "items", "domainName"),
    ("acm", "list_certificates", "CertificateSummaryList", "CertificateArn"),
    ("wafv2", "list_web_acls", "WebACLs", "Name"),
]

ARGUMENTS = {"list_web_acls": {"Scope": "REGIONAL"}}

# What shows a thing that is gone, or that nobody can take back faster.
GONE = {
    ("NatGateways", "State"): {"deleted"},
    ("VpcEndpoints", "State"): {"deleted"},
    ("Keys", "KeyState"): {"PendingDeletion"},
    ("SecretList", "DeletedDate"): None,
    # AWS deletes them with their cluster; moto forgets to.
    ("DBClusterSnapshots", "SnapshotType"): {"automated"},
    ("DBSnapshots", "SnapshotType"): {"automated"},
}

# What the tagging service still shows of such things: keys, NAT gateways, automated snapshots.
LINGERING = (":key/", ":natgateway/", "snapshot:rds:")


@functools.cache
def connect(endpoint, service):
    """A client that talks to the endpoint and to nothing else; `aws` is AWS itself, with credentials of its chain."""
    if endpoint == "aws":
        return boto3.client(service, region_name="us-east-1", config=Config(retries={"mode": "standard", "total_max_attempts": 8}))
    config = Config(retries={"max_attempts": 2}, read_timeout=30, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


def pages(client, operation, key):
    """Everything a listing shows; an operation the emulator does not have shows nothing, which is said."""
    arguments = ARGUMENTS.get(operation, {})
    try:
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**arguments):
                yield from page.get(key) or []
        else:
            yield from getattr(client, operation)(**arguments).get(key) or []
    except (ClientError, BotoCoreError) as error:
        print(f"{operation}: {error}", file=sys.stderr)


def details(client, key, thing):
    """What a listing leaves out of a thing: its tags, mostly."""
    match key:
        case "TableNames":
            table = client.describe_table(TableName=thing)["Table"]
            return table | client.list_tags_of_resource(ResourceArn=table["TableArn"])
        case "Buckets":
            return client.get_bucket_tagging(Bucket=thing["Name"])
        case "trailList":
            return client.list_tags(ResourceIdList=[thing["TrailARN"]])["ResourceTagList"][0]
        case "Functions":
            return client.list_tags(Resource=thing["FunctionArn"])
        case "Rules":
            return client.list_tags_for_resource(ResourceARN=thing["Arn"])
        case "QueueUrls":
            return client.list_queue_tags(QueueUrl=thing)
        case "Topics":
            return client.list_tags_for_resource(ResourceArn=thing["TopicArn"])
        case "Keys":
            return client.describe_key(KeyId=thing["KeyId"])["KeyMetadata"] | client.list_resource_tags(
                KeyId=thing["KeyId"]
            )
        case "MetricAlarms":
            return client.list_tags_for_resource(ResourceARN=thing["AlarmArn"])
        case "Roles":
            return client.list_role_tags(RoleName=thing["RoleName"])
        case "logGroups":
            return client.list_tags_log_group(logGroupName=thing["logGroupName"])
        case "Parameters":
            return client.list_tags_for_resource(ResourceType="Parameter", ResourceId=thing["Name"])
        case "CertificateSummaryList":
            return client.list_tags_for_certificate(CertificateArn=thing["CertificateArn"])
        case "WebACLs":
            return client.list_tags_for_resource(ResourceARN=thing["ARN"])["TagInfoForResource"]
        case "DBProxies":
            return client.list_tags_for_resource(ResourceName=thing["DBProxyArn"])
        case "DBClusterParameterGroups":
            return client.list_tags_for_resource(ResourceName=thing["DBClusterParameterGroupArn"])
        case "DBSubnetGroups":
            return client.list_tags_for_resource(ResourceName=thing["DBSubnetGroupArn"])
    return {}


def parts_of(client, key, thing):
    """What a thing consists of and no listing of its own shows; the ids are names, to compare one stack with another."""
    match key:
        case "items" if "rootResourceId" in thing:
            api = {"restApiId": thing["id"]}
            for resource in client.get_resources(**api, limit=500, embed=["methods"])["items"]:
                methods = ",".join(sorted(resource.get("resourceMethods", {})))
                yield {"from": "apigateway:resources", "id": f"{resource['path']} {methods}", "address": None}
            for model in client.get_models(**api)["items"]:
                yield {"from": "apigateway:models", "id": model["name"], "address": None}
            for validator in client.get_request_validators(**api)["items"]:
                yield {"from": "apigateway:validators", "id": validator["name"], "address": None}
            for deployment in client.get_deployments(**api)["items"]:
                yield {"from": "apigateway:deployments", "id": deployment.get("description", ""), "address": None}
            for stage in client.get_stages(**api)["item"]:
                yield {"from": "apigateway:stages", "id": stage["stageName"], "address": None}
        case "Functions":
            for alias in client.list_aliases(FunctionName=thing["FunctionName"])["Aliases"]:
                yield {"from": "lambda:aliases", "id": f"{thing['FunctionName']}:{alias['Name']}", "address": None}
        case "Rules":
            for target in client.list_targets_by_rule(Rule=thing["Name"])["Targets"]:
                yield {"from": "events:targets", "id": f"{thing['Name']} {target['Id']}", "address": None}


def tags_in(value):
    """Every tag anywhere in an answer, whether written as a map or as a list of pairs."""
    if isinstance(value, dict):
        name = value.get("Key", value.get("TagKey"))
        if isinstance(name, str) and ("Value" in value or "TagValue" in value):
            yield name, value.get("Value", value.get("TagValue"))
        for key, inner in value.items():
            if key in ("Tags", "tags", "TagSet") and isinstance(inner, dict):
                yield from inner.items()
            else:
                yield from tags_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from tags_in(inner)


def texts_in(value):
    """Every text anywhere in an answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def inventory(endpoint, suffix):
    """Yields everything of the stack."""
    part = re.compile(rf"[-/]{re.escape(suffix)}($|[/:*\"])")
    for service, operation, key, identity in LISTINGS:
        client = connect(endpoint, service)
        for thing in pages(client, operation, key):
            known = dict(thing) if isinstance(thing, dict) else {"name": thing}
            try:
                known |= details(client, key, thing)
            except (ClientError, BotoCoreError, KeyError, IndexError):
                pass  # The emulator keeps no tags here; the names still tell.
            if any(
                known.get(field) and (states is None or known[field] in states)
                for (where, field), states in GONE.items()
                if where == key
            ):
                continue
            tags = dict(tags_in(known))
            marked = suffix in (tags.get("payinfra:stack"), tags.get("Environment"))
            if marked or any(part.search(text) for text in texts_in(known)):
                yield {"from": f"{service}:{key}", "id": known[identity], "address": tags.get("payinfra:address")}
                yield from parts_of(client, key, known)
    tagging = connect(endpoint, "resourcegroupstaggingapi").get_paginator("get_resources")
    try:
        ours = [{"Key": "payinfra:stack", "Values": [suffix]}]
        for page in tagging.paginate(TagFilters=ours, PaginationConfig={"PageSize": 100}):
            for thing in page["ResourceTagMappingList"]:
                if not any(text in thing["ResourceARN"] for text in LINGERING):
                    yield {"from": "tagging", "id": thing["ResourceARN"], "address": None}
    except (ClientError, BotoCoreError) as error:
        print(f"get_resources: {error}", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        for request in sys.stdin:
            print(json.dumps(list(inventory(*request.split()))), flush=True)
    else:
        for line in inventory(*sys.argv[1:]):
            print(json.dumps(line))
