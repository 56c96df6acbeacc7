/** Connections whose requests wait for those of other connections in the same turn. */
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { loadAddon } from '../../src/common/package.js';
import type { Generator } from '../../src/generator/interface.js';
import { Connection } from '../../src/server/connection.js';
import type { ConnectionContext } from '../../src/server/context.js';
import { listen } from '../../src/server/listener.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { nobody, type User } from '../../src/server/users.js';
import { fakeGenerator, serverContext, startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { collect, exchange, message, open, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

const fresh = { predictionResistance: true };
const answer = (id: number, size: number, byte = 0xaa) => [1, id, null, Buffer.alloc(size, byte)];

/** A context whose time stands still, so any two reads of different connections are in one turn. */
function stoppedContext(generator: Partial<Generator> = {}): ConnectionContext {
  return { ...serverContext(fakeGenerator(generator)), now: () => 1 };
}

/** Length and distinct values of bytes: comparing long arrays directly is slow. */
function summary(bytes: unknown): string {
  const [first, ...others] = new Set(bytes as Uint8Array);
  return `${(bytes as Uint8Array).length} of ${[first, ...others]}`;
}

/**
 * Two connections, of which the first is under test.
 * @param room bytes that the kernel takes at once
 */
async function pair(t: Test, room: number, generator: Partial<Generator> = {}) {
  const memory: Uint8Array[] = [];
  const context = stoppedContext({
    allocate(size) {
      const bytes = new Uint8Array(size);
      memory.push(bytes);
      return bytes;
    },
    ...generator,
  });
  const accepted: Socket[] = [];
  const { path } = await startFake(t, (socket) => accepted.push(socket));
  const client = await open(t, path);
  const received = collect(client);
  await open(t, path);
  await until(() => accepted.length === 2, 'two connections');
  const [connection, other] = accepted.map(
    (socket) =>
      new Connection(
        {
          socket,
          peer: nobody,
          user: context.users.enter(0) as User,
          sendNow(bytes, at, size) {
            const taken = Math.min(size, room);
            socket.write(bytes.slice(at, at + taken));
            bytes.fill(0, at, at + taken);
            return taken;
          },
        },
        context,
      ),
  ) as [Connection, Connection];
  const receive = (to: Connection, ...messages: Buffer[]) => {
    const bytes = Buffer.concat(messages);
    to.receive(ReceiveBuffer.of(bytes), bytes.length);
  };
  return {
    context,
    client,
    socket: accepted[0] as Socket,
    connection,
    receive: (...messages: Buffer[]) => {
      receive(other, message(77, 'random', [7]));
      receive(connection, ...messages);
    },
    /** Ends the connection and returns all its answers. */
    async answers(): Promise<unknown[][]> {
      connection.finish();
      return unpackAll(await received);
    },
    wiped: () => memory.every((bytes) => bytes.every((byte) => byte === 0)),
  };
}

t.test('answers that the kernel does not take at once are sent later', async (t) => {
  for (const room of [0, 1, 13, 14, 100, 1e6]) {
    const { context, receive, answers, wiped } = await pair(t, room);
    receive(message(1, 'random', [3]), message(2, 'random', [300]));
    t.equal(
      context.counters.randomBytes,
      7,
      'only the other connection’s bytes are generated at once',
    );
    t.strictSame(await answers(), [answer(1, 3), answer(2, 300)], `${room} at once`);
    t.ok(wiped(), 'no random byte is left');
    t.equal(context.chunks.acquiredBytes, 0);
    t.match(context.counters, { requests: 3, randomBytes: 310 });
  }
});

t.test('requests that arrive meanwhile are answered in order', async (t) => {
  const { receive, connection, answers } = await pair(t, 1e6);
  receive(message(1, 'random', [3]), message(2, 'random', [4, fresh]));
  const more = message(3, 'random', [5]);
  connection.receive(ReceiveBuffer.of(more), more.length);
  await setImmediate();
  t.strictSame(await answers(), [answer(1, 3), answer(2, 4, 0xbb), answer(3, 5)]);
});

t.test('each request gets the reason of a failure, and later ones are answered', async (t) => {
  let failures = 2;
  const { receive, connection, answers } = await pair(t, 1e6, {
    fill(target, offset, length) {
      if (failures-- > 0) throw new EntropyError('ERR_HEALTH', 'broken');
      target.fill(0xaa, offset, offset + length);
    },
  });
  // The other connection's request before them is answered at once, and is the first to fail.
  receive(message(1, 'random', [3]), message(2, 'random', [3]));
  const more = message(3, 'random', [5]);
  connection.receive(ReceiveBuffer.of(more), more.length);
  await setImmediate();
  const broken = ['ERR_HEALTH', 'broken'];
  t.strictSame(await answers(), [[1, 1, broken, null], [1, 2, broken, null], answer(3, 5)]);
});

t.test('a connection that is lost meanwhile leaves no random byte and no chunk', async (t) => {
  const { context, receive, socket, wiped } = await pair(t, 1e6);
  receive(message(1, 'random', [3]));
  socket.destroy();
  await setImmediate();
  t.ok(wiped());
  t.equal(context.chunks.acquiredBytes, 0);
});

t.test('a slow client keeps its connection, and its answers, whatever others keep', async (t) => {
  const { context, receive, answers, wiped } = await pair(t, 5);
  Object.assign(context.limits, { unsentBytes: 0, unsentBytesPerUser: 0 });
  receive(message(1, 'random', [3]), message(2, 'random', [300]));
  t.strictSame(await answers(), [answer(1, 3), answer(2, 300)]);
  t.ok(wiped());
});

t.test('of many clients at once, each gets its own answers, in order', async (t) => {
  const path = freePath();
  const context = stoppedContext();
  const sharedBuffer = Promise.resolve(true);
  const server = await listen(
    { path, mode: 0o600, sharedBuffer, addon: loadAddon().addon },
    context,
  );
  t.teardown(() => server.close());
  const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70_000 }));
  const request = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(size) },
    { weight: 1, arbitrary: fc.tuple(size, fc.constant(fresh)) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(request, { maxLength: 8 }), { minLength: 2, maxLength: 12 }),
      async (clients) => {
        const all = await Promise.all(
          clients.map((requests) =>
            exchange(t, path, ...requests.map((params, id) => message(id, 'random', params))),
          ),
        );
        for (const [i, requests] of clients.entries())
          t.strictSame(
            unpackAll(all[i] as Buffer).map(([, id, error, bytes]) => [id, error, summary(bytes)]),
            requests.map(([n, option], id) => [id, null, `${n} of ${option ? 0xbb : 0xaa}`]),
          );
      },
    ),
    { numRuns: 60 },
  );
  t.equal(context.chunks.acquiredBytes, 0);
});
