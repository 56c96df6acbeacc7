import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { chunkSize } from '../../src/common/unix-socket.js';
import type { Limits } from '../../src/config/config.js';
import type { Generator } from '../../src/generator/interface.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { Connection } from '../../src/server/connection.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { nobody, type User } from '../../src/server/users.js';
import { FakeClock } from '../support/clock.js';
import { fakeGenerator, serverContext, startServer } from '../support/daemon.js';
import { FakeSocket } from '../support/fake-socket.js';
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
import { until } from '../support/until.js';

/** Whether connections are read and written as documented by node:net: see connection-plain.test. */
const plain = process.env.ENTROPYD_TEST_PLAIN_READ !== undefined;

const wire = (size: number, byte = 0xaa): Buffer => Buffer.alloc(size, byte);
const response = (id: number, size: number, byte = 0xaa) => [1, id, null, wire(size, byte)];
const resistant = { predictionResistance: true };
const busy = ['ERR_BUSY', 'too much is unread or waits for entropy; try again later'];

/** Sends the messages in one write, ends its side, and returns all responses. */
async function ask(t: Test, path: string, ...messages: Buffer[]): Promise<unknown[][]> {
  return unpackAll(await exchange(t, path, Buffer.concat(messages)));
}

/** Whether the daemon still answers somebody else. */
async function serves(t: Test, path: string): Promise<boolean> {
  const [answer] = await ask(t, path, message(9, 'random', [4]));
  return answer?.[1] === 9 && (answer[3] as Uint8Array).length === 4;
}

const closed = (context: { counters: { connectionsOpen: number } }) =>
  until(() => context.counters.connectionsOpen === 0, 'the end of all connections');

t.test('each request is answered with its id, in the order of the requests', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const answers = await ask(
    t,
    path,
    message(5, 'random', [3]),
    message(2 ** 32 - 1, 'health', []),
    message(0, 'random', [1, resistant]),
    message(5, 'random', [300]),
    message(6, Buffer.from('random'), [2]),
    message(7, 'version', []),
    message(8, 'random', [70_000]),
  );
  t.match(answers, [
    response(5, 3),
    [1, 2 ** 32 - 1, null, { state: 'operational' }],
    response(0, 1, 0xbb),
    response(5, 300),
    response(6, 2),
    [1, 7, null, { name: 'entropyd' }],
    response(8, 70_000),
  ]);
  t.equal(answers.length, 7);
});

t.test('a refused request keeps its id, and the connection stays', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const refused = [
    ['random', [0], 'ERR_LENGTH'],
    ['random', [1, { x: 1 }], 'ERR_PARAMS'],
    ['random', [2n ** 64n - 1n], 'ERR_LENGTH'],
    ['Random', [1], 'ERR_METHOD'],
    ['health', [1], 'ERR_PARAMS'],
    ['reseed', [], 'ERR_FORBIDDEN'],
  ] as const;
  const answers = await ask(
    t,
    path,
    ...refused.map(([method, params], id) => message(id, method, params)),
    message(100, 'random', [8]),
  );
  t.match(answers, [
    ...refused.map(([, , code], id) => [1, id, [code, String], null]),
    response(100, 8),
  ]);
  t.equal(context.counters.requests, refused.length + 1);
});

t.test('notifications are accepted and ignored', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const notification = pack([2, 'random', [5]]);
  t.strictSame(await ask(t, path, notification), []);
  const answers = await ask(t, path, notification, message(1, 'random', [2]), notification);
  t.strictSame(answers, [response(1, 2)]);
});

/** Invalid messages, and the code that says so. */
const invalid: [name: string, bytes: Uint8Array, code: string][] = [
  ['zeros', Buffer.alloc(64), 'ERR_MESSAGE'],
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'ERR_MESSAGE'],
  ['a map', pack({ method: 'random' }), 'ERR_MESSAGE'],
  ['an extension', Buffer.from([0x94, 0, 1, 0xd4, 0x72, 0x40]), 'ERR_MESSAGE'],
  ['the unused type', Buffer.from([0x94, 0xc1]), 'ERR_MESSAGE'],
  ['an empty array', Buffer.from([0x90]), 'ERR_MESSAGE'],
  ['a response', pack([1, 1, null, null]), 'ERR_MESSAGE'],
  ['three elements', pack([0, 1, 'random']), 'ERR_MESSAGE'],
  ['no id', pack([0, null, 'random', [1]]), 'ERR_MESSAGE'],
  ['a negative id', pack([0, -1, 'random', [1]]), 'ERR_MESSAGE'],
  ['an id too large', pack([0, 2 ** 32, 'random', [1]]), 'ERR_MESSAGE'],
  ['a number as method', pack([0, 1, 1, [1]]), 'ERR_MESSAGE'],
  ['a number as params', pack([0, 1, 'random', 1]), 'ERR_MESSAGE'],
  ['too deep', Buffer.alloc(20, 0x91), 'ERR_MESSAGE'],
  ['too many elements', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'ERR_MESSAGE'],
  ['too large', Buffer.from([0x94, 0, 1, 0xdb, 0xff, 0xff, 0xff, 0xff]), 'ERR_TOO_LARGE'],
  ['just too large', message(1, 'x'.repeat(maxMessageSize), []), 'ERR_TOO_LARGE'],
];

t.test('an invalid message is answered with id 0, then the connection ends', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const other = await open(t, path);
  for (const [name, bytes, code] of invalid) {
    const socket = await open(t, path);
    const collected = collect(socket);
    socket.write(Buffer.concat([message(1, 'random', [2]), bytes, message(2, 'random', [2])]));
    t.match(
      unpackAll(await collected),
      [response(1, 2), [1, 0, [code, String], null]],
      `${name}: what precedes it is answered, what follows is not`,
    );
    other.write(message(3, 'random', [4]));
    t.strictSame(await takeAnswers(other, 1), [response(3, 4)], `others, after ${name}`);
  }
  await until(() => context.counters.connectionsOpen === 1, 'the end of the others');
});

t.test('a message that the client cuts short is invalid', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const whole of [message(300, 'random', [70_000]), message(7, 'health', [])])
    for (let cut = 1; cut < whole.length; cut++)
      t.strictSame(await ask(t, path, message(1, 'random', [2]), whole.subarray(0, cut)), [
        response(1, 2),
        [1, 0, ['ERR_MESSAGE', 'not a valid message: cut short'], null],
      ]);
});

t.test('nothing after an invalid message is read', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const answers = await ask(t, path, Buffer.alloc(60_000, 0x90));
  t.match(answers, [[1, 0, ['ERR_MESSAGE', String], null]]);
  t.equal(answers.length, 1);
  t.strictSame([...context.counters.errors], [['ERR_MESSAGE', 1]]);
});

t.test('a message may be as large as the limit, and arrive byte by byte', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const largest = message(5, 'x'.repeat(maxMessageSize - 7), []);
  t.equal(largest.length, maxMessageSize);
  t.match(await ask(t, path, largest), [[1, 5, ['ERR_METHOD', String], null]]);

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
    response(6, 3),
    [1, 7, null, { name: 'entropyd' }],
    response(8, 4),
  ]);
});

t.test('requests may be cut anywhere: responses have their ids, sizes and order', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          id: fc.nat({ max: 2 ** 32 - 1 }),
          kind: fc.constantFrom('random', 'resistant', 'version', 'nothing', 'notification'),
          size: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 300_000 })),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
      async (requests, cuts) => {
        const bytes = Buffer.concat(
          requests.map(({ id, kind, size }) => {
            if (kind === 'random') return message(id, 'random', [size]);
            if (kind === 'resistant') return message(id, 'random', [size, resistant]);
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
            kind === 'random' ? wire(size) : kind === 'resistant' ? wire(size, 0xbb) : kind,
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

t.test('responses of any size are whole and pipelined', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const sizes = [maxRandomSize, 1, chunkSize, chunkSize - 13, chunkSize - 12, 65_535, 2 ** 19];
  const answers = await ask(t, path, ...sizes.map((size, id) => message(id, 'random', [size])));
  for (const [id, size] of sizes.entries()) {
    t.equal(answers[id]?.[1], id);
    t.ok(wire(size).equals(answers[id]?.[3] as Uint8Array), `${size} bytes`);
  }
  t.equal(
    context.counters.randomBytes,
    sizes.reduce((a, b) => a + b),
  );
});

t.test('many small responses fill chunks exactly, headers included', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const size of [1, 255, 256]) {
    const requests = Array.from({ length: 15_000 }, (_, id) => message(id, 'random', [size]));
    const answers = await ask(t, path, ...requests);
    t.equal(answers.length, 15_000);
    const expected = wire(size);
    const wrong = answers.findIndex(
      ([, id, , bytes], index) => id !== index || !expected.equals(bytes as Uint8Array),
    );
    t.equal(wrong, -1, `${size} bytes`);
  }
});

t.test(
  'for a client that does not read, only what a chunk and the kernel hold is made',
  async (t) => {
    for (const [method, params, count] of [
      ['random', [maxRandomSize], 50],
      ['status', [], 3000],
    ] as const) {
      const { path, context } = await startServer(t, fakeGenerator());
      const socket = await open(t, path);
      socket.pause();
      socket.write(
        Buffer.concat(Array.from({ length: count }, (_, id) => message(id, method, [...params]))),
      );
      await until(() => context.counters.requests > 0, 'a request');
      // With each request of somebody else this connection would have a turn.
      for (let i = 0; i < 1000; i++) await setImmediate();
      t.ok(await serves(t, path));
      const { requests, randomBytes } = context.counters;
      t.ok(requests < 2000, `${requests} requests taken`);
      t.ok(randomBytes < maxRandomSize, `${randomBytes} bytes generated`);
      const collected = collect(socket);
      socket.resume();
      socket.end();
      const answers = unpackAll(await collected);
      t.strictSame(
        answers.map(([, id]) => id),
        Array.from({ length: count }, (_, id) => id),
        `${method}: all are answered once it reads`,
      );
    }
  },
);

t.test('a client that wants much does not hold up the others', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const flood of [
    message(0, 'random', [maxRandomSize]),
    message(0, 'random', [maxRandomSize, resistant]),
    message(0, 'metrics', []),
    message(0, 'nothing', []),
  ]) {
    const greedy = await open(t, path);
    let ended = false;
    greedy.on('end', () => {
      ended = true;
    });
    greedy.end(Buffer.concat(Array(Math.floor(64_000 / flood.length)).fill(flood)));
    await once(greedy, 'data');
    t.ok(await serves(t, path));
    t.notOk(ended, 'answered before the flood was');
    greedy.destroy();
  }
});

t.test('messages that need no response do not hold up the others either', async (t) => {
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
  t.strictSame(await takeAnswers(socket, 1), [response(1, 4)]);
  running = false;
  t.ok(turns > 500, `${turns} turns of the event loop`);
});

t.test('a client may leave at every byte of a message, and within a large response', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  for (const whole of [
    message(300, 'random', [200_000]),
    message(300, 'random', [200_000, resistant]),
    message(7, 'metrics', []),
  ])
    for (let cut = 0; cut <= whole.length; cut++) {
      const socket = await open(t, path);
      await new Promise((resolve) => socket.write(whole.subarray(0, cut), resolve));
      socket.destroy();
    }
  for (const options of [[], [resistant]])
    for (let i = 0; i < 10; i++) {
      const socket = await open(t, path);
      socket.write(Buffer.concat(Array(5).fill(message(1, 'random', [maxRandomSize, ...options]))));
      await take(socket, 1 + i * 100_000);
      socket.destroy();
    }
  t.ok(await serves(t, path));
  await closed(context);
  t.equal(context.chunks.acquiredBytes, 0, 'every chunk is released');
});

t.test('a client that ends its side still gets its responses', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const requests = Array.from({ length: 20 }, (_, id) =>
    id % 3 === 0 ? message(id, 'version', []) : message(id, 'random', [200_000]),
  );
  t.strictSame(
    (await ask(t, path, ...requests)).map(([, id]) => id),
    Array.from({ length: 20 }, (_, id) => id),
  );
  t.strictSame(await ask(t, path), [], 'also without a request');
});

t.test('nothing random is left in a buffer after it was sent', async (t) => {
  const memory: Uint8Array[] = [];
  const allocate = (size: number) => {
    const bytes = new Uint8Array(size);
    memory.push(bytes);
    return bytes;
  };
  const { path, context } = await startServer(t, fakeGenerator({ allocate }));
  const requests = [[32], [300_000], [300_000, resistant]];
  const answers = await ask(
    t,
    path,
    ...requests.map((params, id) => message(id, 'random', params)),
  );
  t.equal(answers.length, 3);
  await closed(context);
  t.ok(memory.length > 0);
  for (const bytes of memory) t.notOk(bytes.includes(0xaa) || bytes.includes(0xbb));
});

t.test('while the generator refuses, each request is told why, by its id', async (t) => {
  let refuses = true;
  const fill: Generator['fill'] = (target, offset, length) => {
    if (refuses) throw new EntropyError('ERR_NOT_SEEDED', 'not yet');
    target.fill(0xaa, offset, offset + length);
  };
  const { path, context } = await startServer(t, fakeGenerator({ fill }));
  const socket = await open(t, path);
  socket.write(
    Buffer.concat([
      message(1, 'random', [5]),
      message(2, 'random', [maxRandomSize]),
      message(3, 'version', []),
      message(4, 'random', [5]),
    ]),
  );
  const refusal = ['ERR_NOT_SEEDED', 'not yet'];
  t.match(await takeAnswers(socket, 4), [
    [1, 1, refusal, null],
    [1, 2, refusal, null],
    [1, 3, null, { name: 'entropyd' }],
    [1, 4, refusal, null],
  ]);
  t.equal(context.counters.requests, 4, 'each is counted once');
  refuses = false;
  socket.write(message(5, 'random', [5]));
  t.strictSame(await takeAnswers(socket, 1), [response(5, 5)], 'the connection stays');
});

t.test('prediction resistance that is not available is refused, and never degrades', async (t) => {
  const failure = new EntropyError('ERR_ENTROPY', 'none answers');
  const { path } = await startServer(
    t,
    fakeGenerator({ fillPredictionResistant: () => Promise.reject(failure) }),
  );
  const refusal = ['ERR_ENTROPY', 'none answers'];
  t.strictSame(
    await ask(
      t,
      path,
      message(1, 'random', [5, resistant]),
      message(2, 'random', [5]),
      message(3, 'random', [300_000, resistant]),
    ),
    [[1, 1, refusal, null], response(2, 5), [1, 3, refusal, null]],
  );
});

t.test('without a free chunk, requests are told to try again', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  context.limits.unsentBytes = 0;
  const requests = [
    message(1, 'random', [5]),
    message(2, 'random', [5, resistant]),
    message(3, 'version', []),
    message(4, 'random', [300_000]),
  ];
  t.match(await ask(t, path, ...requests), [
    [1, 1, busy, null],
    [1, 2, busy, null],
    [1, 3, null, {}],
    [1, 4, busy, null],
  ]);
  context.limits.unsentBytes = chunkSize;
  t.ok(await serves(t, path));
});

t.test('the unread responses of one user leave room for another’s', async (t) => {
  const memory = new Uint8Array(chunkSize);
  const { path, context } = await startServer(t, fakeGenerator({ allocate: () => memory }));
  // The user of this process holds all of its share.
  const user = context.users.enter(process.geteuid?.() ?? -1) as User;
  while (user.reserve(chunkSize));
  const [answer] = await ask(t, path, message(1, 'random', [5]));
  t.match(answer, plain ? response(1, 5) : [1, 1, busy, null], 'this user is told so');
  t.ok(context.chunks.acquire(context.users.enter(77) as User), 'another is served');
  user.unreserve(chunkSize);
  t.ok(await serves(t, path));
});

t.test('the rate of a user holds for all layouts of a request', async (t) => {
  const { path } = await startServer(t, fakeGenerator(), {
    limits: { bytesPerSecondPerUser: 1000 },
  });
  const tooMuch = ['ERR_RATE', 'more than 1000 bytes a second for this user'];
  const answers = await ask(
    t,
    path,
    message(1, 'random', [500]),
    message(2, 'random', [300_000]),
    message(3, 'random', [1]),
    message(4, 'random', [1, resistant]),
    message(5, Buffer.from('random'), [1]),
    message(6, 'version', []),
  );
  t.match(answers, [
    response(1, 500),
    response(2, 300_000),
    [1, 3, tooMuch, null],
    [1, 4, tooMuch, null],
    [1, 5, tooMuch, null],
    [1, 6, null, { name: 'entropyd' }],
  ]);
});

t.test('a user may have a limited number of requests that wait for entropy', async (t) => {
  const waiting: (() => void)[] = [];
  const { path, context } = await startServer(
    t,
    fakeGenerator({
      fillPredictionResistant: () => new Promise((resolve) => waiting.push(resolve)),
    }),
    { limits: { predictionResistanceRequestsPerUser: 3 } },
  );
  const sockets = await Promise.all(Array.from({ length: 3 }, () => open(t, path)));
  for (const socket of sockets) socket.write(message(1, 'random', [5, resistant]));
  await until(() => waiting.length === sockets.length, 'three requests');
  t.strictSame(await ask(t, path, message(2, 'random', [5, resistant])), [[1, 2, busy, null]]);
  t.ok(await serves(t, path), 'without prediction resistance they are served');
  for (const resolve of waiting.splice(0)) resolve();
  const [first] = sockets as [Socket];
  await takeAnswers(first, 1);
  first.write(message(3, 'random', [5, resistant]));
  await until(() => waiting.length === 1, 'another request');
  waiting[0]?.();
  await until(() => context.chunks.acquiredBytes === 0, 'the release of its chunk');
});

t.test('reads, requests and bytes are counted', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  await ask(
    t,
    path,
    message(1, 'random', [100]),
    message(2, 'random', [200, resistant]),
    message(3, 'version', []),
  );
  t.match(context.counters, { requests: 3, randomBytes: 300 });
  const { count, seconds } = context.counters.serving();
  t.ok(count >= 1);
  t.ok(seconds > 0);
});

/** Connections on sockets without a kernel, with a clock of their own. */
function withoutKernel(generator: Partial<Generator> = {}, limits: Partial<Limits> = {}) {
  const clock = new FakeClock();
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
    limits,
    clock.now,
  );
  const connect = () => {
    const socket = new FakeSocket();
    const user = context.users.enter(0) as User;
    const { sendNow } = socket;
    const connection = new Connection(
      { socket: socket as unknown as Socket, peer: nobody, user, sendNow },
      context,
    );
    return {
      socket,
      connection,
      receive(...messages: Buffer[]) {
        const bytes = Buffer.concat(messages);
        connection.receive(ReceiveBuffer.of(bytes), bytes.length);
      },
      /** Resolves once so many responses were sent. */
      responses: async (count: number) => {
        await until(() => unpackAll(socket.received).length >= count, `${count} responses`);
        return unpackAll(socket.received);
      },
    };
  };
  const isWiped = () => memory.every((bytes) => !bytes.includes(0xaa) && !bytes.includes(0xbb));
  return { clock, context, connect, isWiped };
}

t.test('a message must be complete within 10 s, whatever was answered before', async (t) => {
  for (const whole of [message(1, 'random', [5]), message(1, 'health', [])]) {
    const { clock, connect } = withoutKernel();
    const { connection, socket, receive, responses } = connect();
    const half = whole.subarray(0, -1);
    receive(message(2, 'random', [1]), half);
    clock.advance(10_000);
    connection.sweep(clock.now());
    receive(whole.subarray(-1));
    await responses(2);
    clock.advance(20_000);
    connection.sweep(clock.now());
    receive(half.subarray(0, 3));
    clock.advance(9_000);
    receive(half.subarray(3));
    clock.advance(1_001);
    connection.sweep(clock.now());
    const expired = [1, 0, ['ERR_MESSAGE', 'not a valid message: incomplete after 10 s'], null];
    t.strictSame((await responses(3))[2], expired);
    await until(() => socket.destroyed, 'the end of the connection');
  }
});

t.test('a response that nobody takes for a minute ends its connection', async (t) => {
  const { clock, context, connect, isWiped } = withoutKernel();
  const { connection, socket, receive } = connect();
  socket.room = 0;
  receive(message(1, 'random', [maxRandomSize]));
  t.equal(context.chunks.acquiredBytes, chunkSize);
  clock.advance(60_000);
  connection.sweep(clock.now());
  t.notOk(socket.destroyed);
  clock.advance(1);
  connection.sweep(clock.now());
  t.ok(socket.destroyed);
  await once(socket, 'close');
  t.equal(context.chunks.acquiredBytes, 0);
  t.ok(isWiped());
});

t.test('nothing is taken after the end, even if it was read already', async (t) => {
  const { context, connect } = withoutKernel({ fill: () => t.fail('bytes were generated') });
  const { connection, socket, receive } = connect();
  connection.finish();
  receive(message(1, 'random', [5]));
  t.ok(socket.destroyed);
  t.equal(context.counters.requests, 0);
});

/** Two connections that were read in the same turn, so that the first one's requests are batched. */
function batched(generator: Partial<Generator> = {}) {
  const { context, connect, isWiped } = withoutKernel(generator);
  const [one, other] = [connect(), connect()];
  const receive = (...messages: Buffer[]) => {
    other.receive(message(77, 'random', [7]));
    one.receive(...messages);
  };
  return { ...one, receive, receiveMore: one.receive, context, isWiped };
}

t.test('batched requests are generated at the end of the turn', async (t) => {
  for (const room of [0, 1, 13, 14, 100, 1e6]) {
    const { connection, context, socket, receive, responses, isWiped } = batched();
    socket.room = room;
    receive(message(1, 'random', [3]), message(2, 'random', [300]));
    t.equal(context.counters.randomBytes, 7, 'only those of the other connection exist');
    await setImmediate();
    socket.drain();
    t.strictSame(await responses(2), [response(1, 3), response(2, 300)], `${room} bytes at once`);
    t.ok(isWiped(), 'nothing is left');
    t.equal(context.chunks.acquiredBytes, 0);
    t.match(context.counters, { requests: 3, randomBytes: 310 });
    connection.finish();
    t.ok(socket.destroyed);
  }
});

t.test('requests that arrive while others are batched are answered after them', async (t) => {
  const { receive, receiveMore, responses } = batched();
  receive(message(1, 'random', [3]), message(2, 'random', [4, resistant]));
  receiveMore(message(3, 'random', [5]));
  t.strictSame(await responses(3), [response(1, 3), response(2, 4, 0xbb), response(3, 5)]);
});

t.test('a batch that fails refuses each request, and later ones are answered', async (t) => {
  // The first failure is that of the other connection, which does not wait.
  let failures = 2;
  const { receive, receiveMore, responses } = batched({
    fill(target, offset, length) {
      if (failures-- > 0) throw new EntropyError('ERR_HEALTH', 'broken');
      target.fill(0xaa, offset, offset + length);
    },
  });
  receive(message(1, 'random', [3]), message(2, 'random', [3]));
  receiveMore(message(3, 'random', [5]));
  const broken = ['ERR_HEALTH', 'broken'];
  t.strictSame(await responses(3), [[1, 1, broken, null], [1, 2, broken, null], response(3, 5)]);
});

t.test('a connection that is lost while its requests are batched leaves nothing', async (t) => {
  const { context, receive, socket, isWiped } = batched();
  receive(message(1, 'random', [3]));
  socket.destroy();
  await setImmediate();
  t.ok(isWiped());
  t.equal(context.chunks.acquiredBytes, 0);
  t.equal(socket.received.length, 0);
});

t.test('many clients at once: each gets its own responses, in order', async (t) => {
  // Time stands still, so that all reads seem to be of one turn.
  const { path, context } = await startServer(t, fakeGenerator(), { now: () => 1 });
  const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70_000 }));
  const request = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(size) },
    { weight: 1, arbitrary: fc.tuple(size, fc.constant(resistant)) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(request, { maxLength: 8 }), { minLength: 2, maxLength: 12 }),
      async (clients) => {
        const all = await Promise.all(
          clients.map((requests) =>
            ask(t, path, ...requests.map((params, id) => message(id, 'random', params))),
          ),
        );
        return clients.every((requests, i) =>
          requests.every(([size, option], id) => {
            const [type, answered, error, bytes] = all[i]?.[id] ?? [];
            const wanted = wire(size, option ? 0xbb : 0xaa);
            return (
              type === 1 &&
              answered === id &&
              error === null &&
              all[i]?.length === requests.length &&
              wanted.equals(bytes as Uint8Array)
            );
          }),
        );
      },
    ),
    { numRuns: 60 },
  );
  t.equal(context.chunks.acquiredBytes, 0);
});
