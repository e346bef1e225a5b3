"""Probes about conditions: which services say for whom they act."""

import io
import json
import time
import zipfile

from botocore.exceptions import ClientError

from .probes import probe
from .stack import Failed

PATH = "/payinfra-acceptance/"


def statement(**parts):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **parts}]})


def role_for(run, word, service):
    """A role that only the service may assume, and only with the account as its source."""
    trust = statement(
        Principal={"Service": service},
        Action="sts:AssumeRole",
        Condition={"StringEquals": {"aws:SourceAccount": run.account}},
    )
    made = run.client("iam").create_role(RoleName=run.name(word), Path=PATH, AssumeRolePolicyDocument=trust)
    return made["Role"]["Arn"]


def delivered(run, word, key=None):
    """Whether a topic reaches a queue whose policy, or whose key's, demands the topic and the account."""
    sns, sqs = run.client("sns"), run.client("sqs")
    topic = sns.create_topic(Name=run.name(word))["TopicArn"]
    attributes = {"KmsMasterKeyId": key} if key else {}
    queue = sqs.create_queue(QueueName=run.name(word), Attributes=attributes)["QueueUrl"]
    try:
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        demanded = {"ArnEquals": {"aws:SourceArn": topic}}
        if not key:
            demanded["StringEquals"] = {"aws:SourceAccount": run.account}
        policy = statement(
            Principal={"Service": "sns.amazonaws.com"}, Action="sqs:SendMessage", Resource=arn, Condition=demanded
        )
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

        def arrives():
            # Again and again: a policy may take a while to be in force.
            sns.publish(TopicArn=topic, Message="probe")
            return sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages")

        arrived, took = run.until(arrives, seconds=180)
        return f"yes, after {took:.0f} s" if arrived else f"no, not within {took:.0f} s"
    finally:
        sns.delete_topic(TopicArn=topic)
        sqs.delete_queue(QueueUrl=queue)


@probe(
    "sns-to-sqs-source-account",
    "Does SNS send aws:SourceAccount to SQS?",
    "A queue's policy demands the topic's ARN and the account; a message is published until it arrives.",
    "If not, no policy of a queue may demand it (stack/graph/policy.rs demands only the ARN).",
)
def sns_to_sqs(run):
    return delivered(run, "sns-sqs")


@probe(
    "sns-to-kms-source-account",
    "Does SNS send aws:SourceAccount to KMS?",
    "The key of an encrypted queue demands the account of SNS; a message is published until it arrives.",
    "If not, the stack's key policy must not demand it of SNS (stack/graph/key.rs).",
)
def sns_to_kms(run):
    kms, name = run.client("kms"), run.name("sns-kms")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{run.account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": run.account}},
            },
        ],
    }
    key = kms.create_key(Policy=json.dumps(policy), Description=name)["KeyMetadata"]["KeyId"]
    try:
        return delivered(run, "sns-kms", key)
    finally:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


@probe(
    "lambda-source-account-in-vpc",
    "Does Lambda send aws:SourceAccount when it makes a function in a VPC?",
    "A function in the stack's subnets gets a role whose trust demands the account.",
    "If not, the trust of the functions' roles must use StringEqualsIfExists (stack/graph/functions).",
)
def lambda_in_vpc(run):
    iam, functions, name = run.client("iam"), run.client("lambda"), run.name("function")
    arn = role_for(run, "function", "lambda.amazonaws.com")
    access = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
    iam.attach_role_policy(RoleName=run.name("function"), PolicyArn=access)
    spec = run.stack.spec("function.notifications")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("bootstrap", "#!/bin/sh\n")
    refused = []

    def made():
        try:
            return functions.create_function(
                FunctionName=name, Role=arn, Runtime="provided.al2023", Handler="bootstrap",
                Code={"ZipFile": packed.getvalue()},
                VpcConfig={"SubnetIds": spec["subnet_ids"], "SecurityGroupIds": spec["security_group_ids"]},
            )
        except ClientError as error:
            refused.append(error.response["Error"]["Message"])
            return None

    # A fresh role is not known everywhere for some seconds.
    if not run.until(made, seconds=120)[0]:
        return f"no: refused, {refused[-1]}"

    def settled():
        configuration = functions.get_function(FunctionName=name)["Configuration"]
        return configuration if configuration.get("State", "Active") != "Pending" else None

    configuration, _ = run.until(settled)
    if configuration is None:
        return "not settled: the function stayed Pending"
    state = configuration.get("State", "Active")
    return "yes" if state == "Active" else f"no: {state}, {configuration.get('StateReason')}"


@probe(
    "lambda-narrow-network-interface",
    "Can ec2:CreateNetworkInterface be narrowed to subnets and groups?",
    "The roles of the stack's functions are narrowed so; the functions are Active or not.",
    "If not, stack/graph/functions must allow it on everything.",
)
def narrow_interfaces(run):
    functions = run.client("lambda")
    states = {}
    for address, record in run.stack.snapshot()["records"].items():
        if address.startswith("function."):
            states[address] = functions.get_function(FunctionName=record["id"])["Configuration"].get("State", "Active")
    return "yes" if set(states.values()) == {"Active"} else f"no: {states}"


@probe(
    "rds-proxy-source-account",
    "Does RDS Proxy send aws:SourceAccount when it assumes its role?",
    "For a while the stack's proxy gets a role like its own whose trust demands the account; its targets work or do not.",
    "If not, the trust of the proxy's role must not demand it (stack/graph/database.rs).",
)
def rds_proxy(run):
    rds, iam, word = run.client("rds"), run.client("iam"), "rds-proxy"
    record = next(record for address, record in run.stack.snapshot()["records"].items() if address.startswith("db_proxy."))
    name, own = record["id"], record["spec"]["role_arn"]
    arn = role_for(run, word, "rds.amazonaws.com")
    own_name = own.rsplit("/", 1)[-1]
    for policy in iam.list_role_policies(RoleName=own_name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=own_name, PolicyName=policy)["PolicyDocument"]
        iam.put_role_policy(RoleName=run.name(word), PolicyName=policy, PolicyDocument=json.dumps(document))
    try:
        use_role(run, rds, name, arn)
        # Connections that are open stay so; new ones need the role.
        time.sleep(min(120, run.probe_seconds))
        states, _ = run.until(lambda: healthy(rds, name))
        return "yes" if states else f"no: {health(rds, name)}"
    finally:
        use_role(run, rds, name, own)
        run.until(lambda: healthy(rds, name))


def use_role(run, rds, name, arn):
    """Gives the proxy a role, and waits until it has taken it over."""
    def changed():
        try:
            rds.modify_db_proxy(DBProxyName=name, RoleArn=arn)
            return True
        except ClientError as error:
            # A fresh role, or a proxy that is still changing.
            if error.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidDBProxyStateFault"):
                return False
            raise

    if not run.until(changed)[0]:
        raise Failed(f"the proxy does not take {arn}")
    run.until(lambda: rds.describe_db_proxies(DBProxyName=name)["DBProxies"][0]["Status"] == "available")


def health(rds, name):
    """The targets that are instances, with the state of each."""
    targets = rds.describe_db_proxy_targets(DBProxyName=name)["Targets"]
    states = {target.get("RdsResourceId", "?"): target.get("TargetHealth", {}) for target in targets}
    return {target: {key: one[key] for key in ("State", "Reason", "Description") if key in one} for target, one in states.items()}


def healthy(rds, name):
    states = [one["State"] for one in health(rds, name).values() if "State" in one]
    return bool(states) and set(states) == {"AVAILABLE"}
