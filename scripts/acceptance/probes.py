"""The probes: questions that only a real account can answer (docs/aws-behaviour.md, "What only a real account can settle").

Each names its question, how it is asked, and what the answer means for the code. What a probe makes has a name that begins
with `payinfra-acceptance-` and the run's suffix, and is removed by that name.
"""

from dataclasses import dataclass
from typing import Callable

PREFIX = "payinfra-acceptance-"


@dataclass
class Probe:
    """One question."""

    id: str
    question: str
    how: str
    means: str
    ask: Callable


ALL: list[Probe] = []


def probe(id, question, how, means):
    """Makes a probe of a function that gives the answer."""

    def register(ask):
        ALL.append(Probe(id, question, how, means, ask))
        return ask

    return register


def ours(run):
    """What the names of this run's probes begin with."""
    return run.name("")


def found(run):
    """Everything that probes have made: what it is, and how it is removed."""
    start = ours(run)
    functions = run.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for name in (one["FunctionName"] for one in page["Functions"]):
            if name.startswith(start):
                yield f"lambda {name}", lambda name=name: functions.delete_function(FunctionName=name)
    sns, sqs = run.client("sns"), run.client("sqs")
    for page in sns.get_paginator("list_topics").paginate():
        for arn in (one["TopicArn"] for one in page["Topics"]):
            if arn.rsplit(":", 1)[-1].startswith(start):
                yield f"sns {arn}", lambda arn=arn: sns.delete_topic(TopicArn=arn)
    for url in sqs.list_queues(QueueNamePrefix=start).get("QueueUrls", []):
        yield f"sqs {url}", lambda url=url: sqs.delete_queue(QueueUrl=url)
    ssm = run.client("ssm")
    names = {"Key": "Name", "Option": "BeginsWith", "Values": [start]}
    for page in ssm.get_paginator("describe_parameters").paginate(ParameterFilters=[names]):
        for name in (one["Name"] for one in page["Parameters"]):
            yield f"ssm {name}", lambda name=name: ssm.delete_parameter(Name=name)
    cloudwatch = run.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=start)["MetricAlarms"]:
        name = alarm["AlarmName"]
        yield f"cloudwatch {name}", lambda name=name: cloudwatch.delete_alarms(AlarmNames=[name])
    kms = run.client("kms")
    for page in kms.get_paginator("list_keys").paginate():
        for key in (one["KeyId"] for one in page["Keys"]):
            described = kms.describe_key(KeyId=key)["KeyMetadata"]
            if described.get("Description", "").startswith(start) and described["KeyState"] != "PendingDeletion":
                # It costs nothing from then on.
                yield f"kms {key}", lambda key=key: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    ec2 = run.client("ec2")
    for gateway in ec2.describe_internet_gateways(Filters=[{"Name": "tag:Name", "Values": [f"{start}*"]}])["InternetGateways"]:
        id = gateway["InternetGatewayId"]
        yield f"ec2 {id}", lambda id=id: ec2.delete_internet_gateway(InternetGatewayId=id)
    iam = run.client("iam")
    for page in iam.get_paginator("list_roles").paginate(PathPrefix="/payinfra-acceptance/"):
        for name in (one["RoleName"] for one in page["Roles"]):
            if name.startswith(start):
                yield f"iam {name}", lambda name=name: forget_role(iam, name)


def forget_role(iam, name):
    """Removes a role with its policies."""
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)


def leftovers(run):
    """What probes have left."""
    return [what for what, _ in found(run)]


def clean(run):
    """Removes what probes have left."""
    from botocore.exceptions import ClientError

    for what, remove in list(found(run)):
        try:
            remove()
        except ClientError as error:
            print(f"  {what}: {error}", flush=True)


# The probes register themselves.
from . import probes_of_names, probes_of_policies, probes_of_roles  # noqa: E402, F401
