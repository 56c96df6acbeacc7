"""Asks Managed HSM for random bytes, once for each count: client.mjs says what goes in and comes out."""

import sys
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.keyvault.keys import KeyClient

url, token, mode, *counts = sys.argv[1:]


class Credential:
    def get_token(self, *scopes, **options):
        return AccessToken(token, int(time.time()) + 3600)


client = KeyClient(url, Credential(), verify_challenge_resource=mode == "verify", retry_total=0)
for count in counts:
    try:
        print("ok", client.get_random_bytes(int(count)).hex())
    except HttpResponseError as error:
        text = (error.message or "").replace("\n", " ")
        print("error", error.status_code, error.error and error.error.code, text)
    except (AzureError, ValueError) as error:
        print("error", None, None, str(error).replace("\n", " "))
