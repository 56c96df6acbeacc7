"""Asks KMS for 32 bytes with boto3, or with OPERATION=GetRandomPassword Secrets Manager for a password, and
prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any."""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

options = {"endpoint_url": sys.argv[1]} if len(sys.argv) > 1 else {}
try:
    if os.environ.get("OPERATION") == "GetRandomPassword":
        client = boto3.client("secretsmanager", **options)
        print("ok", len(client.get_random_password()["RandomPassword"]))
    else:
        client = boto3.client("kms", **options)
        print("ok", len(client.generate_random(NumberOfBytes=32)["Plaintext"]))
except ClientError as failure:
    error = failure.response["Error"]
    print("error", error["Code"], error["Message"])
except BotoCoreError as failure:
    print("error", type(failure).__name__, failure)
