"""Calls CreateRandom or CreateKey with Huawei's SDK for Python; prints one JSON object a call.

Arguments: the endpoint, then each call as JSON: `ak`, `sk`, `length`, and where wanted `securityToken`; with `keyAlias`
a key of that name is created.
"""

import json
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkkms.v2 import (
    CreateKeyRequest,
    CreateKeyRequestBody,
    CreateRandomRequest,
    GenRandomRequestBody,
    KmsClient,
)

endpoint, *calls = sys.argv[1:]


def ask(ak, sk, length, securityToken=None, keyAlias=None):
    credentials = BasicCredentials(ak, sk, "project")
    if securityToken is not None:
        credentials = credentials.with_security_token(securityToken)
    client = KmsClient.new_builder().with_credentials(credentials).with_endpoint(endpoint).build()
    body = GenRandomRequestBody(random_data_length=length)
    try:
        if keyAlias is not None:
            key = CreateKeyRequest(body=CreateKeyRequestBody(key_alias=keyAlias))
            return {"data": client.create_key(key).key_info.key_id}
        return {"data": client.create_random(CreateRandomRequest(body=body)).random_data}
    except ServiceResponseException as error:
        return {
            "status": error.status_code,
            "code": error.error_code,
            "message": error.error_msg,
            "id": error.request_id,
        }


for call in calls:
    print(json.dumps(ask(**json.loads(call))))
