"""The real daemon, and servers that are not the daemon."""

import atexit
import contextlib
import functools
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import unittest
from typing import Any, Callable, Iterator, List, NamedTuple

# A JSON array: the command that starts a daemon, to which `--socket PATH` is added.
COMMAND_VARIABLE = "ENTROPYD_TEST_DAEMON"

# Only a hung program misses it; seconds.
PATIENCE = 120.0


def seeded(test: unittest.TestCase) -> random.Random:
    """A source of test inputs, whose seed is printed. ENTROPYD_TEST_SEED repeats a run."""
    seed = os.environ.get("ENTROPYD_TEST_SEED") or str(random.SystemRandom().getrandbits(32))
    print(f"{test.id()}: seed {seed}", flush=True)
    return random.Random(seed)


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="entropyd-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def variables(self, **values: str) -> None:
        """Sets variables until the test ends, and removes those that lead to a daemon."""
        before = dict(os.environ)

        def restore() -> None:
            os.environ.clear()
            os.environ.update(before)

        self.addCleanup(restore)
        for name in ("ENTROPYD_SOCKET", "XDG_RUNTIME_DIR"):
            os.environ.pop(name, None)
        os.environ.update(values)

    def raises_code(self, code: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The `Error` that a call fails with."""
        import entropyd

        with self.assertRaises(entropyd.Error) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        return caught.exception


class Daemon:
    """The real daemon on a socket, until it is killed."""

    def __init__(self, path: str) -> None:
        command = [*json.loads(os.environ[COMMAND_VARIABLE]), "--socket", path]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = self._process.stderr
        assert said is not None
        lines: List[str] = []
        for line in said:
            lines.append(line)
            if "entropyd listening" in line:
                break
        else:
            raise RuntimeError(f"the daemon ended: {''.join(lines)}")
        # Whatever else it says must not fill the pipe.
        self._drain = threading.Thread(target=said.read, daemon=True)
        self._drain.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


@functools.lru_cache(maxsize=None)
def _shared_daemon() -> str:
    folder = tempfile.mkdtemp(prefix="entropyd-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "entropyd.sock")
    atexit.register(Daemon(path).kill)
    return path


class DaemonCase(Case):
    """A test with the daemon that serves them all, at `path`."""

    def setUp(self) -> None:
        super().setUp()
        self.path = _shared_daemon()


class Request(NamedTuple):
    identifier: int
    method: str
    size: int
    is_resistant: bool
    nth: int  # from 1, of all connections together


def _received(sock: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = sock.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


class Server:
    """Answers each request with whatever bytes `answer` returns.

    None ends the connection without any; bytes and False end it after them.
    """

    def __init__(self, path: str, answer: Callable[[Request], Any]) -> None:
        self._answer = answer
        self._count = 0
        self.threads: List[threading.Thread] = []
        self.sockets: List[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()
        self.requests: List[Request] = []
        self.connections = 0

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self.sockets.append(sock)
                thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
                self.threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, EOFError):
            while True:
                request = self._request(sock)
                said = self._answer(request)
                if said is None:
                    return
                data, goes_on = said if isinstance(said, tuple) else (said, True)
                sock.sendall(data)
                if not goes_on:
                    return

    def _request(self, sock: socket.socket) -> Request:
        identifier, size = struct.unpack(">3xIB", _received(sock, 8))
        method = _received(sock, size - 0xA0).decode()
        count = _received(sock, 1)[0] - 0x90
        size = struct.unpack(">xI", _received(sock, 5))[0] if count > 0 else 0
        if count > 1:
            assert _received(sock, 23) == b"\x81\xb4predictionResistance\xc3"
        self._count += 1
        request = Request(identifier, method, size, count > 1, self._count)
        self.requests.append(request)
        return request

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepter.join()
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()


@contextlib.contextmanager
def serving(path: str, answer: Callable[[Request], Any]) -> Iterator[Server]:
    server = Server(path, answer)
    try:
        yield server
    finally:
        server.close()


def head(identifier: int) -> bytes:
    return b"\x94\x01\xce" + struct.pack(">I", identifier)


def answer(identifier: int, data: bytes) -> bytes:
    """A whole answer to `random`."""
    return head(identifier) + b"\xc0\xc6" + struct.pack(">I", len(data)) + data


def text(value: str) -> bytes:
    data = value.encode()
    return b"\xda" + struct.pack(">H", len(data)) + data


def refusal(identifier: int, code: str, message: str = "why") -> bytes:
    return head(identifier) + b"\x92" + text(code) + text(message) + b"\xc0"


def sockets_of() -> int:
    """How many sockets this process has."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count
