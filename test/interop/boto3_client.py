"""Calls a KMS endpoint with boto3; prints one JSON object a call.

Arguments: the endpoint, then the parameters of each GenerateRandom as JSON. boto3's own checks are
off, so that everything reaches the service.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, *calls = sys.argv[1:]
kms = boto3.client(
    "kms",
    endpoint_url=endpoint,
    config=Config(parameter_validation=False, connect_timeout=5, read_timeout=10),
)


def call(operation, **parameters):
    try:
        answer = operation(**parameters)
        error = None
    except ClientError as failure:
        answer = failure.response
        error = answer["Error"]
    metadata = answer["ResponseMetadata"]
    plaintext = answer.get("Plaintext")
    return {
        "status": metadata["HTTPStatusCode"],
        "requestId": metadata["RequestId"],
        "retries": metadata["RetryAttempts"],
        "size": None if plaintext is None else len(plaintext),
        "error": error,
    }


for parameters in calls:
    print(json.dumps(call(kms.generate_random, **json.loads(parameters))))
print(json.dumps(call(kms.list_keys)))
