/**
 * How a connection splits its input into messages, and how it refuses invalid ones.
 * connection-plain.test.ts runs these tests again.
 */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { fakeGenerator, startServer } from '../support/daemon.js';
import {
  collect,
  exchange,
  maxMessageSize,
  message,
  open,
  pack,
  takeAnswers,
  unpackAll,
} from '../support/raw.js';
import { until } from '../support/until.js';

const wire = (size: number, byte = 0xaa): Buffer => Buffer.alloc(size, byte);
const fresh = { predictionResistance: true };

t.test('messages may arrive byte by byte', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const socket = await open(t, path);
  const collected = collect(socket);
  for (const byte of Buffer.concat([
    message(6, 'random', [3]),
    message(7, 'version', []),
    message(8, 'random', [4]),
  ])) {
    socket.write(Uint8Array.of(byte));
    await setImmediate();
  }
  socket.end();
  t.match(unpackAll(await collected), [
    [1, 6, null, wire(3)],
    [1, 7, null, { name: 'entropyd' }],
    [1, 8, null, wire(4)],
  ]);
});

/** For each kind of message: what the client sends, and whether an answer has the expected result. */
const kinds = {
  random: {
    encode: (id: number, size: number) => message(id, 'random', [size]),
    expected: (result: unknown, size: number) => wire(size).equals(result as Uint8Array),
  },
  predictionResistant: {
    encode: (id: number, size: number) => message(id, 'random', [size, fresh]),
    expected: (result: unknown, size: number) => wire(size, 0xbb).equals(result as Uint8Array),
  },
  version: {
    encode: (id: number) => message(id, 'version', []),
    expected: (result: unknown) => result !== null,
  },
  unknown: {
    encode: (id: number) => message(id, 'unknown', []),
    expected: (result: unknown) => result === null,
  },
  notification: { encode: () => pack([2, 'random', [5]]), expected: () => false },
} as const;

t.test('however the input is split, answers have their ids, sizes and order', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const request = fc.record({
    id: fc.nat({ max: 2 ** 32 - 1 }),
    kind: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
    size: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 300_000 })),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 20 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
      async (requests, cuts) => {
        const bytes = Buffer.concat(
          requests.map(({ id, kind, size }) => kinds[kind].encode(id, size)),
        );
        const places = cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b);
        const socket = await open(t, path);
        const collected = collect(socket);
        let from = 0;
        for (const to of [...places, bytes.length]) {
          socket.write(bytes.subarray(from, to));
          await setImmediate();
          from = to;
        }
        socket.end();
        const answers = unpackAll(await collected);
        const answered = requests.filter(({ kind }) => kind !== 'notification');
        return (
          answers.length === answered.length &&
          answered.every(({ id, kind, size }, index) => {
            const [type, answeredId, , result] = answers[index] as unknown[];
            return type === 1 && answeredId === id && kinds[kind].expected(result, size);
          })
        );
      },
    ),
    { numRuns: 60 },
  );
});

t.test('an invalid message is answered with id 0, then the connection ends', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const other = await open(t, path);
  for (const [name, bytes, code] of [
    ['zeros', Buffer.alloc(64), 'ERR_MESSAGE'],
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'ERR_MESSAGE'],
    ['a map', pack({ method: 'random' }), 'ERR_MESSAGE'],
    ['an extension', Buffer.from([0x94, 0, 1, 0xd4, 0x72, 0x40]), 'ERR_MESSAGE'],
    ['the byte that MessagePack never uses', Buffer.from([0x94, 0xc1]), 'ERR_MESSAGE'],
    ['an empty array', Buffer.from([0x90]), 'ERR_MESSAGE'],
    ['a response', pack([1, 1, null, null]), 'ERR_MESSAGE'],
    ['three elements', pack([0, 1, 'random']), 'ERR_MESSAGE'],
    ['no id', pack([0, null, 'random', [1]]), 'ERR_MESSAGE'],
    ['a negative id', pack([0, -1, 'random', [1]]), 'ERR_MESSAGE'],
    ['an id that is too large', pack([0, 2 ** 32, 'random', [1]]), 'ERR_MESSAGE'],
    ['a method that is a number', pack([0, 1, 1, [1]]), 'ERR_MESSAGE'],
    ['parameters that are not an array', pack([0, 1, 'random', 1]), 'ERR_MESSAGE'],
    ['nested too deeply', Buffer.alloc(20, 0x91), 'ERR_MESSAGE'],
    ['too many elements', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'ERR_MESSAGE'],
    ['too large', Buffer.from([0x94, 0, 1, 0xdb, 0xff, 0xff, 0xff, 0xff]), 'ERR_TOO_LARGE'],
    ['slightly too large', message(1, 'x'.repeat(maxMessageSize), []), 'ERR_TOO_LARGE'],
  ] as const) {
    const socket = await open(t, path);
    const collected = collect(socket);
    // Requests before it are answered, requests after it are not.
    socket.write(Buffer.concat([message(1, 'random', [2]), bytes, message(2, 'random', [2])]));
    const answers = unpackAll(await collected);
    t.match(answers, [
      [1, 1, null, wire(2)],
      [1, 0, [code, String], null],
    ]);
    t.equal(answers.length, 2, name);
    other.write(message(3, 'random', [4]));
    t.strictSame(await takeAnswers(other, 1), [[1, 3, null, wire(4)]], `others, after ${name}`);
  }
  await until(() => context.counters.connectionsOpen === 1, 'the end of all invalid connections');
});

t.test('nothing that follows an invalid message is read', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const answers = unpackAll(await exchange(t, path, Buffer.alloc(60_000, 0x90)));
  t.match(answers, [[1, 0, ['ERR_MESSAGE', String], null]]);
  t.equal(answers.length, 1);
  t.strictSame([...context.counters.errors], [['ERR_MESSAGE', 1]]);
});

t.test('a message that the end of input cuts short is invalid', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const whole of [message(300, 'random', [70_000]), message(7, 'health', [])])
    for (let cut = 1; cut < whole.length; cut++) {
      const cutShort = whole.subarray(0, cut);
      const bytes = await exchange(t, path, message(1, 'random', [2]), cutShort);
      t.strictSame(unpackAll(bytes), [
        [1, 1, null, wire(2)],
        [1, 0, ['ERR_MESSAGE', 'not a valid message: cut short'], null],
      ]);
    }
});
