#!/usr/bin/env python3
"""Makes and reads the bucket of a shared state, with another SDK than payinfra's.

    state_bucket.py ENDPOINT make BUCKET [PART...]
    state_bucket.py ENDPOINT read BUCKET

`make` makes the bucket with the given of `versioning`, `encryption` and `closed`. `read` prints one JSON object a line:
the key and the text of each object.
"""

import json
import sys

import boto3
from botocore.config import Config

endpoint, action, bucket, *parts = sys.argv[1:]
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(s3={"addressing_style": "path"}),
)
if action == "make":
    s3.create_bucket(Bucket=bucket)
    if "versioning" in parts:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    if "encryption" in parts:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    if "closed" in parts:
        names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(names, True))
else:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            print(json.dumps({"key": found["Key"], "text": body.decode()}))
