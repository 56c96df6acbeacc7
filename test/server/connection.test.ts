import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { chunkSize } from '../../src/common/unix-socket.js';
import type { Generator } from '../../src/generator/interface.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { Connection } from '../../src/server/connection.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import type { User } from '../../src/server/users.js';
import { nobody } from '../../src/server/users.js';
import { fakeGenerator, serverContext, startFake, startServer } from '../support/daemon.js';
import {
  collect,
  exchange,
  maxMessageSize,
  message,
  open,
  pack,
  take,
  takeAnswers,
  unpackAll,
} from '../support/raw.js';

const wire = (size: number, byte = 0xaa): Buffer => Buffer.alloc(size, byte);
const fresh = { predictionResistance: true };
const plain = process.env.ENTROPYD_TEST_PLAIN_READ !== undefined;

/** Waits, with an end, for what the server does on its own. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not: ${condition}`);
    await setTimeout(1);
  }
}

/** Whether the daemon still answers somebody else. */
async function serves(t: Test, path: string): Promise<boolean> {
  const [answer] = unpackAll(await exchange(t, path, message(9, 'random', [4])));
  return answer?.[1] === 9 && (answer[3] as Uint8Array).length === 4;
}

t.test('each request is answered with its id, in the order of the requests', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const answers = unpackAll(
    await exchange(
      t,
      path,
      message(5, 'random', [3]),
      message(2 ** 32 - 1, 'health', []),
      message(0, 'random', [1, fresh]),
      message(5, 'random', [300]),
      message(6, Buffer.from('random'), [2]),
      message(7, 'version', []),
      message(8, 'random', [70_000]),
    ),
  );
  t.match(answers, [
    [1, 5, null, wire(3)],
    [1, 2 ** 32 - 1, null, { state: 'operational' }],
    [1, 0, null, wire(1, 0xbb)],
    [1, 5, null, wire(300)],
    [1, 6, null, wire(2)],
    [1, 7, null, { name: 'entropyd' }],
    [1, 8, null, wire(70_000)],
  ]);
  t.equal(answers.length, 7);
});

t.test('a bad size, option or method is refused, and the connection goes on', async (t) => {
  const { path, context } = await startServer(t);
  const bad = [
    ['random', [], 'ERR_LENGTH'],
    ['random', [0], 'ERR_LENGTH'],
    ['random', [-1], 'ERR_LENGTH'],
    ['random', [1.5], 'ERR_LENGTH'],
    ['random', ['32'], 'ERR_LENGTH'],
    ['random', [null], 'ERR_LENGTH'],
    ['random', [maxRandomSize + 1], 'ERR_LENGTH'],
    ['random', [2 ** 32], 'ERR_LENGTH'],
    ['random', [2n ** 64n - 1n], 'ERR_LENGTH'],
    ['random', [{}], 'ERR_LENGTH'],
    ['random', [1, 2, 3], 'ERR_PARAMS'],
    ['random', [1, { x: 1 }], 'ERR_PARAMS'],
    ['', [], 'ERR_METHOD'],
    ['Random', [1], 'ERR_METHOD'],
    ['constructor', [], 'ERR_METHOD'],
    ['health', [1], 'ERR_PARAMS'],
  ] as const;
  const answers = unpackAll(
    await exchange(
      t,
      path,
      ...bad.map(([method, params], id) => message(id, method, params)),
      message(100, 'random', [8]),
    ),
  );
  for (const [id, [method, params, code]] of bad.entries())
    t.match(
      answers[id],
      [1, id, [code, String], null],
      `${method}(${params.map(String).join(', ')})`,
    );
  t.match(answers[bad.length], [1, 100, null, Buffer]);
  t.equal(context.counters.requests, bad.length + 1);
});

t.test('notifications are accepted and ignored', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const notification = pack([2, 'random', [5]]);
  t.strictSame(await exchange(t, path, notification), Buffer.alloc(0));
  const answers = unpackAll(
    await exchange(t, path, notification, message(1, 'random', [2]), notification),
  );
  t.strictSame(answers, [[1, 1, null, wire(2)]]);
});

/** What is no message, with the code that says so. */
const garbage: [name: string, bytes: Uint8Array, code: string][] = [
  ['zeros', Buffer.alloc(64), 'ERR_MESSAGE'],
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'ERR_MESSAGE'],
  ['a map', pack({ method: 'random' }), 'ERR_MESSAGE'],
  ['an extension', Buffer.from([0x94, 0, 1, 0xd4, 0x72, 0x40]), 'ERR_MESSAGE'],
  ['the type never used', Buffer.from([0x94, 0xc1]), 'ERR_MESSAGE'],
  ['an empty array', Buffer.from([0x90]), 'ERR_MESSAGE'],
  ['a response', pack([1, 1, null, null]), 'ERR_MESSAGE'],
  ['three elements', pack([0, 1, 'random']), 'ERR_MESSAGE'],
  ['no id', pack([0, null, 'random', [1]]), 'ERR_MESSAGE'],
  ['a negative id', pack([0, -1, 'random', [1]]), 'ERR_MESSAGE'],
  ['an id too large', pack([0, 2 ** 32, 'random', [1]]), 'ERR_MESSAGE'],
  ['a method that is a number', pack([0, 1, 1, [1]]), 'ERR_MESSAGE'],
  ['parameters that are no array', pack([0, 1, 'random', 1]), 'ERR_MESSAGE'],
  ['too deep', Buffer.alloc(20, 0x91), 'ERR_MESSAGE'],
  ['too many elements', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'ERR_MESSAGE'],
  ['too large', Buffer.from([0x94, 0, 1, 0xdb, 0xff, 0xff, 0xff, 0xff]), 'ERR_TOO_LARGE'],
  ['just too large', message(1, 'x'.repeat(maxMessageSize), []), 'ERR_TOO_LARGE'],
];

t.test('what is no message is answered with id 0, then the connection ends', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const other = await open(t, path);
  for (const [name, bytes, code] of garbage) {
    const socket = await open(t, path);
    const collected = collect(socket);
    // What came before is answered, what comes behind is not.
    socket.write(Buffer.concat([message(1, 'random', [2]), bytes, message(2, 'random', [2])]));
    t.match(
      unpackAll(await collected),
      [
        [1, 1, null, wire(2)],
        [1, 0, [code, String], null],
      ],
      name,
    );
    other.write(message(3, 'random', [4]));
    t.match(await takeAnswers(other, 1), [[1, 3, null, wire(4)]], `others, after ${name}`);
  }
  await until(() => context.counters.connectionsOpen === 1);
});

t.test('a message that the end of input cuts short is none either', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const whole of [message(300, 'random', [70_000]), message(7, 'health', [])])
    for (let cut = 1; cut < whole.length; cut++) {
      const answers = unpackAll(
        await exchange(t, path, message(1, 'random', [2]), whole.subarray(0, cut)),
      );
      t.strictSame(answers, [
        [1, 1, null, wire(2)],
        [1, 0, ['ERR_MESSAGE', 'not a valid message: cut short'], null],
      ]);
    }
});

t.test('of messages behind an invalid one none is looked at', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const answers = unpackAll(await exchange(t, path, Buffer.alloc(60_000, 0x90)));
  t.match(answers, [[1, 0, ['ERR_MESSAGE', String], null]]);
  t.equal(answers.length, 1);
  t.strictSame([...context.counters.errors], [['ERR_MESSAGE', 1]]);
});

t.test('a message may be as large as the limit, and arrive as slowly as it likes', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const largest = message(5, 'x'.repeat(maxMessageSize - 7), []);
  t.equal(largest.length, maxMessageSize);
  t.match(unpackAll(await exchange(t, path, largest)), [[1, 5, ['ERR_METHOD', String], null]]);

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

t.test('requests may be cut anywhere: answers have their ids, sizes and order', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          id: fc.nat({ max: 2 ** 32 - 1 }),
          kind: fc.constantFrom('random', 'fresh', 'version', 'nothing', 'notification'),
          size: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 300_000 })),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
      async (requests, cuts) => {
        const bytes = Buffer.concat(
          requests.map(({ id, kind, size }) => {
            if (kind === 'random') return message(id, 'random', [size]);
            if (kind === 'fresh') return message(id, 'random', [size, fresh]);
            return kind === 'notification' ? pack([2, 'x', []]) : message(id, kind, []);
          }),
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
        const expected = requests
          .filter(({ kind }) => kind !== 'notification')
          .map(({ id, kind, size }) => [
            id,
            kind === 'random' ? wire(size) : kind === 'fresh' ? wire(size, 0xbb) : kind,
          ]);
        if (answers.length !== expected.length) return false;
        runs++;
        return answers.every(([type, id, error, result], index) => {
          const [wantedId, wanted] = expected[index] ?? [];
          if (type !== 1 || id !== wantedId) return false;
          if (Buffer.isBuffer(wanted)) return wanted.equals(result as Uint8Array);
          return wanted === 'version' ? error === null : result === null;
        });
      },
    ),
    { numRuns: 60 },
  );
  t.equal(runs, 60);
});

t.test('large answers are whole, pipelined, and never zeros', async (t) => {
  const { path, context } = await startServer(t);
  const sizes = [
    maxRandomSize,
    1,
    chunkSize,
    chunkSize - 13,
    chunkSize - 12,
    65_535,
    maxRandomSize,
  ];
  const answers = unpackAll(
    await exchange(t, path, ...sizes.map((size, id) => message(id, 'random', [size]))),
  );
  for (const [id, size] of sizes.entries()) {
    const bytes = answers[id]?.[3] as Uint8Array;
    t.strictSame([answers[id]?.[1], bytes.length], [id, size]);
    let zeros = 0;
    // 32 zeros: 2^-256 for each of 68,000 places.
    for (let at = 0; at + 32 <= size; at += 32)
      if (bytes.subarray(at, at + 32).every((byte) => byte === 0)) zeros++;
    t.equal(zeros, 0);
  }
  t.equal(
    context.counters.randomBytes,
    sizes.reduce((a, b) => a + b),
  );
});

t.test('many small answers fill a chunk exactly, headers and all', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const size of [1, 255, 256]) {
    const requests = Buffer.concat(
      Array.from({ length: 15_000 }, (_, id) => message(id, 'random', [size])),
    );
    const answers = unpackAll(await exchange(t, path, requests));
    t.equal(answers.length, 15_000);
    const expected = wire(size);
    const wrong = answers.findIndex(
      ([, id, , bytes], index) => id !== index || !expected.equals(bytes as Uint8Array),
    );
    t.equal(wrong, -1, `${size} bytes`);
  }
});

/** A generator that counts what it made, and a client that does not read. */
async function stalled(
  t: Test,
  ...requests: Buffer[]
): Promise<{ socket: Socket; made: () => number; errors: () => number; requests: () => number }> {
  let made = 0;
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      fill(target, offset, length) {
        made += length;
        target.fill(0xaa, offset, offset + length);
      },
    }),
  );
  const socket = await open(t, path);
  socket.pause();
  socket.write(Buffer.concat(requests));
  await setTimeout(100);
  return {
    socket,
    made: () => made,
    errors: () => context.counters.errors.size,
    requests: () => context.counters.requests,
  };
}

t.test(
  'for a client that does not read, no more is made than a chunk and the kernel take',
  async (t) => {
    const requests = Array.from({ length: 50 }, (_, id) => message(id, 'random', [maxRandomSize]));
    const { socket, made } = await stalled(t, ...requests);
    t.ok(made() < 1_000_000, `${made()} bytes`);
    const collected = collect(socket);
    socket.resume();
    socket.end();
    const answers = unpackAll(await collected);
    t.equal(answers.length, 50);
    t.ok(answers.every(([, , , bytes]) => (bytes as Uint8Array).length === maxRandomSize));
  },
);

t.test('for a client that does not read, other methods wait as well', async (t) => {
  const requests = Array.from({ length: 3000 }, (_, id) => message(id, 'status', []));
  const { socket, requests: handled } = await stalled(t, ...requests);
  t.ok(handled() < 2000, `${handled()} of 3000 handled`);
  const collected = collect(socket);
  socket.resume();
  socket.end();
  const answers = unpackAll(await collected);
  t.strictSame(
    answers.map(([, id]) => id),
    Array.from({ length: 3000 }, (_, id) => id),
  );
});

t.test('a client that wants much does not hold up the others', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const flood of [
    message(0, 'random', [maxRandomSize]),
    message(0, 'random', [maxRandomSize, fresh]),
    message(0, 'metrics', []),
    message(0, 'nothing', []),
  ]) {
    const greedy = await open(t, path);
    greedy.resume();
    let ended = false;
    greedy.on('end', () => {
      ended = true;
    });
    greedy.end(Buffer.concat(Array(Math.floor(64_000 / flood.length)).fill(flood)));
    await setTimeout(5);
    t.ok(await serves(t, path));
    t.notOk(ended, 'answered before the flood was');
    greedy.destroy();
  }
});

t.test('messages that need no answer do not hold up the others either', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const notifications = Buffer.concat(Array(8000).fill(pack([2, 'x', []])));
  const socket = await open(t, path);
  let turns = 0;
  let running = true;
  const count = () => {
    turns++;
    if (running) globalThis.setImmediate(count);
  };
  count();
  socket.write(Buffer.concat([notifications, message(1, 'random', [4])]));
  t.strictSame(await takeAnswers(socket, 1), [[1, 1, null, wire(4)]]);
  running = false;
  t.ok(turns > 500, `${turns} turns of the event loop`);
});

t.test('a client may go at every byte of a message', async (t) => {
  const { path, context } = await startServer(t);
  for (const whole of [
    message(300, 'random', [200_000]),
    message(300, 'random', [200_000, fresh]),
    message(7, 'metrics', []),
  ])
    for (let cut = 0; cut <= whole.length; cut++) {
      const socket = await open(t, path);
      await new Promise((resolve) => socket.write(whole.subarray(0, cut), resolve));
      socket.destroy();
    }
  t.ok(await serves(t, path));
  await until(() => context.counters.connectionsOpen === 0);
  t.equal(context.chunks.acquiredBytes, 0, 'every chunk is back');
});

t.test('a client may go in the middle of a large answer', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  for (const options of [[], [fresh]])
    for (let i = 0; i < 10; i++) {
      const socket = await open(t, path);
      socket.write(Buffer.concat(Array(5).fill(message(1, 'random', [maxRandomSize, ...options]))));
      await take(socket, 1 + i * 100_000);
      socket.destroy();
    }
  await until(() => context.counters.connectionsOpen === 0);
  t.equal(context.chunks.acquiredBytes, 0);
  t.ok(await serves(t, path));
});

t.test('a client that ends its side still gets its answers', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const requests = Array.from({ length: 20 }, (_, id) =>
    id % 3 === 0 ? message(id, 'version', []) : message(id, 'random', [200_000]),
  );
  const answers = unpackAll(await exchange(t, path, Buffer.concat(requests)));
  t.strictSame(
    answers.map(([, id]) => id),
    Array.from({ length: 20 }, (_, id) => id),
  );
  t.strictSame(await exchange(t, path), Buffer.alloc(0), 'also without a request');
});

t.test('nothing random is left in a buffer after it was sent', async (t) => {
  const memory: Uint8Array[] = [];
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      allocate(size) {
        const bytes = new Uint8Array(size);
        memory.push(bytes);
        return bytes;
      },
    }),
  );
  const answers = await exchange(
    t,
    path,
    message(1, 'random', [32]),
    message(2, 'random', [300_000]),
    message(3, 'random', [300_000, fresh]),
  );
  t.ok(answers.length > 600_000);
  await until(() => context.counters.connectionsOpen === 0);
  t.ok(memory.length > 0);
  for (const bytes of memory) t.notOk(bytes.includes(0xaa) || bytes.includes(0xbb));
});

t.test('while the generator refuses, each request is told why, by its id', async (t) => {
  let refuses = true;
  const { path } = await startServer(
    t,
    fakeGenerator({
      fill(target, offset, length) {
        if (refuses) throw new EntropyError('ERR_NOT_SEEDED', 'not yet');
        target.fill(0xaa, offset, offset + length);
      },
    }),
  );
  const socket = await open(t, path);
  socket.write(
    Buffer.concat([
      message(1, 'random', [5]),
      message(2, 'random', [maxRandomSize]),
      message(3, 'version', []),
      message(4, 'random', [5]),
    ]),
  );
  const answers = await takeAnswers(socket, 4);
  const refusal = ['ERR_NOT_SEEDED', 'not yet'];
  t.match(answers, [
    [1, 1, refusal, null],
    [1, 2, refusal, null],
    [1, 3, null, { name: 'entropyd' }],
    [1, 4, refusal, null],
  ]);
  refuses = false;
  socket.write(message(5, 'random', [5]));
  t.strictSame(await takeAnswers(socket, 1), [[1, 5, null, wire(5)]], 'it goes on');
});

t.test('prediction resistance that cannot be had is refused, and never degrades', async (t) => {
  const { path } = await startServer(
    t,
    fakeGenerator({
      fillPredictionResistant: () =>
        Promise.reject(new EntropyError('ERR_ENTROPY', 'none answers')),
    }),
  );
  const answers = unpackAll(
    await exchange(
      t,
      path,
      message(1, 'random', [5, fresh]),
      message(2, 'random', [5]),
      message(3, 'random', [300_000, fresh]),
    ),
  );
  t.strictSame(answers, [
    [1, 1, ['ERR_ENTROPY', 'none answers'], null],
    [1, 2, null, wire(5)],
    [1, 3, ['ERR_ENTROPY', 'none answers'], null],
  ]);
});

t.test('a failure within a large answer ends the connection, and no byte is made up', async (t) => {
  const failing: [string, unknown[], () => Partial<Generator>][] = [
    [
      'fill',
      [],
      () => {
        let calls = 0;
        return {
          fill(target, offset, length) {
            if (++calls > 1) throw new EntropyError('ERR_HEALTH', 'rdseed failed');
            target.fill(0xaa, offset, offset + length);
          },
        };
      },
    ],
    [
      'fillPredictionResistant',
      [fresh],
      () => {
        let calls = 0;
        return {
          async fillPredictionResistant(target, offset, length) {
            if (++calls > 1) throw new EntropyError('ERR_ENTROPY', 'none answers');
            target.fill(0xaa, offset, offset + length);
          },
        };
      },
    ],
  ];
  for (const [name, options, overrides] of failing) {
    const { path, context } = await startServer(t, fakeGenerator(overrides()));
    const socket = await open(t, path);
    const collected = collect(socket);
    socket.write(
      Buffer.concat([
        message(1, 'random', [300_000, ...options]),
        message(2, 'random', [5]),
        message(3, 'version', []),
      ]),
    );
    const bytes = await collected;
    t.equal(bytes.length, chunkSize, `${name}: one chunk`);
    t.ok(bytes.subarray(13).every((byte) => byte === 0xaa));
    await until(() => context.counters.connectionsOpen === 0);
    t.equal(context.chunks.acquiredBytes, 0, `${name}: every chunk is back`);
  }
});

const busy = ['ERR_BUSY', 'too much is unread or waits for entropy; try again later'];

t.test('where no chunk is left, requests are told to come again', async (t) => {
  const memory = new Uint8Array(chunkSize);
  const { path, context } = await startServer(t, fakeGenerator({ allocate: () => memory }));
  context.limits.unsentBytes = 0;
  const requests = [
    message(1, 'random', [5]),
    message(2, 'random', [5, fresh]),
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
  t.ok(await serves(t, path));
});

t.test('where no chunk is left within a large answer, it waits for one', async (t) => {
  for (const [options, byte] of [
    [[], 0xaa],
    [[fresh], 0xbb],
  ] as const) {
    const { path, context } = await startServer(t, fakeGenerator());
    const { chunks } = context;
    const acquire = chunks.acquire.bind(chunks);
    let calls = 0;
    t.intercept(chunks, 'acquire', {
      value: (user: User) => (++calls > 1 && calls < 5 ? undefined : acquire(user)),
    });
    const answers = unpackAll(
      await exchange(t, path, message(1, 'random', [maxRandomSize, ...options])),
    );
    t.ok(wire(maxRandomSize, byte).equals(answers[0]?.[3] as Uint8Array));
    t.ok(calls > 5, 'it was turned away, and came again');
    t.equal(chunks.acquiredBytes, 0);
  }
});

t.test('one user’s unread answers leave room for another’s', async (t) => {
  const memory = new Uint8Array(chunkSize);
  const { path, context } = await startServer(t, fakeGenerator({ allocate: () => memory }));
  // The user of this process holds all its share.
  const user = context.users.enter(process.geteuid?.() ?? -1) as User;
  while (user.reserve(chunkSize));
  const [answer] = unpackAll(await exchange(t, path, message(1, 'random', [5])));
  t.match(answer, plain ? [1, 1, null, wire(5)] : [1, 1, busy, null], 'the user is told so');
  t.ok(context.chunks.acquire(context.users.enter(77) as User), 'another is served');
  user.unreserve(chunkSize);
  t.ok(await serves(t, path));
});

t.test('a message has 10 s to arrive whole, whatever was answered before', async (t) => {
  let now = 0;
  t.intercept(performance, 'now', { value: () => now });
  for (const [whole, why] of [
    [message(1, 'random', [5]), 'the fixed shape'],
    [message(1, 'health', []), 'any other'],
  ] as const) {
    const context = serverContext(fakeGenerator());
    const connections: Connection[] = [];
    const { path } = await startFake(t, (socket) => {
      const user = context.users.enter(0) as User;
      const connection = new Connection({ socket, peer: nobody, user }, context);
      socket.on('data', (data) => connection.receive(ReceiveBuffer.of(data), data.length));
      connections.push(connection);
    });
    const socket = await open(t, path);
    const sweep = () => {
      for (const connection of connections) connection.sweep(now);
    };
    const half = whole.subarray(0, whole.length - 1);
    now = 1000;
    socket.write(Buffer.concat([message(2, 'random', [1]), half]));
    await takeAnswers(socket, 1);
    now = 11_000;
    sweep();
    socket.write(whole.subarray(-1));
    await takeAnswers(socket, 1);
    now = 30_000;
    sweep();
    socket.write(half.subarray(0, 3));
    await setTimeout(20);
    now = 39_000;
    socket.write(half.subarray(3));
    await setTimeout(20);
    const collected = collect(socket);
    now = 40_001;
    sweep();
    t.strictSame(
      unpackAll(await collected),
      [[1, 0, ['ERR_MESSAGE', 'not a valid message: incomplete after 10 s'], null]],
      why,
    );
  }
});

t.test('an answer that nobody takes for a minute ends its connection', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const user = context.users.enter(5) as User;
  let connection: Connection | undefined;
  const fake = await startFake(t, (accepted) => {
    connection = new Connection({ socket: accepted, peer: nobody, user }, context);
    accepted.on('data', (data) => connection?.receive(ReceiveBuffer.of(data), data.length));
  });
  const socket = await open(t, fake.path);
  socket.pause();
  socket.write(message(1, 'random', [maxRandomSize]));
  await until(() => context.chunks.acquiredBytes === chunkSize);
  connection?.sweep(performance.now() + 59_000);
  await setImmediate();
  t.equal(context.chunks.acquiredBytes, chunkSize);
  connection?.sweep(performance.now() + 61_000);
  await until(() => context.chunks.acquiredBytes === 0);
  t.ok(await serves(t, path));
});

t.test('bytes a second hold for a user, in whatever shape they are asked for', async (t) => {
  const { path } = await startServer(t, fakeGenerator(), {
    limits: { bytesPerSecondPerUser: 1000 },
  });
  const tooMuch = ['ERR_RATE', 'more than 1000 bytes a second for this user'];
  const answers = unpackAll(
    await exchange(
      t,
      path,
      message(1, 'random', [500]),
      message(2, 'random', [300_000]),
      message(3, 'random', [1]),
      message(4, 'random', [1, fresh]),
      message(5, Buffer.from('random'), [1]),
      message(6, 'version', []),
    ),
  );
  t.match(answers, [
    [1, 1, null, wire(500)],
    [1, 2, null, wire(300_000)],
    [1, 3, tooMuch, null],
    [1, 4, tooMuch, null],
    [1, 5, tooMuch, null],
    [1, 6, null, { name: 'entropyd' }],
  ]);
});

t.test('of one user, so many requests with prediction resistance may wait', async (t) => {
  const waiting: (() => void)[] = [];
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      fillPredictionResistant: () => new Promise((resolve) => waiting.push(resolve)),
    }),
    { limits: { predictionResistanceRequestsPerUser: 3 } },
  );
  const sockets = await Promise.all(Array.from({ length: 3 }, () => open(t, path)));
  for (const socket of sockets) socket.write(message(1, 'random', [5, fresh]));
  await until(() => waiting.length === sockets.length);
  const answers = unpackAll(await exchange(t, path, message(2, 'random', [5, fresh])));
  t.strictSame(answers, [[1, 2, busy, null]]);
  t.ok(await serves(t, path), 'without it they are served');
  for (const resolve of waiting.splice(0)) resolve();
  await takeAnswers(sockets[0] as Socket, 1);
  const [last] = sockets;
  last?.write(message(3, 'random', [5, fresh]));
  await until(() => waiting.length === 1);
  waiting[0]?.();
  await until(() => context.chunks.acquiredBytes === 0);
});

t.test('nothing is taken after the end, even where it was read already', async (t) => {
  const generator = fakeGenerator({ fill: () => t.fail('asked for bytes') });
  const context = serverContext(generator);
  const { path } = await startFake(t, (socket) => {
    const user = context.users.enter(0) as User;
    const connection = new Connection({ socket, peer: nobody, user }, context);
    connection.finish();
    const request = message(1, 'random', [5]);
    connection.receive(ReceiveBuffer.of(request), request.length);
  });
  const socket = await open(t, path);
  t.strictSame(await collect(socket), Buffer.alloc(0));
  t.equal(context.counters.requests, 0);
});

t.test('reads, requests and bytes are counted', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const { counters } = context;
  await exchange(
    t,
    path,
    Buffer.concat([
      message(1, 'random', [100]),
      message(2, 'random', [200, fresh]),
      message(3, 'version', []),
    ]),
  );
  t.match(counters, { requests: 3, randomBytes: 300 });
  const { count, seconds } = counters.serving();
  t.ok(count >= 1);
  t.ok(seconds > 0);
});

t.test('a connection that is lost while fresh bytes are gathered frees its buffer', async (t) => {
  let finish = () => {};
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      fillPredictionResistant: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    }),
  );
  const started = finish;
  const socket = await open(t, path);
  socket.write(message(1, 'random', [5, fresh]));
  await until(() => finish !== started);
  socket.destroy();
  await once(socket, 'close');
  await setTimeout(5);
  t.equal(context.chunks.acquiredBytes, chunkSize);
  finish();
  await setImmediate();
  t.equal(context.chunks.acquiredBytes, 0);
  await until(() => context.counters.connectionsOpen === 0);
});
