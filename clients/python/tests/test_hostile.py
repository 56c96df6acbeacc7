"""The client with servers that are not the daemon, or a daemon that has a bad day."""

import itertools
import os
import threading
import unittest
from typing import Any, Callable, List, Tuple
from unittest import mock

import entropyd

from support import PATIENCE, Case, Request, Server, answer, head, refusal, seeded, serving, text

_SIZE = 32
_BODY = bytes([0x0F]) * _SIZE
_GIGABYTE = b"\x40\0\0\0"

_HEALTH = b"\xde\0\x02" + text("state") + text("operational") + text("sources") + b"\xdc\0\0"


def own(byte: int) -> Any:
    """getrandom(2) with one byte only."""
    return mock.patch("os.getrandom", lambda size, _: bytes([byte]) * size)


class HostileCase(Case):
    """A test whose server is at `path`."""

    def setUp(self) -> None:
        super().setUp()
        self.path = f"{self.folder}/server.sock"


class Mixing(HostileCase):
    def test_the_bytes_are_the_daemons_xored_with_the_processs_own(self) -> None:
        with serving(self.path, lambda r: answer(r.identifier, bytes([0x0F]) * r.size)):
            with entropyd.connect(self.path) as client:
                for byte, mixed in ((0, 0x0F), (0x0F, 0), (0xF0, 0xFF)):
                    with own(byte):
                        for size in (1, 32, 3_000_001):
                            self.assertEqual(client.random(size), bytes([mixed]) * size)
                self.assertNotIn(b"\x0f" * 8, client.random(64))

    def test_a_kernel_that_is_not_ready_fails_the_call(self) -> None:
        with serving(self.path, lambda r: answer(r.identifier, _BODY)), entropyd.connect(self.path) as client:
            with mock.patch("os.getrandom", side_effect=BlockingIOError):
                self.raises_code("ERR_NOT_SEEDED", client.random, _SIZE)
            with mock.patch("os.getrandom", side_effect=OSError(38, "ENOSYS")), self.assertRaises(OSError):
                client.random(_SIZE)
            with mock.patch("os.getrandom", lambda size, _: bytes(min(size, 5))):
                self.assertEqual(client.random(_SIZE), _BODY, "short reads are completed")


class Requests(HostileCase):
    def test_a_large_call_is_split_as_the_protocol_limits_it(self) -> None:
        mebibyte = 1024**2
        with serving(self.path, lambda r: answer(r.identifier, bytes(r.size))) as server:
            with entropyd.connect(self.path) as client:
                for size, resist, sizes in (
                    (mebibyte, False, [mebibyte]),
                    (2 * mebibyte + 1, False, [mebibyte, mebibyte, 1]),
                    (128 * 1024 + 5, True, [65536, 65536, 5]),
                ):
                    client.random(size, prediction_resistance=resist)
                    self.assertEqual([r.size for r in server.requests], sizes)
                    self.assertEqual({r.is_resistant for r in server.requests}, {resist})
                    server.requests.clear()
            self.assertEqual(server.connections, 1)

    def test_ids_are_never_0_and_fit(self) -> None:
        with serving(self.path, lambda r: answer(r.identifier, _BODY)) as server:
            with entropyd.connect(self.path) as client:
                with mock.patch("entropyd._calls._numbers", itertools.count(2**32 - 3)):
                    for _ in range(4):
                        client.random(_SIZE)
        self.assertEqual([r.identifier for r in server.requests], [2**32 - 2, 2**32 - 1, 1, 2])


Wrong = Tuple[str, str, Callable[[int], Any]]

_WRONG: List[Wrong] = [
    ("cut in the header", "ERR_CLOSED", lambda i: (answer(i, _BODY)[:3], False)),
    ("cut before the bytes", "ERR_CLOSED", lambda i: (answer(i, _BODY)[:13], False)),
    ("cut in the bytes", "ERR_CLOSED", lambda i: (answer(i, _BODY)[:-1], False)),
    ("another id", "ERR_MESSAGE", lambda i: answer(i + 1, _BODY)),
    ("id 0", "ERR_MESSAGE", lambda i: answer(0, _BODY)),
    ("an id that is true", "ERR_MESSAGE", lambda i: b"\x94\x01\xc3\xc0\xc4\x01a"),
    ("an id that is a fraction", "ERR_MESSAGE", lambda i: b"\x94\x01\xca\0\0\0\0\xc0\xc4\x01a"),
    ("too few bytes", "ERR_MESSAGE", lambda i: answer(i, _BODY[1:])),
    ("too many bytes", "ERR_MESSAGE", lambda i: answer(i, _BODY + b"x")),
    ("a gigabyte", "ERR_MESSAGE", lambda i: head(i) + b"\xc0\xc6" + _GIGABYTE),
    ("two answers", "ERR_MESSAGE", lambda i: answer(i, _BODY) + answer(i + 1, _BODY)),
    ("a request", "ERR_MESSAGE", lambda i: b"\x94\0" + answer(i, _BODY)[2:]),
    ("three members", "ERR_MESSAGE", lambda i: b"\x93" + answer(i, _BODY)[1:]),
    ("text for bytes", "ERR_MESSAGE", lambda i: head(i) + b"\xc0\xd9\x20" + _BODY),
    ("nothing for bytes", "ERR_MESSAGE", lambda i: head(i) + b"\xc0\xc0"),
    ("a number for the error", "ERR_MESSAGE", lambda i: head(i) + b"\x05\xc0"),
    ("an error without text", "ERR_MESSAGE", lambda i: head(i) + b"\x91\xa3ERR\xc0"),
    ("an error of numbers", "ERR_MESSAGE", lambda i: head(i) + b"\x92\x01\x02\xc0"),
    ("an error with a result", "ERR_MESSAGE", lambda i: refusal(i, "ERR_BUSY")[:-1] + b"\x01"),
    ("an error of a gigabyte", "ERR_TOO_LARGE", lambda i: head(i) + b"\x92\xdb" + _GIGABYTE),
    ("a billion values", "ERR_TOO_LARGE", lambda i: head(i) + b"\xdd" + _GIGABYTE),
    ("deep arrays", "ERR_TOO_LARGE", lambda i: head(i) + b"\x91" * 100),
    ("text that is not UTF-8", "ERR_MESSAGE", lambda i: head(i) + b"\x92\xa1\xff\xa1x\xc0"),
    ("an extension type", "ERR_MESSAGE", lambda i: head(i) + b"\xd4\0\0\xc0"),
    ("the unused byte", "ERR_MESSAGE", lambda i: head(i) + b"\xc1"),
    ("HTTP", "ERR_MESSAGE", lambda i: b"HTTP/1.1 200 OK\r\n\r\n"),
    ("a refusal of what was no request", "ERR_BUSY", lambda i: (refusal(0, "ERR_BUSY"), False)),
]


class Answers(HostileCase):
    def test_what_is_not_the_answer_fails_and_its_connection_is_closed(self) -> None:
        for number, (rule, code, said) in enumerate(_WRONG):
            path = f"{self.folder}/{number}"

            def serve(request: Request) -> Any:
                return answer(request.identifier, _BODY) if request.nth > 1 else said(request.identifier)

            with self.subTest(rule), serving(path, serve) as server, entropyd.connect(path) as client:
                self.raises_code(code, client.random, _SIZE)
                self.assertEqual(len(client.random(_SIZE)), _SIZE, "the next call succeeds")
                self.assertEqual(server.connections, 2, "on a connection of its own")

    def test_refusals_have_the_daemons_code_and_the_connection_stays(self) -> None:
        said = ("", "")
        with serving(self.path, lambda r: refusal(r.identifier, *said)) as server:
            with entropyd.connect(self.path) as client:
                for code in ("ERR_NOT_SEEDED", "ERR_ENTROPY", "ERR_RATE", "ERR_OF_LATER"):
                    said = (code, "why\x1b[31m\n" + "x" * 2000)
                    error = self.raises_code(code, client.random, _SIZE)
                    self.assertTrue(str(error).startswith("why?[31m?xx"), "nothing that a terminal obeys")
                    self.assertLess(len(str(error)), 1100)
                    self.raises_code(code, client.health)
            self.assertEqual(server.connections, 1)

    def test_any_encoding_of_an_answer_is_accepted(self) -> None:
        for start, id_size in (
            (b"\xdd\0\0\0\4\xcf" + bytes(7) + b"\1\xd3", 8),
            (b"\xdc\0\4\xd1\0\1\xce", 4),
        ):

            def said(request: Request) -> bytes:
                return start + request.identifier.to_bytes(id_size, "big") + b"\xc0\xc5\0\x20" + _BODY

            path = f"{self.folder}/{id_size}"
            with self.subTest(start), own(0), serving(path, said):
                self.assertEqual(entropyd.connect(path).random(_SIZE), _BODY)

    def test_health_is_decoded_whole(self) -> None:
        members = (
            b"\xdf\0\0\0\x06\xa5state\xa8degraded\xa7healthy\xc2\xa6reason\xd9\x03\xc3\xa9!"
            b"\xa7numbers\x98\x7f\xff\xcc\xff\xd0\x80\xcb\x3f\xf8\0\0\0\0\0\0\xca\x3f\0\0\0\xd2\xff\xff\xff\xff\xc0"
            b"\xa3map\x81\xa1k\x90\xa3bin\xc4\x02\0\xff"
        )
        with serving(self.path, lambda r: head(r.identifier) + b"\xc0" + members):
            health = entropyd.connect(self.path).health()
        self.assertEqual(
            health,
            {
                "state": "degraded",
                "healthy": False,
                "reason": "é!",
                "numbers": [127, -1, 255, -128, 1.5, 0.5, -1, None],
                "map": {"k": []},
                "bin": b"\0\xff",
            },
        )

    def test_health_that_is_none_fails(self) -> None:
        for code, result in (
            ("ERR_MESSAGE", b"\xc0"),
            ("ERR_MESSAGE", b"\x80"),
            ("ERR_MESSAGE", b"\x81\xa5state\x01"),
            ("ERR_MESSAGE", b"\x81\x01\x02"),
            ("ERR_TOO_LARGE", b"\x81\xa1k\xdc\xff\xff"),
            ("ERR_TOO_LARGE", b"\x81\xa1k\xc6" + _GIGABYTE),
            ("ERR_TOO_LARGE", b"\x81\xa1k" * 20),
        ):
            path = f"{self.folder}/{result[:4].hex()}{len(result)}"
            with self.subTest(result), serving(path, lambda r: head(r.identifier) + b"\xc0" + result):
                self.raises_code(code, entropyd.connect(path).health)


class Losses(HostileCase):
    def test_a_request_without_any_answer_is_sent_once_more(self) -> None:
        with serving(self.path, lambda r: None if r.nth % 2 == 1 else answer(r.identifier, _BODY)) as server:
            with entropyd.connect(self.path) as client:
                for _ in range(3):
                    self.assertEqual(len(client.random(_SIZE)), _SIZE)
            self.assertEqual(len(server.requests), 6)

    def test_and_not_twice(self) -> None:
        with serving(self.path, lambda _: None) as server, entropyd.connect(self.path) as client:
            self.raises_code("ERR_CLOSED", client.random, _SIZE)
            self.assertEqual(len(server.requests), 2)

    def test_a_daemon_that_restarts_is_waited_for(self) -> None:
        again: List[Server] = []

        def restart(_: Request) -> None:
            os.unlink(self.path)
            self.addCleanup(start.join)
            start.start()

        def serve_again() -> None:
            again.append(Server(self.path, lambda r: answer(r.identifier, _BODY)))
            self.addCleanup(again[0].close)

        # Time for an attempt or two that find nobody.
        start = threading.Timer(0.1, serve_again)
        with serving(self.path, restart), entropyd.connect(self.path, timeout=PATIENCE) as client:
            self.assertEqual(len(client.random(_SIZE)), _SIZE)
            self.assertEqual(len(again[0].requests), 1)

    def test_a_kept_connection_that_was_lost_or_has_an_answer_too_many_is_not_used(self) -> None:
        def serve(request: Request) -> Any:
            return answer(request.identifier, _BODY), request.nth > 1

        with serving(self.path, serve) as server, entropyd.connect(self.path) as client:
            client.random(_SIZE)
            server.threads[0].join()
            client.random(_SIZE)
            self.assertEqual(len(server.requests), 2, "it is noticed before anything is sent")
            server.sockets[1].sendall(b"more")
            client.random(_SIZE)
            self.assertEqual((len(server.requests), server.connections), (3, 3))

    def test_a_daemon_that_hangs_is_given_up(self) -> None:
        stop = threading.Event()
        self.addCleanup(stop.set)

        def hang(request: Request) -> Any:
            if request.method == "health":
                return answer(request.identifier, _BODY)[: request.nth]
            stop.wait()
            return None

        server = Server(self.path, hang)
        self.addCleanup(server.close)
        self.addCleanup(stop.set)
        with entropyd.connect(self.path, timeout=0.05) as client:
            self.raises_code("ERR_TIMEOUT", client.random, _SIZE)
            self.raises_code("ERR_TIMEOUT", client.health)


class Fuzz(HostileCase):
    def test_an_arbitrary_answer_is_whole_or_an_error_and_nothing_else(self) -> None:
        chance = seeded(self)
        templates = [
            lambda i: answer(i, _BODY),
            lambda i: refusal(i, "ERR_BUSY"),
            lambda i: head(i) + b"\xc0" + _HEALTH,
        ]

        def changed(request: Request) -> Any:
            data = bytearray(chance.choice(templates)(request.identifier))
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(data) + 1)
                if chance.random() < 0.5:
                    data[at:at] = chance.randbytes(chance.randint(1, 4))
                else:
                    del data[at : at + chance.randint(1, 4)]
                    data[at:at] = chance.randbytes(chance.randint(0, 4))
                data = data or bytearray(b"\0")
            return bytes(data), False

        outcomes = {"ok": 0}
        with own(0), serving(self.path, changed), entropyd.connect(self.path, timeout=60) as client:
            for number in range(1500):
                try:
                    if number % 3 == 0:
                        self.assertIsInstance(client.health()["state"], str)
                    else:
                        self.assertEqual(len(client.random(_SIZE)), _SIZE)
                    outcomes["ok"] += 1
                except entropyd.Error as error:
                    self.assertRegex(error.code, r"\A[ -~\w?]*\Z")
                    outcomes[error.code] = outcomes.get(error.code, 0) + 1
        print(sorted(outcomes.items(), key=lambda each: -each[1])[:6], flush=True)
        self.assertGreater(outcomes.get("ERR_MESSAGE", 0), 100)


if __name__ == "__main__":
    unittest.main()
