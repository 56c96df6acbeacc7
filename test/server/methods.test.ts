import t from 'tap';
import { EntropyError, type ErrorCode, ServiceError } from '../../src/common/errors.js';
import type { GeneratorState } from '../../src/generator/interface.js';
import { decodeResponse } from '../../src/rpc/msgpack.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { Counters } from '../../src/server/activity.js';
import {
  errorResponse,
  handle,
  type Outcome,
  randomRequest,
  refuse,
  respond as respondInParts,
} from '../../src/server/methods.js';
import { nobody } from '../../src/server/users.js';
import { fakeGenerator, serverContext } from '../support/daemon.js';
import { message, pack } from '../support/raw.js';

/** A response as the client sees it. */
const respond = async (...request: Parameters<typeof respondInParts>) =>
  Buffer.concat(await respondInParts(...request));

t.test('random takes a size, and optionally a map of options', async (t) => {
  for (const [params, size, predictionResistance] of [
    [[1], 1, false],
    [[maxRandomSize], maxRandomSize, false],
    [[32, {}], 32, false],
    [[32, { predictionResistance: true }], 32, true],
    [[32, { predictionResistance: false }], 32, false],
  ] as const)
    t.strictSame(randomRequest(params), { size, predictionResistance }, JSON.stringify(params));
});

t.test('a missing size and a wrong one have different messages', async (t) => {
  t.throws(() => randomRequest([]), {
    code: 'ERR_LENGTH',
    message: 'size is missing: want 1 to 1048576 bytes',
  });
  for (const size of [
    0,
    -1,
    -0.5,
    1.5,
    maxRandomSize + 1,
    2 ** 53,
    2n ** 63n,
    32n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '32',
    null,
    undefined,
    true,
    [32],
    { size: 32 },
    Buffer.from([32]),
  ])
    t.throws(
      () => randomRequest([size]),
      { code: 'ERR_LENGTH', message: 'size: want an integer of 1 to 1048576 bytes' },
      String(size),
    );
});

t.test('unknown options are refused', async (t) => {
  for (const [params, message] of [
    [[1, {}, 1], 'random takes [size] or [size, map]'],
    [[1, null], 'options: want a map'],
    [[1, true], 'options: want a map'],
    [[1, []], 'options: want a map'],
    [[1, 'x'], 'options: want a map'],
    [[1, Buffer.alloc(0)], 'options: want a map'],
    [[1, { fresh: true }], 'unknown option "fresh"'],
    [[1, { predictionResistance: true, x: 1 }], 'unknown option "x"'],
    [[1, { ['k'.repeat(1000)]: 1 }], `unknown option "${'k'.repeat(32)}"`],
    [[1, { predictionResistance: 1 }], 'predictionResistance: want true or false'],
    [[1, { predictionResistance: null }], 'predictionResistance: want true or false'],
  ] as const)
    t.throws(() => randomRequest(params), { code: 'ERR_PARAMS', message });
});

t.test('health is the state of the generator, without the figures of its DRBG', async (t) => {
  const context = serverContext(fakeGenerator());
  const { id, error, result } = decodeResponse(
    await respond({ id: 7, method: 'health', params: [] }, context, nobody),
  );
  t.strictSame([id, error], [7, null]);
  t.strictSame(result, { state: 'operational', healthy: true, reason: '', sources: [] });
});

t.test('status is health, the DRBG’s figures, counters, limits and versions', async (t) => {
  const context = { ...serverContext(fakeGenerator()), startedAt: Date.now() - 12_345 };
  Object.assign(context.counters, { connectionsOpen: 2, connections: 3, requests: 4 });
  context.counters.randomBytes = 2 ** 40;
  context.sockets = [{ path: '/s', protocol: 'egd' }];
  context.counters.error('ERR_BUSY');
  context.counters.served(0.000_3);
  context.transitions.note('seeding', 'why');
  const { result } = decodeResponse(
    await respond({ id: 0, method: 'status', params: [] }, context, nobody),
  );
  t.strictSame(result, {
    ...context.generator.status(),
    version: '1.2.3',
    uptimeSeconds: 12,
    pid: process.pid,
    serving: context.counters.serving(),
    transitions: [{ time: context.transitions.last[0]?.time, state: 'seeding', reason: 'why' }],
    node: process.versions.node,
    openssl: process.versions.openssl,
    connections: 2,
    connectionsTotal: 3,
    requests: 4,
    randomBytes: 2 ** 40,
    errors: { ERR_BUSY: 1 },
    sockets: [{ path: '/s', protocol: 'egd' }],
    limits: context.limits,
  });
});

t.test('version is that of the program and of the protocol', async (t) => {
  const bytes = await respond(
    { id: 1, method: 'version', params: [] },
    serverContext(fakeGenerator()),
    nobody,
  );
  t.strictSame(decodeResponse(bytes).result, { name: 'entropyd', version: '1.2.3', protocol: 1 });
});

t.test('the history is JSON, encoded at most once in ten seconds', async (t) => {
  let now = 5_000;
  const context = serverContext(fakeGenerator(), {}, () => now);
  const ask = async () => {
    const request = { id: 1, method: 'history', params: [] };
    return decodeResponse(await respond(request, context, nobody)).result as string;
  };
  t.strictSame(JSON.parse(await ask()), {
    intervalSeconds: 300,
    stored: false,
    records: [],
    transitions: [],
  });
  const transition = { time: '2026-05-01T00:00:00Z', state: 'error', reason: 'x' } as const;
  context.history.note(transition);
  now += 9_999;
  t.strictSame(JSON.parse(await ask()).transitions, []);
  now += 1;
  t.strictSame(JSON.parse(await ask()).transitions, [transition]);
});

t.test('metrics is a page in Prometheus text format', async (t) => {
  const bytes = await respond(
    { id: 1, method: 'metrics', params: [] },
    serverContext(fakeGenerator()),
    nobody,
  );
  t.match(decodeResponse(bytes).result, /^entropyd_state\{state="operational"\} 1$/m);
});

t.test('a metrics page is made at most once a second, and shared by those who ask', async (t) => {
  let now = 5_000;
  let state: GeneratorState = 'operational';
  let statuses = 0;
  const generator = fakeGenerator({
    state: () => state,
    status() {
      statuses++;
      return { ...fakeGenerator().status(), state };
    },
  });
  const context = serverContext(generator, {}, () => now);
  const ask = async (id: number) => {
    const parts = await respondInParts({ id, method: 'metrics', params: [] }, context, nobody);
    t.equal(decodeResponse(Buffer.concat(parts)).id, id);
    return parts.at(-1) as Uint8Array;
  };
  const [first, second] = await Promise.all([ask(1), ask(2 ** 32 - 1)]);
  t.equal(second, first, 'the same bytes, not a copy of them');
  now += 999;
  t.equal(await ask(3), first);
  t.equal(statuses, 1);
  now += 1;
  const next = await ask(4);
  t.not(next, first, 'a second later');
  state = 'error';
  t.match(
    Buffer.from(await ask(5)).toString(),
    /^entropyd_state\{state="error"\} 1$/m,
    'never an old state',
  );
  t.equal(statuses, 3);
});

t.test('health and status show a change of state at once', async (t) => {
  let state: GeneratorState = 'operational';
  const generator = fakeGenerator({ status: () => ({ ...fakeGenerator().status(), state }) });
  const context = serverContext(generator, {}, () => 1);
  for (state of ['operational', 'error', 'degraded'] as const)
    for (const method of ['health', 'status'])
      t.match(
        decodeResponse(await respond({ id: 1, method, params: [] }, context, nobody)).result,
        {
          state,
        },
      );
});

t.test('unknown methods and unwanted parameters are refused and counted', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [method, params, error] of [
    ['', [], ['ERR_METHOD', 'there is no method ""']],
    ['Health', [], ['ERR_METHOD', 'there is no method "Health"']],
    ['__proto__', [], ['ERR_METHOD', 'there is no method "__proto__"']],
    ['constructor', [], ['ERR_METHOD', 'there is no method "constructor"']],
    ['x'.repeat(99), [], ['ERR_METHOD', `there is no method "${'x'.repeat(32)}"`]],
    ['a\nb', [], ['ERR_METHOD', 'there is no method "a\\nb"']],
    [`${'x'.repeat(31)}😀`, [], ['ERR_METHOD', `there is no method "${'x'.repeat(31)}\\ud83d"`]],
    ['health', [1], ['ERR_PARAMS', 'health takes no parameters']],
    ['metrics', [null], ['ERR_PARAMS', 'metrics takes no parameters']],
  ] as const)
    t.strictSame(
      decodeResponse(await respond({ id: 9, method, params: [...params] }, context, nobody)),
      {
        id: 9,
        error,
        result: null,
      },
    );
  t.strictSame(Object.fromEntries(context.counters.errors), { ERR_METHOD: 7, ERR_PARAMS: 2 });
});

t.test('selftest and reseed are for administrators', async (t) => {
  const calls: string[] = [];
  const context = serverContext(
    fakeGenerator({
      selfTest: async () => calls.push('selfTest') > 0,
      reseed: () => void calls.push('reseed'),
    }),
  );
  const ask = async (method: string, admin: boolean) =>
    decodeResponse(await respond({ id: 1, method, params: [] }, context, { uid: 1, admin }));
  for (const method of ['selftest', 'reseed'])
    t.match((await ask(method, false)).error, ['ERR_FORBIDDEN', new RegExp(`^${method} is for`)]);
  t.strictSame(calls, [], 'nothing is done for others');
  t.strictSame((await ask('selftest', true)).result, {
    passed: true,
    state: 'operational',
    reason: '',
    sources: [],
  });
  t.strictSame((await ask('reseed', true)).result, {
    state: 'operational',
    reason: '',
    reseeds: 1,
  });
  t.strictSame(calls, ['selfTest', 'reseed']);
});

t.test('an unexpected error is reported as an internal error, without its text', async (t) => {
  for (const thrown of [
    new TypeError('a secret'),
    new ServiceError('KMS.0101', 500, 'a secret'),
    'a secret',
    undefined,
  ]) {
    const counters = new Counters();
    t.strictSame(decodeResponse(errorResponse(3, thrown, counters)), {
      id: 3,
      error: ['ERR_INTERNAL', 'internal error'],
      result: null,
    });
    t.equal(counters.errors.get('ERR_INTERNAL'), 1);
  }
  const context = serverContext(
    fakeGenerator({
      status() {
        throw new Error('a secret');
      },
    }),
  );
  const bytes = await respond({ id: 4, method: 'health', params: [] }, context, nobody);
  t.strictSame(decodeResponse(bytes).error, ['ERR_INTERNAL', 'internal error']);
});

t.test('an EntropyError is reported with its code and text', async (t) => {
  const bytes = errorResponse(5, new EntropyError('ERR_HEALTH', 'rdseed failed'), new Counters());
  t.strictSame(decodeResponse(bytes).error, ['ERR_HEALTH', 'rdseed failed']);
});

t.test('raw samples are for administrators, by source and size', async (t) => {
  const context = serverContext(fakeGenerator());
  const ask = async (params: unknown[], admin = true) =>
    decodeResponse(await respond({ id: 1, method: 'noise', params }, context, { uid: 1, admin }));
  t.strictSame((await ask(['rdseed', 5])).result, Buffer.alloc(5, 0xcc));
  t.match((await ask(['rdseed', 5], false)).error, ['ERR_FORBIDDEN', String]);
  for (const [params, code] of [
    [[], 'ERR_PARAMS'],
    [['rdseed'], 'ERR_PARAMS'],
    [[5, 'rdseed'], 'ERR_PARAMS'],
    [['rdseed', 5, 5], 'ERR_PARAMS'],
    [['rdseed', 0], 'ERR_LENGTH'],
    [['rdseed', 1_048_577], 'ERR_LENGTH'],
    [['rdseed', '5'], 'ERR_LENGTH'],
  ] as const)
    t.match((await ask([...params])).error, [code, String], JSON.stringify(params));
});

function decoded(outcome: Outcome): { last: boolean; id: number; error: unknown } {
  if (outcome.kind !== 'response') throw new Error(outcome.kind);
  const { id, error } = decodeResponse(Buffer.concat(outcome.parts));
  return { last: outcome.last, id, error };
}

t.test('random becomes a size: its bytes do not exist yet', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [params, size, predictionResistance] of [
    [[32], 32, false],
    [[32, { predictionResistance: true }], 32, true],
  ] as const)
    for (const method of ['random', Buffer.from('random')])
      t.strictSame(await handle(message(8, method, params), context, nobody), {
        kind: 'random',
        id: 8,
        size,
        predictionResistance,
      });
  t.equal(context.counters.requests, 4);
  t.equal(context.counters.randomBytes, 0);
});

t.test('other methods are answered, and the connection stays', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const method of ['health', 'status', 'version', 'history', 'metrics'])
    t.strictSame(decoded(await handle(message(3, method, []), context, nobody)), {
      last: false,
      id: 3,
      error: null,
    });
  t.equal(context.counters.requests, 5);
});

t.test('a notification is not answered or counted', async (t) => {
  const context = serverContext(fakeGenerator());
  t.strictSame(await handle(pack([2, 'random', [1]]), context, nobody), { kind: 'nothing' });
  t.equal(context.counters.requests, 0);
});

t.test('a refused request keeps its id, and the connection stays', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [method, params, code] of [
    ['random', [], 'ERR_LENGTH'],
    ['random', [0], 'ERR_LENGTH'],
    ['random', [1, 2], 'ERR_PARAMS'],
    ['nothing', [], 'ERR_METHOD'],
    ['health', [1], 'ERR_PARAMS'],
  ] as const)
    t.match(decoded(await handle(message(77, method, params), context, nobody)), {
      last: false,
      id: 77,
      error: [code, String],
    });
});

t.test('an invalid message is answered with id 0, and the connection ends', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const value of [[], [0, 1, 'health'], [0, -1, 'health', []], [1, 1, null, null], [9]])
    t.match(decoded(await handle(pack(value), context, nobody)), {
      last: true,
      id: 0,
      error: ['ERR_MESSAGE', String],
    });
});

t.test('only a message whose end is unknown ends the connection', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [code, last] of [
    ['ERR_MESSAGE', true],
    ['ERR_TOO_LARGE', true],
    ['ERR_BUSY', false],
    ['ERR_HEALTH', false],
    ['ERR_NOT_SEEDED', false],
  ] as const satisfies [ErrorCode, boolean][])
    t.match(decoded(refuse(5, new EntropyError(code, 'why'), context)), {
      last,
      id: 5,
      error: [code, 'why'],
    });
  t.match(decoded(refuse(5, new Error('x'), context)), { last: false });
});
