"""Connections to the daemon: where it listens, and which connections are kept for later calls.

There is no lock, so a child that was forked while another thread used a pool finds none held. fork(2) is
met twice: a handler closes the child's copies, and each connection knows the process that opened it,
for clone(2), which runs no handler.
"""

import errno
import os
import socket
import time
import weakref
from collections import deque
from typing import Deque, Optional

from ._errors import Error, connect_error
from ._exchange import Steps, Wait, is_silent

_SYSTEM_SOCKET = "/run/entropyd/entropyd.sock"

# The daemon gives a user 1024.
MAX_KEPT = 8

# Seconds between attempts to connect, less up to half of them so that not all clients of a daemon come
# back in the same moment: as in the client library for Node.js.
_FIRST_PAUSE = 0.025
_MAX_PAUSE = 0.8


def find_daemon(path: Optional[str]) -> str:
    """Where a client looks for the daemon: docs/protocol.md, "Transport".

    A program with raised privileges ignores the environment, as secure_getenv(3) has it.
    """
    is_plain = os.getuid() == os.geteuid() and os.getgid() == os.getegid()
    variables = os.environ if is_plain else {}
    chosen = path or variables.get("ENTROPYD_SOCKET")
    if chosen:
        return chosen
    runtime = variables.get("XDG_RUNTIME_DIR")
    if runtime and not os.path.exists(_SYSTEM_SOCKET):
        return f"{runtime}/entropyd/entropyd.sock"
    return _SYSTEM_SOCKET


class Connection:
    """A connected socket that does not block, and belongs to one process. Unreferenced, it is closed."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._process = os.getpid()
        # What the descriptor was when it was opened. A program that closes all descriptors, as daemons
        # do at their start, may have given the number to something else.
        self._identity = self._identify()
        _all.add(self)

    def _identify(self) -> Optional["tuple[int, int]"]:
        try:
            status = os.fstat(self.sock.fileno())
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def is_usable(self) -> bool:
        """Whether it is this process's, and the daemon has sent nothing more."""
        is_ours = self._process == os.getpid() and self._identify() == self._identity
        return is_ours and is_silent(self.sock)

    def close(self) -> None:
        """Ends it. A child's copy is only closed: the connection is the parent's."""
        if self._identify() != self._identity:
            self.sock.detach()
            return
        if self._process == os.getpid():
            try:
                # So that the daemon sees the end although a child of fork(2) has a copy.
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sock.close()

    __del__ = close


_all: "weakref.WeakSet[Connection]" = weakref.WeakSet()


def _forget_parent() -> None:
    # In the child, whose only thread runs this: also what other threads of the parent were using.
    for connection in list(_all):
        connection.close()


os.register_at_fork(after_in_child=_forget_parent)


def _open(path: str) -> Connection:
    """Raises OSError. BlockingIOError: the daemon's backlog is full (connect(2))."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return Connection(sock)


class Pool:
    """The connections of one client. Any number of threads may use it: deque's methods are atomic."""

    def __init__(self, path: Optional[str]) -> None:
        self._path = path
        self._kept: Deque[Connection] = deque()
        self._is_closed = False

    def take(self, deadline: float) -> Steps[Connection]:
        """A connection that was kept, or a new one."""
        while True:
            if self._is_closed:
                raise Error("ERR_CLOSED", "the client is closed")
            try:
                connection = self._kept.pop()
            except IndexError:
                return (yield from self._connect(deadline, ()))
            if connection.is_usable():
                return connection
            connection.close()

    def renew(self, deadline: float) -> Steps[Connection]:
        """A new connection after a loss, perhaps to a daemon that is just restarting."""
        return (yield from self._connect(deadline, (errno.ENOENT, errno.ECONNREFUSED)))

    def _connect(self, deadline: float, passing: "tuple[int, ...]") -> Steps[Connection]:
        path = find_daemon(self._path)
        pause = _FIRST_PAUSE
        while True:
            try:
                return _open(path)
            except OSError as error:
                is_full = error.errno == errno.EAGAIN
                if not is_full and error.errno not in passing:
                    raise connect_error(path, error) from error
                if time.monotonic() >= deadline:
                    if is_full:
                        raise Error("ERR_TIMEOUT", f"no connection in time to {path}") from error
                    raise connect_error(path, error) from error
            # The clock's last digits are as good as chance here.
            less = time.monotonic_ns() // 1000 % 1000 / 2000
            yield Wait(None, 0, min(deadline, time.monotonic() + pause * (1 - less)))
            pause = min(2 * pause, _MAX_PAUSE)

    def keep(self, connection: Connection) -> None:
        """Takes a connection back whose answer was read to its end."""
        if self._is_closed or len(self._kept) >= MAX_KEPT:
            connection.close()
            return
        self._kept.append(connection)
        if self._is_closed:
            self.close()

    def close(self) -> None:
        """Closes what is kept. Calls in flight end as they would; later ones fail."""
        self._is_closed = True
        while self._kept:
            try:
                self._kept.pop().close()
            except IndexError:
                return
