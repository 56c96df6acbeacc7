"""The client for asyncio."""

import asyncio
import os
import time
from contextlib import closing
from types import TracebackType
from typing import Any, Dict, List, Optional, Type, TypeVar, Union

from . import _calls
from ._connection import MAX_KEPT, Pool
from ._exchange import READABLE, Steps, Wait

T = TypeVar("T")


async def _ready(wait: Wait) -> None:
    left = max(0.0, wait.until - time.monotonic())
    if wait.sock is None:
        await asyncio.sleep(left)
        return
    loop = asyncio.get_running_loop()
    is_ready = asyncio.Event()
    add, remove = (
        (loop.add_reader, loop.remove_reader)
        if wait.events == READABLE
        else (loop.add_writer, loop.remove_writer)
    )
    add(wait.sock, is_ready.set)
    timer = loop.call_later(left, is_ready.set)
    try:
        await is_ready.wait()
    finally:
        timer.cancel()
        remove(wait.sock)


async def _run(steps: Steps[T]) -> T:
    """Drives steps in this task. Canceled, it closes the connection that they use."""
    with closing(steps):
        while True:
            try:
                wait = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            await _ready(wait)


class AsyncClient:
    """`Client` for the tasks of one event loop: the same calls, errors and guarantees.

    At most 8 requests are with the daemon at a time; others wait, in order, and their time begins when it is
    their turn. A task that is canceled gives its connection up.
    """

    def __init__(self, path: Optional[str], timeout: float) -> None:
        self._pool = Pool(path)
        self._timeout = _calls.checked_timeout(timeout)
        # Made with the first call: before Python 3.10 it takes the loop of where it is made.
        self._turns: Optional[asyncio.Semaphore] = None

    async def _in_turn(self, steps: Steps[T]) -> T:
        if self._turns is None:
            self._turns = asyncio.Semaphore(MAX_KEPT)
        async with self._turns:
            return await _run(steps)

    async def random(self, n: int, *, prediction_resistance: bool = False) -> bytes:
        """As `Client.random`."""
        parts: List[bytes] = []
        for size in _calls.random_parts(_calls.checked_size(n), prediction_resistance):
            steps = _calls.random_part(self._pool, self._timeout, size, prediction_resistance)
            parts.append(await self._in_turn(steps))
        return b"".join(parts)

    async def health(self) -> Dict[str, Any]:
        """As `Client.health`."""
        return await self._in_turn(_calls.health(self._pool, self._timeout))

    async def close(self) -> None:
        """Closes its connections. Later calls fail with `ERR_CLOSED`."""
        self._pool.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()


def aconnect(
    path: Union[str, "os.PathLike[str]", None] = None, *, timeout: float = _calls.DEFAULT_TIMEOUT
) -> AsyncClient:
    """A client for asyncio, to be used with `async with`; the arguments are those of `connect`."""
    return AsyncClient(None if path is None else os.fspath(path), timeout)
