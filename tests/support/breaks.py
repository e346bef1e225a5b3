#!/usr/bin/env python3
"""Breaks one link of a deployed stack on an emulator, or sets one of its parameters.

    breaks.py ENDPOINT SUFFIX NAME [PARAMETER VALUE]
"""

import io
import sys
import zipfile

from inventory import connect

# A payment-validation that calls everything well.
CREDULOUS = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
    id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
    curl -sS -X POST "$api/$id/response" -d '{"statusCode":200,"headers":{},"body":"{\\"status\\":\\"ok\\"}"}'
done
"""


class Stack:
    """The stack as it stands."""

    def __init__(self, endpoint, suffix):
        self.endpoint, self.suffix = endpoint, suffix

    def service(self, name):
        return connect(self.endpoint, name)

    def api(self):
        apis = self.service("apigateway").get_rest_apis(limit=500)["items"]
        return next(api["id"] for api in apis if api["name"] == f"api-{self.suffix}")

    def resource(self, path):
        found = self.service("apigateway").get_resources(restApiId=self.api(), limit=500)["items"]
        return next(resource["id"] for resource in found if resource["path"] == path)

    def topic(self, role):
        topics = self.service("sns").list_topics()["Topics"]
        return next(t["TopicArn"] for t in topics if t["TopicArn"].endswith(f":sns-{role}-{self.suffix}"))

    def unsubscribe(self, role, protocol):
        sns = self.service("sns")
        found = sns.list_subscriptions_by_topic(TopicArn=self.topic(role))["Subscriptions"]
        for subscription in found:
            if subscription["Protocol"] == protocol:
                sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])

    def parameter(self, name, value, kind="String"):
        name = f"/payments/{self.suffix}/{name}"
        self.service("ssm").put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


def no_stage(s):
    s.service("apigateway").delete_stage(restApiId=s.api(), stageName="live")


def open_to_all(s):
    change = [{"op": "replace", "path": "/authorizationType", "value": "NONE"}]
    resource = s.resource("/payments/validate")
    s.service("apigateway").update_method(
        restApiId=s.api(), resourceId=resource, httpMethod="POST", patchOperations=change
    )


def blind_validator(s):
    gateway = s.service("apigateway")
    for validator in gateway.get_request_validators(restApiId=s.api())["items"]:
        change = [{"op": "replace", "path": "/validateRequestBody", "value": "false"}]
        gateway.update_request_validator(
            restApiId=s.api(), requestValidatorId=validator["id"], patchOperations=change
        )


def credulous_function(s):
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, CREDULOUS)
    name = f"lambda-payment-validation-{s.suffix}"
    functions = s.service("lambda")
    version = functions.update_function_code(FunctionName=name, ZipFile=code.getvalue(), Publish=True)["Version"]
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


def no_get_method(s):
    resource = s.resource("/payments/transactions/{id}")
    s.service("apigateway").delete_method(restApiId=s.api(), resourceId=resource, httpMethod="GET")


def unencrypted_archive(s):
    bucket = next(
        bucket["Name"]
        for bucket in s.service("s3").list_buckets()["Buckets"]
        if bucket["Name"].startswith("s3-archive-") and bucket["Name"].endswith(f"-{s.suffix}")
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s.service("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def no_signing_key(s):
    s.service("ssm").delete_parameter(Name=f"/payments/{s.suffix}/secrets/webhook-signing-key")


def silent_alarm(s):
    s.service("cloudwatch").disable_alarm_actions(AlarmNames=[f"alarm-api-rate-{s.suffix}"])


def speaking_alarm(s):
    s.service("cloudwatch").enable_alarm_actions(AlarmNames=[f"alarm-api-rate-{s.suffix}"])


BREAKS = {
    "no-stage": no_stage,
    "open-to-all": open_to_all,
    "blind-validator": blind_validator,
    "credulous-function": credulous_function,
    "no-get-method": no_get_method,
    "nobody-hears-events": lambda s: s.unsubscribe("payment-events", "lambda"),
    "unencrypted-archive": unencrypted_archive,
    "no-signing-key": no_signing_key,
    "other-signing-key": lambda s: s.parameter("secrets/webhook-signing-key", "another", "SecureString"),
    "silent-alarm": silent_alarm,
    "speaking-alarm": speaking_alarm,
    "nobody-hears-alarms": lambda s: s.unsubscribe("alarms", "sqs"),
}


def main():
    endpoint, suffix, name, *rest = sys.argv[1:]
    stack = Stack(endpoint, suffix)
    if name == "parameter":
        stack.parameter(*rest)
    else:
        BREAKS[name](stack)


if __name__ == "__main__":
    main()
