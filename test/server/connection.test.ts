/** How a connection answers valid messages. connection-plain.test.ts runs these tests again. */
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { chunkSize } from '../../src/common/unix-socket.js';
import type { Limits } from '../../src/config/config.js';
import type { Generator } from '../../src/generator/interface.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import {
  exchange,
  maxMessageSize,
  message,
  open,
  pack,
  takeAnswers,
  unpackAll,
} from '../support/raw.js';

const wire = (size: number, byte = 0xaa): Buffer => Buffer.alloc(size, byte);
const fresh = { predictionResistance: true };
const notification = pack([2, 'random', [5]]);

interface Conversation {
  rule: string;
  generator?: Partial<Generator>;
  limits?: Partial<Limits>;
  requests: Buffer[];
  /** Patterns, one for each answer. */
  answers: unknown[][];
}

const conversations: Conversation[] = [
  {
    rule: 'each request is answered with its id, in the order of the requests',
    requests: [
      message(5, 'random', [3]),
      message(2 ** 32 - 1, 'health', []),
      message(0, 'random', [1, fresh]),
      message(5, 'random', [300]),
      message(6, Buffer.from('random'), [2]),
      message(7, 'version', []),
      message(8, 'random', [70_000]),
    ],
    answers: [
      [1, 5, null, wire(3)],
      [1, 2 ** 32 - 1, null, { state: 'operational' }],
      [1, 0, null, wire(1, 0xbb)],
      [1, 5, null, wire(300)],
      [1, 6, null, wire(2)],
      [1, 7, null, { name: 'entropyd' }],
      [1, 8, null, wire(70_000)],
    ],
  },
  { rule: 'a client that sends nothing gets nothing', requests: [], answers: [] },
  { rule: 'a notification is not answered', requests: [notification], answers: [] },
  {
    rule: 'requests between notifications are answered',
    requests: [notification, message(1, 'random', [2]), notification],
    answers: [[1, 1, null, wire(2)]],
  },
  {
    rule: 'a client that ends its side still gets all its answers',
    requests: Array.from({ length: 20 }, (_, id) =>
      id % 3 === 0 ? message(id, 'version', []) : message(id, 'random', [200_000]),
    ),
    answers: Array.from({ length: 20 }, (_, id) => [1, id, null]),
  },
  {
    rule: 'a message may be as large as the limit',
    requests: [message(5, 'x'.repeat(maxMessageSize - 7), [])],
    answers: [[1, 5, ['ERR_METHOD', String], null]],
  },
  {
    rule: 'prediction resistance that is not available is refused, never replaced by plain bytes',
    generator: {
      fillPredictionResistant: () => Promise.reject(new EntropyError('ERR_ENTROPY', 'no source')),
    },
    requests: [
      message(1, 'random', [5, fresh]),
      message(2, 'random', [5]),
      message(3, 'random', [300_000, fresh]),
    ],
    answers: [
      [1, 1, ['ERR_ENTROPY', 'no source'], null],
      [1, 2, null, wire(5)],
      [1, 3, ['ERR_ENTROPY', 'no source'], null],
    ],
  },
  {
    rule: 'the limit of bytes per second holds for every form of request',
    limits: { bytesPerSecondPerUser: 1000 },
    requests: [
      message(1, 'random', [500]),
      message(2, 'random', [300_000]),
      message(3, 'random', [1]),
      message(4, 'random', [1, fresh]),
      message(5, Buffer.from('random'), [1]),
      message(6, 'version', []),
    ],
    answers: [
      [1, 1, null, wire(500)],
      [1, 2, null, wire(300_000)],
      ...[3, 4, 5].map((id) => [
        1,
        id,
        ['ERR_RATE', 'more than 1000 bytes a second for this user'],
        null,
      ]),
      [1, 6, null, { name: 'entropyd' }],
    ],
  },
];

for (const { rule, generator, limits = {}, requests, answers } of conversations)
  t.test(rule, async (t) => {
    const { path } = await startServer(t, fakeGenerator(generator), { limits });
    const received = unpackAll(await exchange(t, path, Buffer.concat(requests)));
    t.match(received, answers);
    t.equal(received.length, answers.length);
  });

t.test('an invalid size, option or method is refused, and the connection continues', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const invalid = [
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
  const requests = invalid.map(([method, params], id) => message(id, method, params));
  const answers = unpackAll(await exchange(t, path, ...requests, message(100, 'random', [8])));
  for (const [id, [method, params, code]] of invalid.entries())
    t.match(
      answers[id],
      [1, id, [code, String], null],
      `${method}(${params.map(String).join(', ')})`,
    );
  t.strictSame(answers[invalid.length], [1, 100, null, wire(8)]);
  t.equal(context.counters.requests, invalid.length + 1);
});

t.test('large answers are whole, also when pipelined', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const sizes = [
    maxRandomSize,
    1,
    chunkSize,
    chunkSize - 13,
    chunkSize - 12,
    65_535,
    maxRandomSize,
  ];
  const requests = sizes.map((size, id) => message(id, 'random', [size]));
  const answers = unpackAll(await exchange(t, path, ...requests));
  for (const [id, size] of sizes.entries()) {
    t.equal(answers[id]?.[1], id);
    t.ok(wire(size).equals(answers[id]?.[3] as Uint8Array), `${size} generated bytes, no zeros`);
  }
  t.equal(
    context.counters.randomBytes,
    sizes.reduce((a, b) => a + b),
  );
});

t.test('many small answers fill chunks exactly, headers included', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const count = 15_000;
  for (const size of [1, 255, 256]) {
    const requests = Array.from({ length: count }, (_, id) => message(id, 'random', [size]));
    const answers = unpackAll(await exchange(t, path, Buffer.concat(requests)));
    t.equal(answers.length, count);
    const expected = wire(size);
    const wrong = answers.findIndex(
      ([, id, , bytes], index) => id !== index || !expected.equals(bytes as Uint8Array),
    );
    t.equal(wrong, -1, `${size} bytes`);
  }
});

t.test('while the generator refuses, each request gets the reason, with its id', async (t) => {
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
  const refusal = ['ERR_NOT_SEEDED', 'not yet'];
  t.match(await takeAnswers(socket, 4), [
    [1, 1, refusal, null],
    [1, 2, refusal, null],
    [1, 3, null, { name: 'entropyd' }],
    [1, 4, refusal, null],
  ]);
  refuses = false;
  socket.write(message(5, 'random', [5]));
  t.strictSame(await takeAnswers(socket, 1), [[1, 5, null, wire(5)]], 'the connection continues');
});

t.test('reads, requests and random bytes are counted', async (t) => {
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
