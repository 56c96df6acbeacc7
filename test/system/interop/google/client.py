"""Asks for bytes, with a token over TLS or without one in plain text, and prints a line for each answer.

Arguments: host, port, "grpc" or "rest", the token or nothing, how many bytes each time.
"""
import json
import sys

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError
from google.cloud import kms
from google.cloud.kms_v1.services.key_management_service import transports
from google.oauth2.credentials import Credentials

host, port, transport, token, *sizes = sys.argv[1:]
endpoint = f"{host}:{port}"
if token:
    client = kms.KeyManagementServiceClient(
        transport=transport,
        credentials=Credentials(token),
        client_options={"api_endpoint": endpoint},
    )
elif transport == "grpc":
    channel = grpc.insecure_channel(endpoint)
    client = kms.KeyManagementServiceClient(
        transport=transports.KeyManagementServiceGrpcTransport(channel=channel)
    )
else:
    client = kms.KeyManagementServiceClient(
        transport=transports.KeyManagementServiceRestTransport(
            host=endpoint, url_scheme="http", credentials=AnonymousCredentials()
        )
    )
for size in sizes:
    request = {
        "location": "projects/project/locations/global",
        "length_bytes": int(size),
        "protection_level": kms.ProtectionLevel.HSM,
    }
    try:
        # A daemon that is away would be asked for a minute.
        answer = client.generate_random_bytes(request=request, retry=None)
        told = {"data": answer.data.hex(), "checksum": str(answer.data_crc32c)}
    except GoogleAPICallError as error:
        told = {"code": type(error).__name__, "message": error.message, "reason": error.reason}
    except RefreshError as error:
        told = {"code": type(error).__name__, "message": str(error), "reason": None}
    print(json.dumps(told))
