/** Connections whose requests wait for those of other connections in the same turn. */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import type { Generator } from '../../src/generator/interface.js';
import { Connection } from '../../src/server/connection.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { nobody, type User } from '../../src/server/users.js';
import { fakeGenerator, serverContext, startServer } from '../support/daemon.js';
import { FakeSocket } from '../support/fake-socket.js';
import { exchange, message, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

const fresh = { predictionResistance: true };
const answer = (id: number, size: number, byte = 0xaa) => [1, id, null, Buffer.alloc(size, byte)];

/** Length and distinct values of bytes: comparing long arrays directly is slow. */
function summary(bytes: unknown): string {
  const [first, ...others] = new Set(bytes as Uint8Array);
  return `${(bytes as Uint8Array).length} of ${[first, ...others]}`;
}

/**
 * Two connections, of which one is under test.
 * @param room bytes that its kernel takes at once
 */
function pair(room: number, generator: Partial<Generator> = {}) {
  const memory: Uint8Array[] = [];
  const context = serverContext(
    fakeGenerator({
      allocate(size) {
        const bytes = new Uint8Array(size);
        memory.push(bytes);
        return bytes;
      },
      ...generator,
    }),
  );
  const connect = () => {
    const socket = new FakeSocket();
    const { descriptor } = socket;
    const user = context.users.enter(0) as User;
    const connection = new Connection({ socket, peer: nobody, user, descriptor }, context);
    const receive = (...messages: Buffer[]) => {
      const bytes = Buffer.concat(messages);
      connection.receive(ReceiveBuffer.of(bytes), 0, bytes.length);
    };
    return { socket, connection, receive };
  };
  const [other, { socket, connection, receive }] = [connect(), connect()];
  socket.room = room;
  return {
    context,
    socket,
    connection,
    receive,
    /** A turn in which the other connection is read as well, up to its end. */
    turn(...messages: Buffer[]) {
      context.batch.begin();
      other.receive(message(77, 'random', [7]));
      receive(...messages);
    },
    endTurn: () => context.batch.end(),
    /** Ends the connection and returns all its answers. */
    async answers(): Promise<unknown[][]> {
      connection.finish();
      await until(() => {
        socket.drain();
        return socket.destroyed;
      }, 'the end');
      return unpackAll(socket.received);
    },
    wiped: () => memory.every((bytes) => !bytes.includes(0xaa) && !bytes.includes(0xbb)),
  };
}

t.test('answers that the kernel does not take at once are sent later', async (t) => {
  for (const room of [0, 1, 13, 14, 100, 1e6]) {
    const { context, turn, endTurn, answers, wiped } = pair(room);
    turn(message(1, 'random', [3]), message(2, 'random', [300]));
    t.equal(context.counters.randomBytes, 0, 'nothing is generated before the turn ends');
    endTurn();
    t.strictSame(await answers(), [answer(1, 3), answer(2, 300)], `${room} at once`);
    t.ok(wiped(), 'no random byte is left');
    t.equal(context.chunks.acquiredBytes, 0);
    t.match(context.counters, { requests: 3, randomBytes: 310 });
  }
});

t.test('requests that arrive meanwhile are answered in order', async (t) => {
  const { turn, endTurn, receive, answers } = pair(1e6);
  turn(message(1, 'random', [3]), message(2, 'random', [4, fresh]));
  receive(message(3, 'random', [5]));
  endTurn();
  await setImmediate();
  t.strictSame(await answers(), [answer(1, 3), answer(2, 4, 0xbb), answer(3, 5)]);
});

t.test('each request gets the reason of a failure, and later ones are answered', async (t) => {
  let failures = 1;
  const { turn, endTurn, receive, answers } = pair(1e6, {
    fill(target, offset, length) {
      if (failures-- > 0) throw new EntropyError('ERR_HEALTH', 'broken');
      target.fill(0xaa, offset, offset + length);
    },
  });
  turn(message(1, 'random', [3]), message(2, 'random', [3]));
  endTurn();
  receive(message(3, 'random', [5]));
  await setImmediate();
  const broken = ['ERR_HEALTH', 'broken'];
  t.strictSame(await answers(), [[1, 1, broken, null], [1, 2, broken, null], answer(3, 5)]);
});

t.test('a connection that is lost meanwhile leaves no random byte and no chunk', async (t) => {
  const { context, turn, endTurn, socket, wiped } = pair(1e6);
  turn(message(1, 'random', [3]));
  socket.destroy();
  endTurn();
  t.ok(wiped());
  t.equal(socket.received.length, 0, 'its descriptor may be another’s');
  t.equal(context.chunks.acquiredBytes, 0);
});

t.test('a slow client keeps its connection, and its answers, whatever others keep', async (t) => {
  const { context, turn, endTurn, answers, wiped } = pair(5);
  Object.assign(context.limits, { unsentBytes: 0, unsentBytesPerUser: 0 });
  turn(message(1, 'random', [3]), message(2, 'random', [300]));
  endTurn();
  t.strictSame(await answers(), [answer(1, 3), answer(2, 300)]);
  t.ok(wiped());
});

t.test('of many clients at once, each gets its own answers, in order', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
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
