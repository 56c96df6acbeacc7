"""Starts hvac, then asks for 32 bytes. Arguments: URL and token. Prints what ../vault-clients.test.ts reads."""

import base64
import json
import sys

import hvac

url, token = sys.argv[1:]
client = hvac.Client(url=url, token=token)
health = client.sys.read_health_status(method="GET")
told = {
    "sealed": client.sys.is_sealed(),
    # A response where the status is not 200.
    "health": health if isinstance(health, dict) else health.json(),
    "head": client.sys.read_health_status().status_code,
    "authenticated": client.is_authenticated(),
}
try:
    answer = client.write("sys/tools/random/32", format="base64")
    told["size"] = len(base64.b64decode(answer["data"]["random_bytes"]))
except hvac.exceptions.VaultError as error:
    told["refusal"] = f"{type(error).__name__}: {error}"
print(json.dumps(told))
