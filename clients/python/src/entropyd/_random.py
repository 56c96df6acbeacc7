"""A `random.Random` whose bits are the daemon's."""

import random
from typing import Any, Optional

from ._client import Client, connect

# random.random() returns multiples of 2^-53, as many as a double can tell apart.
_MANTISSA_BITS = 53


class Random(random.Random):
    """All methods of `random.Random`, as `random.SystemRandom` has them, over a client.

    Every number is a request of its own, or several: nothing random is kept between calls. There is no
    state, so `seed` does nothing, and `getstate` and `setstate` raise NotImplementedError.
    """

    # random.Random would take the client for a seed.
    def __new__(cls, *_: Any, **__: Any) -> "Random":
        return super().__new__(cls)

    def __init__(self, client: Optional[Client] = None) -> None:
        """client: stays the caller's. Default: one of its own, as `connect` makes it."""
        self._client = connect() if client is None else client
        super().__init__()

    def random(self) -> float:
        """The next number from 0 to 1, excluding 1."""
        return self.getrandbits(_MANTISSA_BITS) * 2.0**-_MANTISSA_BITS

    def getrandbits(self, k: int) -> int:
        """An integer of `k` random bits; 0 bits are 0."""
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        size = (k + 7) // 8
        return int.from_bytes(self._client.random(size), "big") >> (8 * size - k)

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""
        return self._client.random(n)

    def seed(self, *_: Any, **__: Any) -> None:
        """Does nothing: there is no state."""

    def getstate(self, *_: Any, **__: Any) -> Any:
        """Raises NotImplementedError."""
        raise NotImplementedError("the daemon's generator has no state to be had")

    setstate = getstate
