/** Deadlines of a connection, by a clock that the test moves, and the end of a connection. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import t from 'tap';
import { chunkSize } from '../../src/common/unix-socket.js';
import type { Generator } from '../../src/generator/interface.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { Connection } from '../../src/server/connection.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { nobody, type User } from '../../src/server/users.js';
import { FakeClock } from '../support/clock.js';
import { fakeGenerator, serverContext } from '../support/daemon.js';
import { message, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

/** A connection on a socket whose other end, and whose kernel, the test plays. */
function connected(generator: Partial<Generator> = {}) {
  const clock = new FakeClock();
  const context = { ...serverContext(fakeGenerator(generator)), now: clock.now };
  const kernel = {
    /** Whether it takes what is written at once; otherwise `end` ends a write. */
    takes: true,
    end: (_?: Error) => {},
    taken: Buffer.alloc(0),
  };
  const socket = new Duplex({
    read() {},
    write(bytes: Buffer, _, done) {
      kernel.taken = Buffer.concat([kernel.taken, bytes]);
      if (kernel.takes || bytes.length === 0) done();
      else
        kernel.end = (error) => {
          kernel.end = () => {};
          done(error);
        };
    },
    destroy(error, done) {
      kernel.end(new Error('canceled'));
      done(error);
    },
  });
  const destroySoon = () => socket.end();
  const user = context.users.enter(0) as User;
  const connection = new Connection(
    { socket: Object.assign(socket, { destroySoon }) as unknown as Socket, peer: nobody, user },
    context,
  );
  return {
    clock,
    context,
    kernel,
    socket,
    connection,
    receive(bytes: Uint8Array) {
      connection.receive(ReceiveBuffer.of(bytes), 0, bytes.length);
    },
    /** Moves the clock, then sweeps. */
    sweepAfter(ms: number) {
      clock.advance(ms);
      connection.sweep(clock.now());
    },
    /** The next answers, at least `count` of them. */
    async answers(count: number): Promise<unknown[][]> {
      const answers = await until(() => {
        const all = unpackAll(kernel.taken);
        return all.length >= count && all;
      }, `${count} answers`);
      kernel.taken = Buffer.alloc(0);
      return answers;
    },
  };
}

for (const [layout, whole] of [
  ['a fixed-layout request', message(1, 'random', [5])],
  ['any other message', message(1, 'health', [])],
] as const)
  t.test(`${layout} has 10 s to arrive, from its first byte to its last`, async (t) => {
    const { socket, receive, sweepAfter, answers } = connected();
    const half = whole.subarray(0, whole.length - 1);
    receive(Buffer.concat([message(2, 'random', [1]), half]));
    t.match(await answers(1), [[1, 2, null]], 'a request before it is answered');
    sweepAfter(10_000);
    receive(whole.subarray(-1));
    t.match(await answers(1), [[1, 1, null]], 'it may take 10 s');
    sweepAfter(3_600_000);
    receive(half.subarray(0, 3));
    sweepAfter(9_000);
    t.notOk(socket.writableEnded, 'an idle connection has no deadline');
    receive(half.subarray(3));
    sweepAfter(1_001);
    t.strictSame(
      await answers(1),
      [[1, 0, ['ERR_MESSAGE', 'not a valid message: incomplete after 10 s'], null]],
      'a further part does not extend the time',
    );
    await until(() => socket.writableEnded, 'the end of the connection');
  });

t.test('a connection ends if the kernel does not take a piece for a minute', async (t) => {
  const { context, kernel, socket, receive, sweepAfter } = connected();
  const { chunks } = context;
  kernel.takes = false;
  receive(message(1, 'random', [maxRandomSize]));
  t.equal(kernel.taken.length, chunkSize, 'the first piece is written');
  sweepAfter(60_000);
  kernel.end();
  await until(() => kernel.taken.length === 2 * chunkSize, 'the second piece');
  sweepAfter(60_000);
  t.notOk(socket.destroyed, 'each piece has a minute of its own');
  t.equal(chunks.acquiredBytes, chunkSize);
  sweepAfter(1);
  t.ok(socket.destroyed);
  await until(() => chunks.acquiredBytes === 0, 'the release of the chunk');
});

t.test('nothing is taken after the end, even if it was already read', async (t) => {
  const { context, connection, kernel, socket, receive } = connected();
  connection.finish();
  receive(message(1, 'random', [5]));
  t.ok(socket.writableEnded);
  t.equal(kernel.taken.length, 0);
  t.match(context.counters, { requests: 0, randomBytes: 0 });
});

t.test('a connection lost while its bytes are gathered releases its chunk', async (t) => {
  let gathered: (() => void) | undefined;
  const { context, kernel, socket, receive } = connected({
    fillPredictionResistant: () =>
      new Promise((resolve) => {
        gathered = resolve;
      }),
  });
  receive(message(1, 'random', [5_000, { predictionResistance: true }]));
  const finish = await until(() => gathered, 'a request for prediction resistance');
  socket.destroy();
  await once(socket, 'close');
  t.equal(context.chunks.acquiredBytes, chunkSize, 'the generator still writes to the chunk');
  finish();
  await until(() => context.chunks.acquiredBytes === 0, 'the release of the chunk');
  t.equal(kernel.taken.length, 0, 'nothing is sent');
});
