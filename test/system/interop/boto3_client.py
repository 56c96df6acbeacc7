"""Calls a KMS endpoint with boto3; prints one JSON object a call.

Arguments: the endpoint, then each call as JSON: `parameters`, and where wanted `operation`, by
default generate_random; `client`, arguments of boto3.client; `attempts` at most; `clock`, the seconds
that boto3's clock is ahead. boto3's own checks are off, so that everything reaches the service.
"""

import datetime
import json
import sys

ahead = datetime.timedelta()


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + ahead

    @classmethod
    def utcnow(cls):
        return super().utcnow() + ahead


datetime.datetime = Clock

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402

endpoint, *calls = sys.argv[1:]


def call(parameters, operation="generate_random", client={}, attempts=3, clock=0):
    global ahead
    ahead = datetime.timedelta(seconds=clock)
    config = Config(
        parameter_validation=False,
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    kms = boto3.client("kms", endpoint_url=endpoint, config=config, **client)
    try:
        answer = getattr(kms, operation)(**parameters)
        error = None
    except ClientError as failure:
        answer = failure.response
        error = {**answer["Error"], "Text": str(failure)}
    except BotoCoreError as failure:
        return {"error": {"Code": type(failure).__name__}}
    metadata = answer["ResponseMetadata"]
    plaintext = answer.get("Plaintext")
    return {
        "status": metadata["HTTPStatusCode"],
        "requestId": metadata["RequestId"],
        "retries": metadata["RetryAttempts"],
        "size": None if plaintext is None else len(plaintext),
        "error": error,
    }


for arguments in calls:
    print(json.dumps(call(**json.loads(arguments))), flush=True)
