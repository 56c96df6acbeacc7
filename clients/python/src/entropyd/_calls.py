"""Calls: requests, their answers, mixing, and the second attempt after a loss."""

import itertools
import operator
import os
import time
from typing import Any, Dict, List, Optional

from ._connection import Connection, Pool
from ._errors import Error, plain, unexpected
from ._exchange import Exchange, Lost, Steps
from ._messagepack import ARRAY, BIN, SCALAR, Reader

# docs/protocol.md, "Limits": of one request.
_MAX_RANDOM_SIZE = 1024 * 1024
# What one reseed allows, so that each request has the daemon's 4 s to itself.
_RESISTANT_RANDOM_SIZE = 64 * 1024

# Seconds for each request. The daemon waits up to 4 for noise.
DEFAULT_TIMEOUT = 5.0

_RESISTANT = b"\x81\xb4predictionResistance\xc3"

# An answer with id 0 is to what the daemon could not read.
_MAX_ID = 2**32 - 1
_numbers = itertools.count()


def _call_header(identifier: int, method: bytes) -> bytes:
    return b"\x94\x00\xce" + identifier.to_bytes(4, "big") + bytes([0xA0 | len(method)]) + method


def random_request(identifier: int, size: int, resist: bool) -> bytes:
    """`[0, identifier, "random", [size]]`, or with the option."""
    params = bytes([0x92 if resist else 0x91]) + b"\xce" + size.to_bytes(4, "big")
    return _call_header(identifier, b"random") + params + (_RESISTANT if resist else b"")


def health_request(identifier: int) -> bytes:
    """`[0, identifier, "health", []]`."""
    return _call_header(identifier, b"health") + b"\x90"


def own_bytes(size: int) -> bytes:
    """Bytes of getrandom(2), which may return fewer than were asked for.

    It does not wait for the kernel's generator to be ready, which has no limit.
    """
    parts: List[bytes] = []
    while size > 0:
        try:
            part = os.getrandom(size, os.GRND_NONBLOCK)
        except BlockingIOError:
            raise Error("ERR_NOT_SEEDED", "getrandom(2) is not ready yet") from None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _mixed(received: bytearray, own: bytes) -> bytes:
    number = int.from_bytes(received, "little") ^ int.from_bytes(own, "little")
    return number.to_bytes(len(received), "little")


class _Answer:
    """What an answer was: its result, or the daemon's refusal."""

    result: Any = None
    refusal: Optional[Error] = None
    in_step = False
    """Whether the connection can be used again."""


def _read(exchange: Exchange, identifier: int, size: Optional[int]) -> Steps[_Answer]:
    """Reads `[1, id, nil, result]`, or `[1, id, [code, message], nil]`; `size`: of random bytes."""
    reader = Reader(exchange)
    answer = _Answer()
    if (yield from reader.head()) != (ARRAY, 4):
        raise unexpected("something else than an answer")
    if (yield from reader.head()) != (SCALAR, 1):
        raise unexpected("something else than an answer")
    kind, its = yield from reader.head()
    # True == 1 in Python.
    if kind != SCALAR or type(its) is not int or its not in (0, identifier):
        raise unexpected("an answer to another request")
    failure = yield from reader.body((yield from reader.head()), 2)
    if failure is not None:
        answer.refusal = _refusal(failure)
        if (yield from reader.head()) != (SCALAR, None):
            raise unexpected("an error with a result")
    elif its == 0:
        raise unexpected("an answer to another request")
    elif size is None:
        answer.result = yield from reader.value(2)
    else:
        if (yield from reader.head()) != (BIN, size):
            raise unexpected("another number of bytes")
        answer.result = yield from exchange.take(size)
    if not exchange.is_empty:
        raise unexpected("more than the answer")
    answer.in_step = its == identifier
    return answer


def _refusal(failure: Any) -> Error:
    if isinstance(failure, list) and len(failure) == 2 and all(isinstance(x, str) for x in failure):
        code, message = failure
        return Error(plain(code, 64), plain(message, 1024))
    raise unexpected("an error without code and text")


def _attempt(
    pool: Pool,
    connection: Connection,
    exchange: Exchange,
    request: bytes,
    identifier: int,
    size: Optional[int],
) -> Steps[Any]:
    in_step = False
    try:
        yield from exchange.send(request)
        # While the daemon is at work.
        own = own_bytes(size or 0)
        answer = yield from _read(exchange, identifier, size)
        in_step = answer.in_step
        if answer.refusal is not None:
            raise answer.refusal
        if size is None:
            return answer.result
        try:
            return _mixed(answer.result, own)
        finally:
            answer.result[:] = bytes(size)
    finally:
        exchange.wipe()
        if in_step:
            pool.keep(connection)
        else:
            connection.close()


def _request(pool: Pool, timeout: float, size: Optional[int], resist: bool = False) -> Steps[Any]:
    """One request, sent a second time if its connection ends before the answer begins: all requests can
    be repeated. Returns random bytes if there is a size, and health otherwise."""
    deadline = time.monotonic() + timeout
    identifier = next(_numbers) % _MAX_ID + 1
    request = health_request(identifier) if size is None else random_request(identifier, size, resist)
    connection = yield from pool.take(deadline)
    exchange = Exchange(connection.sock, deadline)
    try:
        return (yield from _attempt(pool, connection, exchange, request, identifier, size))
    except Lost as loss:
        if exchange.has_begun:
            message = "the daemon closed the connection in the middle of an answer"
            raise Error("ERR_CLOSED", message) from loss
    connection = yield from pool.renew(deadline)
    exchange = Exchange(connection.sock, deadline)
    try:
        return (yield from _attempt(pool, connection, exchange, request, identifier, size))
    except Lost as loss:
        raise Error("ERR_CLOSED", "the daemon closed the connection") from loss


def checked_timeout(timeout: float) -> float:
    """`timeout`, seconds. Raises ValueError unless it is above 0."""
    if timeout > 0:
        return timeout
    raise ValueError("timeout: want seconds above 0")


def checked_size(size: int) -> int:
    """`size`, bytes. Raises TypeError unless it is an integer, ValueError if it is negative."""
    size = operator.index(size)
    if size < 0:
        raise ValueError("n: want 0 bytes or more")
    return size


def random_parts(size: int, resist: bool) -> List[int]:
    """The sizes of the requests for `size` bytes."""
    most = _RESISTANT_RANDOM_SIZE if resist else _MAX_RANDOM_SIZE
    whole, rest = divmod(size, most)
    return [most] * whole + [rest] * (rest > 0)


def random_part(pool: Pool, timeout: float, size: int, resist: bool) -> Steps[bytes]:
    """The bytes of one request, mixed."""
    part: bytes = yield from _request(pool, timeout, size, resist)
    return part


def health(pool: Pool, timeout: float) -> Steps[Dict[str, Any]]:
    """The daemon's answer to `health`."""
    result = yield from _request(pool, timeout, None)
    if isinstance(result, dict) and isinstance(result.get("state"), str):
        return result
    raise unexpected("health without a state")
