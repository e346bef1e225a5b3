"""Makes a hosted zone on an emulator and prints its id: {"id": …}."""

import json
import sys

import boto3

endpoint, name = sys.argv[1:]
route53 = boto3.client(
    "route53",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
for attempt in range(1000):
    zone = route53.create_hosted_zone(Name=name, CallerReference=f"test {attempt}")["HostedZone"]
    zone_id = zone["Id"].removeprefix("/hostedzone/")
    # As all of AWS's do; moto's are random.
    if zone_id.startswith("Z"):
        print(json.dumps({"id": zone_id}))
        break
    route53.delete_hosted_zone(Id=zone_id)
