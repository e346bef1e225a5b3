"""Probes about names, orders and times."""

import time

from botocore.exceptions import ClientError

from .probes import probe


def code_of(call):
    """The code that a call is refused with; none if it succeeds."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def refusals(run, call):
    """The codes that a call is refused with until it succeeds, and how long that takes."""
    codes = []

    def attempt():
        code = code_of(call)
        if code and code not in codes:
            codes.append(code)
        return code is None

    done, took = run.until(attempt, seconds=120)
    said = f"refused with {', '.join(codes)}" if codes else "never refused"
    return f"{said}; {'accepted' if done else 'not accepted'} after {took:.0f} s"


@probe(
    "parameter-name-after-deletion",
    "What does PutParameter answer within 30 seconds of the deletion of that name?",
    "A parameter is put, deleted, and put again until it is accepted.",
    "The code must be one that the engine waits for (aws/errors/codes.rs), or a replaced parameter ends `up`.",
)
def parameter_name(run):
    ssm, name = run.client("ssm"), run.name("parameter")
    ssm.put_parameter(Name=name, Value="1", Type="String")
    ssm.delete_parameter(Name=name)
    answer = refusals(run, lambda: ssm.put_parameter(Name=name, Value="2", Type="String"))
    code_of(lambda: ssm.delete_parameter(Name=name))
    return answer


@probe(
    "queue-name-after-deletion",
    "What does CreateQueue answer within 60 seconds of the deletion of that name?",
    "A queue is created, deleted, and created again until that is accepted.",
    "The code must be one that the engine waits for (aws/errors/codes.rs), or `up` after `destroy` fails.",
)
def queue_name(run):
    sqs, name = run.client("sqs"), run.name("queue")
    sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName=name)["QueueUrl"])
    answer = refusals(run, lambda: sqs.create_queue(QueueName=name))
    code_of(lambda: sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"]))
    return answer


@probe(
    "parameter-key-id",
    "Does DescribeParameters return KeyId as the ARN that was sent?",
    "A SecureString is put under the ARN of the stack's key, and described.",
    "Any other form is a difference for ever: steps/parameters/secret_parameter.rs replaces the secret when its key differs.",
)
def parameter_key(run):
    ssm, name = run.client("ssm"), run.name("secret")
    key = run.stack.snapshot()["records"]["key.main"]["outputs"]["arn"]
    ssm.put_parameter(Name=name, Value="1", Type="SecureString", KeyId=key)
    names = {"Key": "Name", "Values": [name]}
    described, _ = run.until(lambda: ssm.describe_parameters(ParameterFilters=[names])["Parameters"], seconds=60)
    ssm.delete_parameter(Name=name)
    if not described:
        return "not settled: the parameter was never described"
    return "yes" if described[0].get("KeyId") == key else f"no, as {described[0].get('KeyId')}"


@probe(
    "alarm-metrics-order",
    "Does DescribeAlarms return Metrics in the order that PutMetricAlarm had?",
    "An alarm on three queries with the ids c, a, b is put and described.",
    "If not, steps/monitoring/alarm.rs must compare queries by id.",
)
def alarm_metrics(run):
    cloudwatch, name = run.client("cloudwatch"), run.name("alarm")
    metric = {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent"}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "c", "Expression": "a + b", "ReturnData": True},
        {"Id": "a", "MetricStat": stat, "ReturnData": False},
        {"Id": "b", "MetricStat": stat, "ReturnData": False},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName=name, Metrics=queries, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        ActionsEnabled=False,
    )
    alarms, _ = run.until(lambda: cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"], seconds=60)
    cloudwatch.delete_alarms(AlarmNames=[name])
    order = "".join(query["Id"] for query in alarms[0]["Metrics"]) if alarms else "?"
    return "yes" if order == "cab" else f"no, as {order}"


@probe(
    "deleted-subscription",
    "How long is a subscription that is gone listed as `Deleted`?",
    "A queue is subscribed to a topic and unsubscribed, and the topic's subscriptions are listed until it is gone.",
    "As long as that, `diff` must not take it for a live one (steps/messaging/subscription.rs).",
)
def deleted_subscription(run):
    sns, sqs = run.client("sns"), run.client("sqs")
    topic = sns.create_topic(Name=run.name("deleted"))["TopicArn"]
    queue = sqs.create_queue(QueueName=run.name("deleted"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscribed = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    forms = []

    def gone():
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        forms.extend(one["SubscriptionArn"] for one in listed if one["SubscriptionArn"] not in forms)
        return not listed

    ended, took = run.until(gone)
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)
    shown = "as `Deleted`" if "Deleted" in forms else "under its ARN" if forms else "not at all"
    return f"{shown}; {'gone' if ended else 'still listed'} after {took:.0f} s"


@probe(
    "api-updating",
    "How long is a new API `UPDATING`?",
    "The API's status was noted while `up` ran.",
    "Longer than the timeout of steps/api/rest_api.rs, and `up` gives the API up.",
)
def api_updating(run):
    return states(run, "api")


@probe(
    "proxy-targets-while-creating",
    "Does a proxy that is being created show its targets?",
    "Its status, and what DescribeDBProxyTargets answers, were noted while `up` ran.",
    "A refusal other than InvalidDBProxyStateFault or one of the not-found codes would end a `list` in steps/database/db_proxy.",
)
def proxy_targets(run):
    return f"proxy: {states(run, 'proxy')}; targets: {states(run, 'targets')}"


def states(run, what):
    seen = run.done["watched"].get(what) or []
    return ", then ".join(f"{one['state']} at {one['after']:.0f} s" for one in seen) or "not seen"


@probe(
    "tag-filter-lag",
    "How long does a tag filter of EC2 miss an object that was created with the tag?",
    "An internet gateway is created with a tag and listed by it until it appears, then deleted.",
    "Longer than the visibility window (engine/base.rs, 60 s), and a create whose answer was lost is repeated too early.",
)
def tag_filter(run):
    ec2, name = run.client("ec2"), run.name("gateway")
    tags = [{"ResourceType": "internet-gateway", "Tags": [{"Key": "Name", "Value": name}]}]
    gateway = ec2.create_internet_gateway(TagSpecifications=tags)["InternetGateway"]["InternetGatewayId"]
    begun = time.monotonic()
    try:
        by_tag = [{"Name": "tag:Name", "Values": [name]}]
        found, _ = run.until(lambda: ec2.describe_internet_gateways(Filters=by_tag)["InternetGateways"], pause=0.5)
        return f"{time.monotonic() - begun:.1f} s" if found else "it never appeared"
    finally:
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
