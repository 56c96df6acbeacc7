/** The byte socket: how much a reader gets, in every state and at every limit. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import type { Limits } from '../../src/config/config.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { collect, exchange, message, open, take } from '../support/raw.js';
import { until } from '../support/until.js';

const page = 4_096;

/** A byte socket; the test moves its clock and sweeps. */
async function startRaw(t: Test, limits: Partial<Limits> = {}) {
  let serves = true;
  let now = 1;
  const sweeps: (() => void)[] = [];
  const generator = fakeGenerator({
    fill(target, offset, length) {
      if (!serves) throw new EntropyError('ERR_NOT_SEEDED', 'not serving');
      target.fill(0xaa, offset, offset + length);
    },
  });
  const server = await startServer(t, generator, {
    protocol: () => 'raw',
    limits,
    now: () => now,
    timer: (action) => {
      sweeps.push(action);
      return () => {};
    },
  });
  return {
    ...server,
    serve(next: boolean) {
      serves = next;
    },
    sweepAfter(ms: number) {
      now += ms;
      for (const action of sweeps) action();
    },
  };
}

t.test('a reader gets as much as it reads, and may close at any time', async (t) => {
  const { path, context } = await startRaw(t);
  for (const size of [1, 32, page, 5_000_000]) {
    const socket = await open(t, path);
    const bytes = await take(socket, size);
    t.ok(bytes.every((byte) => byte === 0xaa));
    socket.destroy();
    await until(() => context.counters.connectionsOpen === 0, 'its end');
  }
  const { counters } = context;
  t.equal(counters.requests, 4, 'a connection is a request');
  t.ok(counters.randomBytes >= 5_000_000);
  t.equal(counters.raw.randomBytes, counters.randomBytes);
});

t.test('a client that ends its side gets a page at least, and the end', async (t) => {
  const { path } = await startRaw(t);
  for (let i = 0; i < 20; i++) {
    const bytes = await exchange(t, path);
    t.ok(bytes.length >= page && bytes.length % page === 0, `${bytes.length}`);
    // More only if the daemon was faster; systemd takes a mebibyte.
    t.ok(bytes.length < 1_048_576);
  }
});

t.test('what a client sends is thrown away', async (t) => {
  const { path } = await startRaw(t);
  const socket = await open(t, path);
  socket.write(message(1, 'random', [4]));
  t.ok((await take(socket, 100_000)).every((byte) => byte === 0xaa));
});

t.test('without a seed a reader waits, and gets its bytes later', async (t) => {
  const { path, serve, sweepAfter, context } = await startRaw(t);
  serve(false);
  const half = exchange(t, path);
  const socket = await open(t, path);
  const bytes = take(socket, 32);
  await until(() => context.counters.requests === 2, 'both');
  sweepAfter(1_000);
  await new Promise(setImmediate);
  sweepAfter(100_000);
  t.match(context.counters, { randomBytes: 0, connectionsOpen: 2 });
  serve(true);
  await until(() => {
    sweepAfter(1_000);
    return context.counters.randomBytes > 0;
  }, 'bytes');
  t.ok((await bytes).every((byte) => byte === 0xaa));
  t.equal((await half).length, page);
});

t.test('the rate of the user holds on average, and its readers take turns', async (t) => {
  const rate = 10_000;
  const { path, context, sweepAfter, close } = await startRaw(t, { bytesPerSecondPerUser: rate });
  const sizes = [0, 0, 0, 0];
  for (const i of sizes.keys()) {
    const socket = await open(t, path);
    socket.on('data', (data) => {
      sizes[i] = (sizes[i] as number) + data.length;
    });
  }
  await until(() => context.counters.requests === 4, 'all readers');
  for (let second = 1; second <= 30; second++) {
    const before = context.counters.randomBytes;
    sweepAfter(1_000);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    // A page may be owed each time that there is something.
    t.ok(context.counters.randomBytes - before <= rate + 4 * page, `second ${second}`);
  }
  t.ok(context.counters.randomBytes <= 31 * rate + 4 * page);
  await until(() => sizes.every((size) => size >= 4 * page), 'bytes for each');
  await close();
  t.equal(context.counters.connectionsOpen, 0, 'none keeps the daemon from ending');
});

t.test('who does not read keeps a page, and ends after 60 s', async (t) => {
  const { path, context, sweepAfter } = await startRaw(t);
  const socket = await open(t, path);
  let before = -1;
  await until(() => {
    const now = context.counters.randomBytes;
    const same = now > 0 && now === before;
    before = now;
    return same;
  }, 'a socket that takes no more');
  t.equal(context.chunks.acquiredBytes, 0, 'no large chunk is in use');
  sweepAfter(59_000);
  t.equal(context.counters.connectionsOpen, 1);
  sweepAfter(2_000);
  await until(() => context.counters.connectionsOpen === 0, 'its end');
  socket.destroy();
});

t.test('readers at full speed leave others their turns', async (t) => {
  const { path, context } = await startRaw(t);
  const readers = await Promise.all(Array.from({ length: 20 }, () => open(t, path)));
  const sizes = readers.map(() => 0);
  for (const [i, socket] of readers.entries())
    socket.on('data', (data) => {
      sizes[i] = (sizes[i] as number) + data.length;
    });
  await until(() => sizes.every((size) => size > 1_000_000), 'a mebibyte for each');
  const late = await open(t, path);
  t.equal((await take(late, 32)).subarray(0, 32).length, 32, 'one that comes later is served');
  for (const socket of [...readers, late]) socket.destroy();
  await until(() => context.counters.connectionsOpen === 0, 'their end');
});

t.test('over the limit a connection ends without bytes', async (t) => {
  const { path, context } = await startRaw(t, { connections: 1 });
  const socket = await open(t, path);
  await until(() => context.counters.raw.connectionsOpen === 1, 'the first connection');
  t.equal((await collect(await open(t, path))).length, 0);
  t.equal(context.counters.connectionsRefused, 1);
  socket.destroy();
  await until(() => context.counters.raw.connectionsOpen === 0, 'its end');
});

t.test('at the end readers get the end, those who have just come a page', async (t) => {
  const { path, context, close } = await startRaw(t);
  const socket = await open(t, path);
  const bytes = collect(socket);
  await until(() => context.counters.requests === 1, 'the connection');
  await close();
  t.ok((await bytes).length >= page);
  if (!socket.destroyed) {
    socket.end();
    await once(socket, 'close');
  }
});
