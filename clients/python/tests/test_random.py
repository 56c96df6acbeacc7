"""`entropyd.Random` and the asyncio client, with the real daemon."""

import asyncio
import copy
import pickle
import unittest

import entropyd

from support import DaemonCase, Request, Server, answer, serving, sockets_of


class Numbers(DaemonCase):
    def test_it_is_a_random_random_whose_methods_draw_from_the_daemon(self) -> None:
        with entropyd.connect(self.path) as client:
            chance = entropyd.Random(client)
            self.assertEqual(len(chance.randbytes(33)), 33)
            self.assertEqual((chance.getrandbits(0), chance.randbytes(0)), (0, b""))
            for bits in (1, 7, 8, 9, 53, 64, 1000):
                self.assertLess(max(chance.getrandbits(bits) for _ in range(20)), 2**bits)
            # 2^-100 for each bit that never appears.
            seen = 0
            for _ in range(100):
                seen |= chance.getrandbits(11)
            self.assertEqual(seen, 2**11 - 1)
            for _ in range(50):
                self.assertTrue(0 <= chance.random() < 1)
            self.assertEqual({chance.randint(1, 6) for _ in range(300)}, {1, 2, 3, 4, 5, 6})
            self.assertEqual(sorted(chance.sample(range(52), 52)), list(range(52)))
            items = list(range(20))
            chance.shuffle(items)
            self.assertEqual(sorted(items), list(range(20)))
            self.assertIsInstance(chance.gauss(0, 1), float)

    def test_it_has_no_seed_and_no_state(self) -> None:
        with entropyd.connect(self.path) as client:
            one, other = entropyd.Random(client), entropyd.Random(client)
            one.seed(1)
            other.seed(1)
            self.assertNotEqual(one.getrandbits(128), other.getrandbits(128))
            for call in (one.getstate, one.setstate, lambda: copy.copy(one), lambda: pickle.dumps(one)):
                self.assertRaises(NotImplementedError, call)
            self.assertRaises(ValueError, one.getrandbits, -1)

    def test_without_a_client_it_has_its_own(self) -> None:
        self.variables(ENTROPYD_SOCKET=self.path)
        before = sockets_of()
        chance = entropyd.Random()
        self.assertIsInstance(chance.random(), float)
        self.assertEqual(sockets_of(), before + 1)
        del chance
        self.assertEqual(sockets_of(), before, "which ends with it")

    def test_a_failure_is_an_error_and_no_number(self) -> None:
        chance = entropyd.Random(entropyd.connect(f"{self.folder}/none"))
        for call in (chance.random, lambda: chance.getrandbits(8), lambda: chance.randint(1, 6)):
            self.raises_code("ERR_CONNECT", call)


class Asyncio(DaemonCase):
    def test_the_calls_of_many_tasks_share_eight_connections(self) -> None:
        async def draw() -> None:
            before = sockets_of()
            async with entropyd.aconnect(self.path) as client:
                drawn = await asyncio.gather(*(client.random(16) for _ in range(300)))
                self.assertEqual(len(set(drawn)), 300)
                self.assertLessEqual(sockets_of() - before, 8)
                for size in (0, 1, 1024**2 + 1):
                    self.assertEqual(len(await client.random(size)), size)
                self.assertEqual(len(await client.random(70_000, prediction_resistance=True)), 70_000)
                self.assertIn("state", await client.health())
            self.assertEqual(sockets_of(), before)
            with self.assertRaises(entropyd.Error) as caught:
                await client.random(1)
            self.assertEqual(caught.exception.code, "ERR_CLOSED")

        asyncio.run(draw())

    def test_without_a_daemon_it_fails(self) -> None:
        async def draw() -> None:
            async with entropyd.aconnect(f"{self.folder}/none") as client:
                await client.random(1)

        self.raises_code("ERR_CONNECT", asyncio.run, draw())

    def test_a_canceled_call_gives_its_connection_up_and_others_go_on(self) -> None:
        path = f"{self.folder}/slow"

        async def draw(server: Server) -> None:
            async with entropyd.aconnect(path, timeout=60) as client:
                call = asyncio.ensure_future(client.random(32))
                while not server.requests:
                    await asyncio.sleep(0.001)
                call.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await call
                self.assertEqual(len(await client.random(16)), 16)
            async with entropyd.aconnect(path, timeout=0.05) as client:
                with self.assertRaises(entropyd.Error) as caught:
                    await client.random(32)
                self.assertEqual(caught.exception.code, "ERR_TIMEOUT")

        def serve(request: Request) -> bytes:
            return b"" if request.size == 32 else answer(request.identifier, bytes(request.size))

        with serving(path, serve) as server:
            asyncio.run(draw(server))

    def test_the_same_second_attempt_and_mixing(self) -> None:
        path = f"{self.folder}/lossy"

        async def draw() -> None:
            async with entropyd.aconnect(path) as client:
                self.assertNotIn(bytes(8), await client.random(32))

        with serving(path, lambda r: None if r.nth == 1 else answer(r.identifier, bytes(r.size))) as server:
            asyncio.run(draw())
        self.assertEqual(len(server.requests), 2)


if __name__ == "__main__":
    unittest.main()
