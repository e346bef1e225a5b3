"""Prints every secret that an emulator holds of a stack, one JSON object a line: {"name": …, "value": …}.

Only for tests, on an emulator, where nothing is secret.
"""

import json
import sys

import boto3

endpoint, suffix = sys.argv[1:]


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def tell(name, value):
    if value:
        print(json.dumps({"name": name, "value": value}))


ssm = client("ssm")
for page in ssm.get_paginator("get_parameters_by_path").paginate(
    Path=f"/payments/{suffix}", Recursive=True, WithDecryption=True
):
    for parameter in page["Parameters"]:
        if parameter["Type"] == "SecureString":
            tell(parameter["Name"], parameter["Value"])

for key in client("apigateway").get_api_keys(includeValues=True)["items"]:
    tell(f"API key {key['name']}", key.get("value"))

secrets = client("secretsmanager")
for secret in secrets.list_secrets()["SecretList"]:
    value = secrets.get_secret_value(SecretId=secret["ARN"]).get("SecretString", "")
    try:
        value = json.loads(value).get("password", value)
    except (ValueError, AttributeError):
        pass
    tell(secret["Name"], value)
