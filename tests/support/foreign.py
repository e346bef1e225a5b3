#!/usr/bin/env python3
"""Makes objects that payinfra did not make, and shows what has become of them.

    foreign.py marked|named|look ENDPOINT SUFFIX

`marked` makes objects that carry the stack's tags and that nothing explains, `named` makes objects that carry names of
the stack and no tags, `look` shows the named ones as they are. All print one JSON object a line.
"""

import json
import sys

from inventory import connect

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
    ],
}
KEY = {"AttributeName": "by_hand", "KeyType": "HASH"}
ATTRIBUTE = {"AttributeName": "by_hand", "AttributeType": "S"}


def marked(service, suffix):
    """One object of each of three services, with the stack's tags."""
    tags = {"payinfra:stack": suffix, "Environment": suffix, "Project": "payments"}
    pairs = lambda address: [{"Key": key, "Value": value} for key, value in (tags | {"payinfra:address": address}).items()]
    vpc = service("ec2").create_vpc(
        CidrBlock="10.99.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs("vpc.by_hand")}],
    )
    yield {"address": "vpc.by_hand", "id": vpc["Vpc"]["VpcId"]}
    topic = service("sns").create_topic(Name=f"sns-by-hand-{suffix}", Tags=pairs("topic.by_hand"))
    yield {"address": "topic.by_hand", "id": topic["TopicArn"]}
    name = f"log-group-by-hand-{suffix}"
    service("logs").create_log_group(logGroupName=name, tags=tags | {"payinfra:address": "log_group.by_hand"})
    yield {"address": "log_group.by_hand", "id": name}


def named(service, suffix):
    """Objects with names of the stack, made by somebody else."""
    service("iam").create_role(
        RoleName=f"role-notifications-{suffix}", AssumeRolePolicyDocument=json.dumps(TRUST), Description="by hand"
    )
    service("dynamodb").create_table(
        TableName=f"dynamodb-sessions-{suffix}",
        KeySchema=[KEY],
        AttributeDefinitions=[ATTRIBUTE],
        BillingMode="PAY_PER_REQUEST",
    )
    service("logs").create_log_group(logGroupName=f"log-group-api-access-{suffix}")
    service("ssm").put_parameter(Name=f"/payments/{suffix}/database/port", Value="by hand", Type="String")
    yield from look(service, suffix)


def look(service, suffix):
    """The named objects, with what would change if somebody touched them."""
    role = service("iam").get_role(RoleName=f"role-notifications-{suffix}")["Role"]
    yield {"role": role["RoleId"], "description": role["Description"], "trust": role["AssumeRolePolicyDocument"]}
    table = service("dynamodb").describe_table(TableName=f"dynamodb-sessions-{suffix}")["Table"]
    yield {"table": table["TableArn"], "key": table["KeySchema"]}
    groups = service("logs").describe_log_groups(logGroupNamePrefix=f"log-group-api-access-{suffix}")["logGroups"]
    yield {"log_groups": [[group["logGroupName"], group.get("retentionInDays")] for group in groups]}
    parameter = service("ssm").get_parameter(Name=f"/payments/{suffix}/database/port")["Parameter"]
    yield {"parameter": parameter["Value"], "version": parameter["Version"]}


if __name__ == "__main__":
    what, endpoint, stack = sys.argv[1:]
    act = {"marked": marked, "named": named, "look": look}[what]
    for line in act(lambda name: connect(endpoint, name), stack):
        print(json.dumps(line))
