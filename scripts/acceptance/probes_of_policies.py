"""Probes about policies: whether they come back as they were written."""

import json

from .probes import probe


def meaning(value):
    """A policy with its lists as sets, and lists of one element as that element."""
    if isinstance(value, list):
        items = sorted((meaning(item) for item in value), key=json.dumps)
        return items[0] if len(items) == 1 else items
    if isinstance(value, dict):
        return {key: meaning(item) for key, item in value.items()}
    return value


def compared(pairs):
    """How policies that came back differ from what was written."""
    answers = []
    for name, written, back in pairs:
        if written == back:
            answers.append(f"{name}: as written")
        elif meaning(written) == meaning(back):
            answers.append(f"{name}: lists reordered or unwrapped")
        else:
            answers.append(f"{name}: changed, to {json.dumps(back)}")
    return "; ".join(answers) or "nothing to compare"


MEANS = "Policies are compared by meaning (steps/policy.rs); a change that this does not cover is a difference for ever."


@probe(
    "key-policy-order",
    "Does KMS return a key's policy as it was written?",
    "The stack's key policy is compared with the one in its state.",
    MEANS,
)
def key_policy(run):
    back = run.client("kms").get_key_policy(KeyId=run.stack.snapshot()["records"]["key.main"]["id"], PolicyName="default")
    return compared([("key.main", run.stack.spec("key.main")["policy"], json.loads(back["Policy"]))])


@probe(
    "endpoint-policy-order",
    "Does a VPC endpoint return its policy as it was written?",
    "The policies of the stack's endpoints are compared with those in its state.",
    MEANS,
)
def endpoint_policy(run):
    pairs = []
    for address, record in run.stack.snapshot()["records"].items():
        if address.startswith("vpc_endpoint."):
            shown = run.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[record["id"]])["VpcEndpoints"][0]
            pairs.append((address, record["spec"]["policy"], json.loads(shown["PolicyDocument"])))
    return compared(pairs)


@probe(
    "bucket-policy-order",
    "Does S3 return a bucket's policy as it was written?",
    "The policies of the stack's buckets are compared with those in its state.",
    MEANS,
)
def bucket_policy(run):
    pairs = []
    for address, record in run.stack.snapshot()["records"].items():
        if address.startswith("bucket."):
            shown = run.client("s3").get_bucket_policy(Bucket=record["id"])["Policy"]
            pairs.append((address, record["spec"]["policy"], json.loads(shown)))
    return compared(pairs)
