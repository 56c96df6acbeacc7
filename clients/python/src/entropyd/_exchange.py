"""One exchange of bytes with the daemon, without waiting itself.

Whatever may have to wait is a generator. It yields each `Wait` to a driver, which blocks a thread or a
coroutine, and resumes it; so that both clients share all the rest.
"""

import errno
import select
import socket
import time
from contextlib import closing
from typing import Generator, NamedTuple, Optional, TypeVar

from ._errors import Error

T = TypeVar("T")

READABLE = select.POLLIN
WRITABLE = select.POLLOUT

# Holds every answer but long ones of `random`, which go to their place directly, and `health`.
_BUFFER_SIZE = 4096


class Wait(NamedTuple):
    """What a driver waits for: that `sock` is ready, or that `until` has come."""

    sock: Optional[socket.socket]  # None: only for the time
    events: int  # READABLE or WRITABLE
    until: float  # by time.monotonic()


Steps = Generator[Wait, None, T]


def run(steps: Steps[T]) -> T:
    """Drives steps in this thread."""
    with closing(steps):
        while True:
            try:
                wait = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            left = max(0.0, wait.until - time.monotonic())
            if wait.sock is None:
                time.sleep(left)
                continue
            poll = select.poll()
            poll.register(wait.sock, wait.events)
            # Rounded up, so that no wait ends before its time.
            poll.poll(int(left * 1000) + 1)


class Lost(Exception):
    """The connection ended."""


class Exchange:
    """Sends a request on a connected socket that does not block, and receives its answer."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._buffer = bytearray(_BUFFER_SIZE)
        self._view = memoryview(self._buffer)
        self._at = 0
        self._end = 0
        self.has_begun = False
        """Whether any byte of the answer has come."""

    @property
    def is_empty(self) -> bool:
        """Whether all that was received has been taken."""
        return self._at == self._end

    def _wait(self, events: int) -> Steps[None]:
        if time.monotonic() >= self._deadline:
            raise Error("ERR_TIMEOUT", "no answer in time")
        yield Wait(self._sock, events, self._deadline)

    def send(self, request: bytes) -> Steps[None]:
        """Sends all of it. A connection that has ended is noticed by the next `take`."""
        at = 0
        while at < len(request):
            try:
                at += self._sock.send(request[at:], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                yield from self._wait(WRITABLE)
            except ConnectionError:
                return

    def _receive(self, target: memoryview) -> Steps[int]:
        while True:
            try:
                size = self._sock.recv_into(target)
            except BlockingIOError:
                yield from self._wait(READABLE)
                continue
            except ConnectionError as error:
                raise Lost from error
            if size == 0:
                raise Lost
            self.has_begun = True
            return size

    def fill(self, target: memoryview) -> Steps[None]:
        """Fills all of it with what comes next."""
        at = 0
        while at < len(target):
            if self.is_empty and len(target) - at >= _BUFFER_SIZE:
                at += yield from self._receive(target[at:])
                continue
            if self.is_empty:
                self._at = 0
                self._end = 0
                self._end = yield from self._receive(self._view)
            size = min(len(target) - at, self._end - self._at)
            target[at : at + size] = self._view[self._at : self._at + size]
            at += size
            self._at += size

    def take(self, size: int) -> Steps[bytearray]:
        """Returns the next `size` bytes; whoever asks has checked that it is not too much."""
        taken = bytearray(size)
        yield from self.fill(memoryview(taken))
        return taken

    def wipe(self) -> None:
        """Overwrites what was received."""
        self._buffer[:] = bytes(_BUFFER_SIZE)


def is_silent(sock: socket.socket) -> bool:
    """Whether nothing can be read: neither an end, nor an answer that nobody waits for."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EWOULDBLOCK)
    return False
