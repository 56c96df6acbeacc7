"""Load on a fleet until standard input ends, by an SDK with its own defaults for retries.

Arguments: aws, huawei, vault or google; the host's name; the file with the CA. Prints `ready` after the first
answer, a line with every five more; last, as JSON, how many were answered, and the failures.
"""

import base64
import json
import os
import sys
import threading

sdk, host, authority = sys.argv[1:]
size = 64
# Answers to a printed line.
line_answers = 5
callers = 2
endpoint = f"https://{host}"


def aws():
    import boto3
    from botocore.config import Config

    kms = boto3.client(
        "kms",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="AKIDFLEET",
        aws_secret_access_key="secret",
        verify=authority,
        config=Config(retries={"mode": "standard"}),
    )
    return lambda: len(kms.generate_random(NumberOfBytes=size)["Plaintext"])


def huawei():
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkcore.http.http_config import HttpConfig
    from huaweicloudsdkkms.v2 import CreateRandomRequest, GenRandomRequestBody, KmsClient

    config = HttpConfig.get_default_config()
    config.ssl_ca_cert = authority
    kms = (
        KmsClient.new_builder()
        .with_http_config(config)
        .with_credentials(BasicCredentials("AKIDFLEET", "secret", "project"))
        .with_endpoint(endpoint)
        .build()
    )
    body = GenRandomRequestBody(random_data_length=str(8 * size))
    return lambda: len(kms.create_random(CreateRandomRequest(body=body)).random_data) // 2


def vault():
    import hvac

    client = hvac.Client(url=endpoint, token="hvs.fleet", verify=authority)

    def ask():
        answer = client.write(f"sys/tools/random/{size}", format="base64")
        return len(base64.b64decode(answer["data"]["random_bytes"]))

    return ask


def google():
    # Read when the library is loaded.
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = authority
    from google.cloud import kms
    from google.oauth2.credentials import Credentials

    client = kms.KeyManagementServiceClient(
        credentials=Credentials("hvs.fleet"), client_options={"api_endpoint": f"{host}:443"}
    )
    request = {
        "location": "projects/project/locations/global",
        "length_bytes": size,
        "protection_level": kms.ProtectionLevel.HSM,
    }
    return lambda: len(client.generate_random_bytes(request=request).data)


call = {"aws": aws, "huawei": huawei, "vault": vault, "google": google}[sdk]()
lock = threading.Lock()
answered = 0
failures = {}
going = True


def ask():
    global answered
    while going:
        try:
            received = call()
            failure = None if received == size else f"{received} bytes"
        except Exception as error:  # whatever the SDK raises is a request lost
            failure = f"{type(error).__name__}: {error}"
        with lock:
            if failure is None:
                answered += 1
                if answered % line_answers == 0:
                    print(".", flush=True)
            else:
                failures[failure] = failures.get(failure, 0) + 1


call()
print("ready", flush=True)
threads = [threading.Thread(target=ask) for _ in range(callers)]
for thread in threads:
    thread.start()
sys.stdin.read()
going = False
for thread in threads:
    thread.join()
print(json.dumps({"answered": answered, "failures": failures}))
