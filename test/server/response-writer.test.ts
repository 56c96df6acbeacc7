import { once } from 'node:events';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { chunkSize } from '../../src/common/unix-socket.js';
import { defaultLimits } from '../../src/config/config.js';
import type { Generator } from '../../src/generator/interface.js';
import { Counters } from '../../src/server/activity.js';
import { OutputChunks, smallSize } from '../../src/server/output-chunks.js';
import { RandomRun } from '../../src/server/random-run.js';
import { ResponseWriter } from '../../src/server/response-writer.js';
import { User } from '../../src/server/users.js';
import { FakeClock } from '../support/clock.js';
import { fakeGenerator } from '../support/daemon.js';
import { FakeSocket } from '../support/fake-socket.js';
import { unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

/** A writer, what it writes to, and its events in order. */
function writer(overrides: Partial<Generator> = {}, { direct = true } = {}) {
  const memory: Uint8Array[] = [];
  const generator = fakeGenerator({
    allocate(size) {
      const bytes = new Uint8Array(size);
      memory.push(bytes);
      return bytes;
    },
    ...overrides,
  });
  const limits = { ...defaultLimits };
  const socket = new FakeSocket();
  const clock = new FakeClock();
  const user = new User(limits, clock.now);
  const chunks = new OutputChunks(generator, limits);
  const counters = new Counters();
  const events: unknown[][] = [];
  const made = new ResponseWriter({
    socket,
    descriptor: direct ? socket.descriptor : undefined,
    run: new RandomRun(),
    user,
    admin: false,
    chunks,
    generator,
    counters,
    now: clock.now,
    onReady: (yielded) => events.push(['ready', yielded]),
    onRefused: (id, error) => events.push(['refused', id, error]),
  });
  const run = new RandomRun();
  return {
    writer: made,
    socket,
    clock,
    limits,
    chunks,
    counters,
    events,
    /** Sends the response to one request. */
    send(id: number, size: number) {
      run.single(id, size, 0);
      return made.sendRun(run);
    },
    event: (count: number) => until(() => events.length >= count, `${count} events`),
    responses: () => unpackAll(socket.received),
    isWiped: () => memory.every((bytes) => !bytes.includes(0xaa) && !bytes.includes(0xbb)),
  };
}

const response = (id: number, size: number, byte = 0xaa) => [1, id, null, Buffer.alloc(size, byte)];
const busy = {
  code: 'ERR_BUSY',
  message: 'too much is unread or waits for entropy; try again later',
};

t.test('what the kernel takes at once leaves the writer ready', async (t) => {
  for (const direct of [true, false]) {
    const {
      writer: to,
      socket,
      chunks,
      counters,
      send,
      responses,
      isWiped,
    } = writer({}, { direct });
    send(1, 3);
    to.sendMessage([Buffer.from([0xc0])]);
    t.notOk(to.busy || to.unfinished);
    t.strictSame([responses()[0], socket.received.at(-1)], [response(1, 3), 0xc0]);
    t.equal(chunks.acquiredBytes, 0);
    t.equal(counters.randomBytes, 3);
    t.ok(isWiped());
  }
});

t.test('what the kernel does not take at once follows, and is wiped then', async (t) => {
  for (const size of [300, 5_000])
    for (const room of [0, 1, 12, 13, 100]) {
      const { writer: to, socket, clock, chunks, events, send, responses, isWiped } = writer();
      socket.room = room;
      send(1, size);
      t.ok(to.busy, `${room} of ${size} bytes at once`);
      t.equal(chunks.acquiredBytes, size > smallSize ? chunkSize : 0);
      clock.advance(5);
      t.equal(to.stalledMs(clock.now()), 5);
      socket.drain();
      t.notOk(to.busy);
      t.equal(to.stalledMs(clock.now()), 0);
      t.strictSame(responses(), [response(1, size)]);
      t.equal(chunks.acquiredBytes, 0);
      t.ok(isWiped());
      t.strictSame(events, [['ready', true]]);
    }
});

t.test('a message that is not taken at once makes the writer busy as well', async (t) => {
  const { writer: to, socket, events } = writer();
  socket.room = 0;
  to.sendMessage([Buffer.from([1]), Buffer.from([2])]);
  t.ok(to.busy);
  socket.drain();
  t.strictSame([...socket.received], [1, 2]);
  t.strictSame(events, [['ready', true]]);
});

t.test('a large response is sent in chunks', async (t) => {
  const size = 2 * chunkSize + 5;
  const { writer: to, socket, counters, send, event, events, responses } = writer();
  send(7, size);
  const pieces: number[] = [];
  while (to.unfinished) pieces.push(to.continue());
  t.strictSame(pieces, [chunkSize, 5 + 13]);
  t.strictSame(responses(), [response(7, size)]);

  to.beginPredictionResistant(8, size);
  pieces.length = 0;
  while (to.unfinished) {
    pieces.push(to.continue());
    t.ok(to.busy, 'entropy is gathered');
    await event(pieces.length);
  }
  t.strictSame(pieces, [chunkSize - 13, chunkSize, 5 + 13]);
  t.strictSame(events, Array(3).fill(['ready', false]));
  t.ok(Buffer.from(responses()[1]?.[3] as Uint8Array).equals(Buffer.alloc(size, 0xbb)));
  t.equal(counters.randomBytes, 2 * size);
  t.notOk(socket.destroyed);
});

t.test('a response that cannot begin is refused', async (t) => {
  const broken = new EntropyError('ERR_HEALTH', 'broken');
  const {
    writer: to,
    socket,
    limits,
    chunks,
    events,
    event,
    send,
  } = writer({
    fill() {
      throw broken;
    },
    fillPredictionResistant: () => Promise.reject(broken),
  });
  t.throws(() => send(1, 3), broken);
  to.beginPredictionResistant(2, 3);
  to.continue();
  await event(1);
  limits.predictionResistanceRequestsPerUser = 0;
  to.beginPredictionResistant(3, 3);
  to.continue();
  limits.unsentBytes = 0;
  t.equal(send(4, 5_000), false);
  to.beginPredictionResistant(5, 5_000);
  to.continue();
  t.match(events, [
    ['refused', 2, broken],
    ['refused', 3, busy],
    ['refused', 5, busy],
  ]);
  t.equal(chunks.acquiredBytes, 0);
  t.equal(socket.received.length, 0);
  t.notOk(to.busy || to.unfinished || socket.destroyed);
});

t.test(
  'a response that has begun cannot be refused: its failure ends the connection',
  async (t) => {
    let failing = false;
    const fill = (target: Uint8Array, offset: number, length: number) => {
      if (failing) throw new EntropyError('ERR_ENTROPY', 'none answers');
      target.fill(0xaa, offset, offset + length);
    };
    for (const predictionResistance of [false, true]) {
      failing = false;
      const {
        writer: to,
        socket,
        chunks,
        events,
        event,
        send,
      } = writer({
        fill,
        fillPredictionResistant: async (...range) => fill(...range),
      });
      if (predictionResistance) {
        to.beginPredictionResistant(1, 300_000);
        to.continue();
        await event(1);
      } else send(1, 300_000);
      failing = true;
      to.continue();
      await once(socket, 'close');
      t.equal(socket.received.length, chunkSize, 'one chunk');
      t.ok(to.busy, 'nothing is sent any more');
      t.equal(chunks.acquiredBytes, 0);
      t.equal(events.length, predictionResistance ? 1 : 0);
    }
  },
);

t.test('a response that has begun waits if no chunk is free', async (t) => {
  for (const predictionResistance of [false, true]) {
    const { writer: to, limits, events, event, send, responses } = writer();
    if (predictionResistance) {
      to.beginPredictionResistant(1, 200_000);
      to.continue();
      await event(1);
    } else send(1, 200_000);
    events.length = 0;
    limits.unsentBytes = 0;
    to.continue();
    t.ok(to.busy);
    await event(1);
    t.strictSame(events, [['ready', true]]);
    limits.unsentBytes = chunkSize;
    to.continue();
    await until(() => !to.unfinished && !to.busy, 'the rest');
    t.strictSame(responses(), [response(1, 200_000, predictionResistance ? 0xbb : 0xaa)]);
  }
});

t.test('a connection that is lost while entropy is gathered releases its chunk', async (t) => {
  let finish = () => {};
  const {
    writer: to,
    socket,
    chunks,
    event,
    isWiped,
  } = writer({
    fillPredictionResistant: (target, offset, length) =>
      new Promise((resolve) => {
        finish = () => {
          target.fill(0xbb, offset, offset + length);
          resolve();
        };
      }),
  });
  to.beginPredictionResistant(1, 5_000);
  to.continue();
  socket.destroy();
  await once(socket, 'close');
  t.equal(chunks.acquiredBytes, chunkSize);
  finish();
  await event(1);
  t.equal(chunks.acquiredBytes, 0);
  t.ok(isWiped());
  t.equal(socket.received.length, 0);
});

t.test('a connection that is lost with a piece not taken wipes and releases it', async (t) => {
  const { socket, chunks, event, send, isWiped } = writer();
  socket.room = 0;
  send(1, 5_000);
  t.equal(chunks.acquiredBytes, chunkSize);
  socket.destroy();
  await event(1);
  t.equal(chunks.acquiredBytes, 0);
  t.ok(isWiped());
});

t.test('what the kernel has not taken of a batch is sent from a chunk', async (t) => {
  for (const room of [0, 1, 39, 40, 100]) {
    const { writer: to, socket, chunks } = writer();
    const batch = Buffer.alloc(60, 0xaa);
    socket.room = room;
    to.keepBatched(batch, 10, 40);
    t.strictSame(batch.subarray(10, 50), Buffer.alloc(40), `${room} bytes at once: wiped`);
    t.equal(batch[9], 0xaa);
    t.equal(batch[50], 0xaa);
    t.equal(to.busy, room < 40);
    socket.drain();
    t.strictSame(socket.received, Buffer.alloc(40, 0xaa));
    t.equal(chunks.acquiredBytes, 0);
  }
});

t.test('small answers are sent and kept whatever others keep', async (t) => {
  for (const predictionResistance of [false, true]) {
    const { writer: to, socket, limits, event, send, responses, isWiped } = writer();
    limits.unsentBytes = 0;
    limits.unsentBytesPerUser = 0;
    socket.room = 5;
    if (predictionResistance) {
      to.beginPredictionResistant(1, 4_000);
      to.continue();
      await until(() => socket.received.length === 5, 'what the kernel takes');
    } else t.equal(send(1, 4_000), true);
    t.ok(to.busy);
    socket.drain();
    await event(1);
    t.strictSame(responses(), [response(1, 4_000, predictionResistance ? 0xbb : 0xaa)]);
    t.ok(isWiped());
  }
});

t.test('a slow member of a batch keeps its connection whatever others keep', async (t) => {
  const { writer: to, socket, limits, isWiped } = writer();
  limits.unsentBytes = 0;
  limits.unsentBytesPerUser = 0;
  socket.room = 5;
  const batch = Buffer.alloc(smallSize, 0xaa);
  to.keepBatched(batch, 0, smallSize);
  t.notOk(batch.includes(0xaa), 'wiped');
  t.notOk(socket.destroyed);
  t.ok(to.busy);
  socket.drain();
  t.strictSame(socket.received, Buffer.alloc(smallSize, 0xaa));
  t.ok(isWiped());
});

t.test('nothing is sent past node:net once the socket is destroyed', async (t) => {
  const { writer: to, socket, chunks, send } = writer();
  socket.destroy();
  send(1, 3);
  const batch = Buffer.alloc(40, 0xaa);
  to.keepBatched(batch, 0, 40);
  t.equal(socket.received.length, 0);
  t.equal(chunks.acquiredBytes, 0);
  t.notOk(batch.includes(0xaa));
});
