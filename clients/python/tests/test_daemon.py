"""The client with the real daemon: bytes, health, restarts, threads, forks."""

import os
import pickle
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import List

import entropyd

from support import Case, Daemon, DaemonCase, sockets_of

_SYSTEM_SOCKET = "/run/entropyd/entropyd.sock"


class Bytes(DaemonCase):
    def test_any_number_of_bytes_is_returned(self) -> None:
        with entropyd.connect(self.path) as client:
            for size in (0, 1, 32, 33, 4096, 65536, 1024**2, 1024**2 + 1, 3 * 1024**2 + 3):
                data = client.random(size)
                self.assertIs(type(data), bytes)
                self.assertEqual(len(data), size)
            for size in (33, 64 * 1024 + 1):
                self.assertEqual(len(client.random(size, prediction_resistance=True)), size)
            self.assertNotEqual(client.random(32), client.random(32))

    def test_health_is_a_dict_with_the_documented_members(self) -> None:
        with entropyd.connect(Path(self.path)) as client:
            health = client.health()
        self.assertIn(health["state"], ("seeding", "operational", "degraded", "error", "fallback"))
        self.assertIs(type(health["healthy"]), bool)
        self.assertIs(type(health["reason"]), str)
        self.assertIs(type(health["sources"]), list)

    def test_one_connection_serves_one_thread(self) -> None:
        before = sockets_of()
        with entropyd.connect(self.path) as client:
            for _ in range(20):
                client.random(16)
            client.health()
            self.assertEqual(sockets_of() - before, 1)
        self.assertEqual(sockets_of(), before, "it closes itself")

    def test_a_closed_client_refuses(self) -> None:
        client = entropyd.connect(self.path)
        client.random(1)
        client.close()
        self.raises_code("ERR_CLOSED", client.random, 1)
        self.raises_code("ERR_CLOSED", client.health)

    def test_nothing_but_integers_are_sizes(self) -> None:
        with entropyd.connect(self.path) as client:
            for size in (1.0, "1", None):
                with self.assertRaises(TypeError):
                    client.random(size)  # type: ignore[arg-type]
            with self.assertRaises(ValueError):
                client.random(-1)
        for timeout in (0, -1.0, float("nan")):
            with self.assertRaises(ValueError):
                entropyd.connect(self.path, timeout=timeout)


class Places(DaemonCase):
    def test_the_daemon_is_found_by_its_variable(self) -> None:
        self.variables(ENTROPYD_SOCKET=self.path, XDG_RUNTIME_DIR="/nonexistent")
        self.assertEqual(len(entropyd.connect().random(32)), 32)

    @unittest.skipIf(os.path.exists(_SYSTEM_SOCKET), "this host has a socket of the system")
    def test_the_daemon_is_found_in_the_runtime_directory(self) -> None:
        os.mkdir(f"{self.folder}/entropyd")
        os.symlink(self.path, f"{self.folder}/entropyd/entropyd.sock")
        self.variables(XDG_RUNTIME_DIR=self.folder)
        self.assertEqual(len(entropyd.connect().random(32)), 32)
        self.variables(XDG_RUNTIME_DIR="")
        error = self.raises_code("ERR_CONNECT", entropyd.connect().random, 32)
        self.assertIn(_SYSTEM_SOCKET, str(error))


class WithoutDaemon(Case):
    def test_every_call_fails_and_says_what_helps(self) -> None:
        for path, says in (
            (f"{self.folder}/none", "ENOENT); start one with: "),
            ("/dev/null", "ECONNREFUSED); start one with: "),
            ("/" + "a" * 107, "path too long"),
            ("/" + "a" * 106, "ENOENT"),
        ):
            client = entropyd.connect(path)
            for call in (lambda: client.random(32), client.health):
                self.assertIn(says, str(self.raises_code("ERR_CONNECT", call)))

    def test_an_error_can_be_pickled(self) -> None:
        error = self.raises_code("ERR_CONNECT", entropyd.connect("/nonexistent").health)
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((copy.code, str(copy)), (error.code, str(error)))


class Restarts(Case):
    def test_a_daemon_that_was_restarted_is_connected_to_again(self) -> None:
        path = f"{self.folder}/entropyd.sock"
        first = Daemon(path)
        self.addCleanup(first.kill)
        with entropyd.connect(path) as client:
            client.random(32)
            first.kill()
            self.raises_code("ERR_CONNECT", client.random, 32)
            again = Daemon(path)
            self.addCleanup(again.kill)
            self.assertEqual(len(client.random(32)), 32)
            self.assertIn("state", client.health())


class Threads(DaemonCase):
    def test_threads_draw_at_the_same_time_and_eight_connections_are_kept(self) -> None:
        before = sockets_of()
        drawn: List[bytes] = []
        with entropyd.connect(self.path) as client:

            def draw() -> None:
                for _ in range(50):
                    drawn.append(client.random(16))

            threads = [threading.Thread(target=draw) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(set(drawn)), 16 * 50)
            self.assertLessEqual(sockets_of() - before, 8)


# A child that only asks, in a program of its own: forking a test runner copies more than is wanted.
_FORKING = """
import os, sys, threading, entropyd
client = entropyd.connect(sys.argv[1])
client.random(1)
def sockets():
    return sum(os.readlink(f"/proc/self/fd/{n}").startswith("socket:") for n in os.listdir("/proc/self/fd")
               if os.path.islink(f"/proc/self/fd/{n}"))
stop = threading.Event()
def busy():
    while not stop.is_set():
        client.random(1024)
threads = [threading.Thread(target=busy) for _ in range(int(sys.argv[2]))]
for thread in threads: thread.start()
drawn = []
for _ in range(20):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        inherited = sockets()
        os.write(write, bytes([inherited]) + client.random(16))
        os._exit(0)
    os.close(write)
    drawn.append(client.random(16))
    said = os.read(read, 100)
    os.close(read)
    assert os.waitpid(child, 0)[1] == 0
    assert len(said) == 17 and said[0] == 0, said
    drawn.append(said[1:])
stop.set()
for thread in threads: thread.join()
assert len(set(drawn)) == 40
# A program that closes its descriptors, as daemons do, and then opens a file of its own.
os.closerange(3, 100)
mine = [os.open("/dev/zero", os.O_RDWR) for _ in range(20)]
assert len(client.random(32)) == 32
client.close()
for fd in mine: assert os.read(fd, 1) == b"\\0"
print("good")
"""


class Forks(DaemonCase):
    def test_a_child_has_no_connection_of_its_parent_and_other_bytes(self) -> None:
        for threads in ("0", "4"):
            ended = subprocess.run(
                [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORKING, self.path, threads],
                capture_output=True,
                text=True,
            )
            self.assertEqual((ended.returncode, ended.stdout), (0, "good\n"), ended.stderr)


if __name__ == "__main__":
    unittest.main()
