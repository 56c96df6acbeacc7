"""Random bytes from the entropyd of this host.

    import entropyd

    with entropyd.connect() as client:
        key = client.random(32)
        state = client.health()["state"]

The bytes are the daemon's, XORed with as many of getrandom(2), so that neither alone decides on them.
A call fails with `Error`; it never returns fewer bytes, or bytes of another source instead.

`connect` is for threads, `aconnect` for asyncio, and `Random` for code that takes a `random.Random`.

Python cannot wipe what it returns: `bytes` and integers leave copies in freed memory. The client wipes
the buffers that it receives into, and keeps no random bytes between calls.
"""

from ._async_client import AsyncClient, aconnect
from ._client import Client, connect
from ._errors import Error
from ._random import Random

__all__ = ["AsyncClient", "Client", "Error", "Random", "aconnect", "connect"]
