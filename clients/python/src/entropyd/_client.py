"""The client for threads."""

import os
from types import TracebackType
from typing import Any, Dict, Optional, Type, Union

from . import _calls
from ._connection import Pool
from ._exchange import run


class Client:
    """A client that any number of threads may use, and that is still usable after fork(2).

    It connects when it is first called, keeps up to 8 connections for later calls, and reconnects. A
    child of fork(2) never uses its parent's connections. As a context manager it closes itself.
    """

    def __init__(self, path: Optional[str], timeout: float) -> None:
        self._pool = Pool(path)
        self._timeout = _calls.checked_timeout(timeout)

    def random(self, n: int, *, prediction_resistance: bool = False) -> bytes:
        """Returns `n` random bytes, 0 or more.

        Above 1 MiB, or 64 KiB with prediction resistance, it takes several requests, each with the
        client's timeout to itself. 0 bytes take none.

        With `prediction_resistance` the daemon reseeds from noise that it reads after the request, before
        each 64 KiB. It waits up to 4 seconds for it, and never falls back to less: `ERR_ENTROPY`.

        Raises `Error`; TypeError or ValueError if `n` is not a number of bytes.
        """
        parts = _calls.random_parts(_calls.checked_size(n), prediction_resistance)
        return b"".join(
            run(_calls.random_part(self._pool, self._timeout, size, prediction_resistance)) for size in parts
        )

    def health(self) -> Dict[str, Any]:
        """Returns the generator's health: `state`, `healthy`, `reason`, `sources`, as docs/protocol.md has
        them. Later daemons may have more. Raises `Error`."""
        return run(_calls.health(self._pool, self._timeout))

    def close(self) -> None:
        """Closes its connections. Later calls fail with `ERR_CLOSED`."""
        self._pool.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


def connect(
    path: Union[str, "os.PathLike[str]", None] = None, *, timeout: float = _calls.DEFAULT_TIMEOUT
) -> Client:
    """A client of the daemon. Nothing is connected before its first call.

    path: the daemon's socket. Default: `ENTROPYD_SOCKET`, /run/entropyd/entropyd.sock if it exists, or
    entropyd/entropyd.sock in `XDG_RUNTIME_DIR`.

    timeout: seconds for each request, above 0.
    """
    return Client(None if path is None else os.fspath(path), timeout)
