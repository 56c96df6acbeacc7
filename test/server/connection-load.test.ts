/**
 * How connections share what is limited: turns of the event loop, chunks and each user's share.
 * connection-plain.test.ts runs these tests again.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { chunkSize } from '../../src/common/unix-socket.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { Connection } from '../../src/server/connection.js';
import type { ConnectionContext } from '../../src/server/context.js';
import type { ChunkOwner } from '../../src/server/output-chunks.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { nobody, type User } from '../../src/server/users.js';
import { fakeGenerator, serverContext, startServer } from '../support/daemon.js';
import { FakeSocket } from '../support/fake-socket.js';
import { collect, exchange, message, open, pack, takeAnswers, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

const wire = (size: number, byte = 0xaa): Buffer => Buffer.alloc(size, byte);
const fresh = { predictionResistance: true };
const plain = process.env.ENTROPYD_TEST_PLAIN_READ !== undefined;
const busy = ['ERR_BUSY', 'too much is unread or waits for entropy; try again later'];

/** Shows that a request on this connection is answered. */
async function serves(t: Test, socket: Socket): Promise<void> {
  socket.write(message(9, 'random', [4]));
  t.strictSame(await takeAnswers(socket, 1), [[1, 9, null, wire(4)]], 'others are served');
}

t.test('of random bytes, a client that does not read gets at most a chunk ahead', async (t) => {
  let generated = 0;
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      fill(target, offset, length) {
        generated += length;
        target.fill(0xaa, offset, offset + length);
      },
    }),
  );
  const [socket, other] = [await open(t, path), await open(t, path)];
  const requests = Array.from({ length: 50 }, (_, id) => message(id, 'random', [maxRandomSize]));
  socket.write(Buffer.concat(requests));
  await until(() => context.chunks.acquiredBytes > 0, 'a chunk that the kernel does not take');
  for (let i = 0; i < 20; i++) await serves(t, other);
  t.ok(generated < 1_000_000, `${generated} bytes, of which the kernel holds all but a chunk`);
  const collected = collect(socket);
  socket.end();
  const answers = unpackAll(await collected);
  t.equal(answers.length, 50);
  t.ok(answers.every(([, , , bytes]) => (bytes as Uint8Array).length === maxRandomSize));
});

t.test('other methods of a client that does not read wait as well', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const { counters } = context;
  const [socket, other] = [await open(t, path), await open(t, path)];
  const ids = Array.from({ length: 3000 }, (_, id) => id);
  socket.write(Buffer.concat(ids.map((id) => message(id, 'status', []))));
  await until(() => counters.requests > 0, 'the first request');
  // It has stopped when none of its requests is handled during several of the other's.
  for (let own = 0; own < 20; ) {
    const before = counters.requests;
    await serves(t, other);
    own = counters.requests === before + 1 ? own + 1 : 0;
  }
  t.ok(counters.requests < 2000, `${counters.requests} of 3000 handled`);
  const collected = collect(socket);
  socket.end();
  t.strictSame(
    unpackAll(await collected).map(([, id]) => id),
    ids,
  );
});

/** Counts how often connections yield their turn. */
function countYields(t: Test, { turnQueue }: ConnectionContext): () => number {
  const enqueue = turnQueue.enqueue.bind(turnQueue);
  let yields = 0;
  t.intercept(turnQueue, 'enqueue', {
    value(turn: () => void, user: User) {
      yields++;
      enqueue(turn, user);
    },
  });
  return () => yields;
}

for (const [what, params] of [
  ['random', [maxRandomSize]],
  ['random', [maxRandomSize, fresh]],
  ['metrics', []],
  ['unknown', []],
] as const)
  t.test(`a flood of ${what}(${params.map(String)}) does not hold up others`, async (t) => {
    const { path, context } = await startServer(t, fakeGenerator());
    const yields = countYields(t, context);
    const [greedy, other] = [await open(t, path), await open(t, path)];
    let ended = false;
    greedy.on('end', () => {
      ended = true;
    });
    const request = message(0, what, params);
    greedy.end(Buffer.concat(Array(Math.floor(64_000 / request.length)).fill(request)));
    await once(greedy, 'data');
    await serves(t, other);
    t.notOk(ended, 'answered before the flood was');
    // Each read begins a turn as well, and the flood arrives in a few of them.
    const { requests } = context.counters;
    t.ok(requests <= 4 * (yields() + 5), `${requests} requests in ${yields()} turns`);
    greedy.destroy();
  });

t.test('hundreds of connections that pipeline hold up nobody else', async (t) => {
  const context = serverContext(fakeGenerator());
  const client = (uid: number) => {
    const socket = new FakeSocket();
    const user = context.users.enter(uid) as User;
    const { descriptor } = socket;
    const connection = new Connection({ socket, peer: nobody, user, descriptor }, context);
    const send = (...messages: Buffer[]) => {
      const bytes = Buffer.concat(messages);
      connection.receive(ReceiveBuffer.of(bytes), 0, bytes.length);
    };
    return { socket, send };
  };
  const { counters } = context;
  const first = client(2);
  first.send(message(0, 'version', []));
  await until(() => first.socket.received.length > 0, 'the methods are loaded');
  counters.requests = 0;
  const flood = [
    Array(100).fill(message(0, 'status', [])),
    Array(100).fill(message(0, 'random', [maxRandomSize])),
  ];
  const many = Array.from({ length: 300 }, () => client(1));
  for (const [i, { send }] of many.entries()) send(...(flood[i % 2] as Buffer[]));
  const one = client(2);
  one.send(message(7, 'random', [4]));
  await setImmediate();
  t.strictSame(unpackAll(one.socket.received), [[1, 7, null, wire(4)]], 'in the same pass');
  // Eight turns were admitted at once, and one of those that wait has followed; each has four units.
  t.ok(counters.requests <= 1 + 4 * 9, `${counters.requests} requests in one pass`);
  t.ok(counters.randomBytes <= 4 + 9 * chunkSize, `${counters.randomBytes} bytes in one pass`);
  while (context.turnQueue.admit());
  const [bytes, requests] = [one.socket.received.length, counters.requests];
  one.send(message(8, 'health', []));
  // The other user's turn is the second at the latest.
  await setImmediate();
  await setImmediate();
  t.match(unpackAll(one.socket.received.subarray(bytes)), [[1, 8, null, {}]]);
  t.ok(counters.requests <= requests + 1 + 4 * 2, `${counters.requests - requests} requests`);
  // Otherwise the process lives until all gigabytes are answered.
  for (const { socket } of many) socket.destroy();
});

t.test('messages that need no answer do not hold up others either', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const yields = countYields(t, context);
  const socket = await open(t, path);
  socket.write(Buffer.concat(Array(8000).fill(pack([2, 'x', []]))));
  await serves(t, socket);
  t.ok(yields() > 1900, `${yields()} turns for 8,000 messages`);
});

t.test('if no chunk is left, requests of more than 4 KiB are refused with ERR_BUSY', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  context.limits.unsentBytes = 0;
  const requests = [
    message(1, 'random', [5_000]),
    message(2, 'random', [5_000, fresh]),
    message(3, 'version', []),
    message(4, 'random', [300_000]),
  ];
  t.match(unpackAll(await exchange(t, path, ...requests)), [
    [1, 1, busy, null],
    [1, 2, busy, null],
    [1, 3, null, {}],
    [1, 4, busy, null],
  ]);
  context.limits.unsentBytes = chunkSize;
  await serves(t, await open(t, path));
});

t.test('small requests are served whatever unread answers others keep', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  Object.assign(context.limits, { unsentBytes: 0, unsentBytesPerUser: 0 });
  const small = (id: number) => message(id, 'random', [16]);
  t.strictSame(unpackAll(await exchange(t, path, small(1), message(2, 'random', [16, fresh]))), [
    [1, 1, null, wire(16)],
    [1, 2, null, wire(16, 0xbb)],
  ]);
  // Of a run that takes more than 4 KiB, each request that takes less is served.
  const ids = Array.from({ length: 1_000 }, (_, id) => id);
  const requests = ids.map((id) => (id === 500 ? message(id, 'random', [5_000]) : small(id)));
  const answers = unpackAll(await exchange(t, path, Buffer.concat(requests)));
  t.strictSame(
    answers,
    ids.map((id) => (id === 500 ? [1, id, busy, null] : [1, id, null, wire(16)])),
  );
  t.equal(context.counters.requests, 1_002);
});

t.test('administrators have a reserve for large answers', async (t) => {
  const admins = { uid: process.geteuid?.() ?? 0, group: undefined };
  const { path, context } = await startServer(t, fakeGenerator(), { adminRule: () => admins });
  context.limits.unsentBytes = 0;
  const [answer] = unpackAll(await exchange(t, path, message(1, 'random', [5_000])));
  t.match(answer, plain ? [1, 1, busy, null] : [1, 1, null, wire(5_000)]);
});

for (const [what, options, byte] of [
  ['plain', [], 0xaa],
  ['prediction-resistant', [fresh], 0xbb],
] as const)
  t.test(`a large ${what} answer waits if no chunk is left in between`, async (t) => {
    const { path, context } = await startServer(t, fakeGenerator());
    const { chunks } = context;
    const acquire = chunks.acquire.bind(chunks);
    let calls = 0;
    t.intercept(chunks, 'acquire', {
      value: (size: number, owner: ChunkOwner) =>
        ++calls > 1 && calls < 5 ? undefined : acquire(size, owner),
    });
    const request = message(1, 'random', [maxRandomSize, ...options]);
    const [answer] = unpackAll(await exchange(t, path, request));
    t.ok(wire(maxRandomSize, byte).equals(answer?.[3] as Uint8Array));
    t.ok(calls > 5, 'it was turned away and tried again');
    t.equal(chunks.acquiredBytes, 0);
  });

t.test('one user’s unread answers leave room for those of others', async (t) => {
  const memory = new Uint8Array(chunkSize);
  const allocate = (size: number) => (size === chunkSize ? memory : new Uint8Array(size));
  const { path, context } = await startServer(t, fakeGenerator({ allocate }));
  // The user of this process holds all of its share. Without the addon all clients are user -1.
  const user = context.users.enter(process.geteuid?.() ?? -1) as User;
  while (user.reserve(chunkSize));
  const [answer] = unpackAll(await exchange(t, path, message(1, 'random', [5_000])));
  t.match(answer, plain ? [1, 1, null, wire(5_000)] : [1, 1, busy, null], 'this user is refused');
  const another = { user: context.users.enter(77) as User, admin: false };
  t.ok(context.chunks.acquire(chunkSize, another), 'another user is served');
  user.unreserve(chunkSize);
  await serves(t, await open(t, path));
});

t.test('a limited number of prediction-resistant requests per user may wait', async (t) => {
  const waiting: (() => void)[] = [];
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      fillPredictionResistant: () => new Promise((resolve) => waiting.push(resolve)),
    }),
    { limits: { predictionResistanceRequestsPerUser: 3 } },
  );
  const sockets = [await open(t, path), await open(t, path), await open(t, path)] as const;
  for (const socket of sockets) socket.write(message(1, 'random', [5, fresh]));
  await until(() => waiting.length === sockets.length, 'three requests that wait');
  const refused = unpackAll(await exchange(t, path, message(2, 'random', [5, fresh])));
  t.strictSame(refused, [[1, 2, busy, null]]);
  await serves(t, await open(t, path));
  const answers = sockets.map((socket) => takeAnswers(socket, 1));
  for (const resolve of waiting.splice(0)) resolve();
  await Promise.all(answers);
  sockets[2].write(message(3, 'random', [5, fresh]));
  await until(() => waiting.length === 1, 'a request that is accepted again');
  waiting[0]?.();
  await until(() => context.chunks.acquiredBytes === 0, 'the release of the chunk');
});
