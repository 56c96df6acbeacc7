"""Asks KMS for 32 bytes with boto3, and prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any."""

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

options = {"endpoint_url": sys.argv[1]} if len(sys.argv) > 1 else {}
try:
    answer = boto3.client("kms", **options).generate_random(NumberOfBytes=32)
    print("ok", len(answer["Plaintext"]))
except ClientError as failure:
    error = failure.response["Error"]
    print("error", error["Code"], error["Message"])
except BotoCoreError as failure:
    print("error", type(failure).__name__, failure)
