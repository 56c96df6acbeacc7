import t from 'tap';
import type { Call } from '../../src/client/call.js';
import { RequestWriter, ResponseReader } from '../../src/client/wire.js';
import { makeCall } from '../support/daemon.js';
import { pack, unpackAll } from '../support/raw.js';

const wire = (size: number): Buffer => Buffer.alloc(size, 0xaa);

/** Calls with the ids 0, 1 ...: `random` if a size is given, otherwise `health`. */
function calls(...sizes: (number | undefined)[]): { calls: Call[]; results: Promise<unknown>[] } {
  const made = sizes.map((size, id) => {
    const { call, promise } = makeCall(
      size === undefined
        ? { method: 'health', params: [] }
        : { method: 'random', target: new Uint8Array(size) },
    );
    call.start(id, () => {});
    promise.catch(() => {});
    return { call, promise };
  });
  return { calls: made.map(({ call }) => call), results: made.map(({ promise }) => promise) };
}

/** An honest response to a call. */
function response({ id, size }: Call): Buffer {
  return pack([1, id, null, size > 0 ? wire(size) : { state: 'fine' }]);
}

t.test('responses may be cut into two reads anywhere', async (t) => {
  const sizes = [3, undefined, 300, 1, undefined, undefined, 70_000];
  const whole = Buffer.concat(calls(...sizes).calls.map(response));
  const cuts = Array.from({ length: whole.length }, (_, cut) => cut).filter(
    (cut) => cut < 400 || cut % 5000 === 0 || cut > whole.length - 5,
  );
  for (const cut of cuts) {
    const reader = new ResponseReader(false);
    const { calls: waiting, results } = calls(...sizes);
    for (const part of [whole.subarray(0, cut), whole.subarray(cut)]) {
      const done = reader.read(part, waiting, waiting.length);
      waiting.splice(0, done);
    }
    t.equal(waiting.length, 0, `cut at ${cut}`);
    const got = await Promise.all(results);
    t.ok(
      got.every((result, i) => {
        const size = sizes[i];
        return size === undefined
          ? (result as { state: string }).state === 'fine'
          : wire(size).equals(result as Uint8Array);
      }),
      `cut at ${cut}: as sent`,
    );
  }
});

t.test('a read that was joined to the beginning of a header is wiped', async (t) => {
  const { concat } = Buffer;
  const joined: Buffer[] = [];
  t.intercept(Buffer, 'concat', {
    value: (...args: Parameters<typeof concat>) => {
      const buffer = concat(...args);
      joined.push(buffer);
      return buffer;
    },
  });
  const reader = new ResponseReader(true);
  const { calls: waiting } = calls(300);
  const whole = response(waiting[0] as Call);
  for (const part of [whole.subarray(0, 3), whole.subarray(3)])
    waiting.splice(0, reader.read(part, waiting, waiting.length));
  t.equal(waiting.length, 0);
  t.equal(joined.length, 1);
  t.ok(joined[0]?.every((byte) => byte === 0));
});

t.test('responses may arrive byte by byte', async (t) => {
  const reader = new ResponseReader(true);
  const { calls: waiting, results } = calls(3, undefined, 300);
  for (const byte of Buffer.concat(waiting.map(response)))
    waiting.splice(0, reader.read(Buffer.of(byte), waiting, waiting.length));
  t.equal(waiting.length, 0);
  t.match(await Promise.all(results), [{ length: 3 }, { state: 'fine' }, { length: 300 }]);
});

t.test('a read counts the calls that have their response', async (t) => {
  const reader = new ResponseReader(false);
  const { calls: waiting } = calls(3, undefined, 4);
  const [first, second, third] = waiting.map(response) as [Buffer, Buffer, Buffer];
  t.equal(reader.read(Buffer.alloc(0), waiting, 3), 0);
  t.equal(reader.read(Buffer.concat([first, second, third.subarray(0, 9)]), waiting, 3), 2);
});

t.test('with mixLocal no byte stays as sent, and no two blocks are mixed alike', async (t) => {
  const reader = new ResponseReader(true);
  const sizes = [64, 64, 200_000];
  const { calls: waiting, results } = calls(...sizes);
  t.equal(reader.read(Buffer.concat(waiting.map(response)), waiting, 3), 3);
  const blocks = new Set<string>();
  for (const result of (await Promise.all(results)) as Uint8Array[])
    for (let at = 0; at + 32 <= result.length; at += 32)
      blocks.add(Buffer.from(result.subarray(at, at + 32)).toString('hex'));
  // False alarm: two of 6,254 blocks of 256 bits equal, 2^-231.
  t.equal(blocks.size, 2 + 2 + 200_000 / 32);
  t.notOk(blocks.has(wire(32).toString('hex')));
});

t.test('the response to a call that ended is read and dropped', async (t) => {
  const reader = new ResponseReader(false);
  const { calls: waiting, results } = calls(4, undefined, 5);
  const [random, health] = waiting as [Call, Call];
  const { target } = random;
  random.fail('late');
  health.fail('late');
  t.equal(reader.read(Buffer.concat(waiting.map(response)), waiting, 3), 3);
  t.strictSame(target, new Uint8Array(4));
  t.strictSame(Buffer.from((await results[2]) as Uint8Array), wire(5));
});

t.test('an error response fails its call', async (t) => {
  for (const [error, id, code] of [
    [['ERR_BUSY', 'later'], 1, 'ERR_BUSY'],
    [['ERR_NEW', 'of a later daemon'], 1, 'ERR_NEW'],
    [['ERR_MESSAGE', 'a daemon that could not read the id'], 0, 'ERR_MESSAGE'],
    [['ERR_BUSY', 'for another'], 2, 'ERR_MESSAGE'],
    [['ERR_BUSY'], 1, 'ERR_MESSAGE'],
    [['ERR_BUSY', 'x', 'y'], 1, 'ERR_MESSAGE'],
    [[5, 'x'], 1, 'ERR_MESSAGE'],
    [['ERR_BUSY', 5], 1, 'ERR_MESSAGE'],
    ['ERR_BUSY', 1, 'ERR_MESSAGE'],
  ] as const)
    for (const size of [8, undefined]) {
      const { calls: both, results } = calls(1, size);
      const reader = new ResponseReader(false);
      t.equal(reader.read(pack([1, id, error, null]), both.slice(1), 1), 1);
      await t.rejects(results[1] as Promise<unknown>, { code }, JSON.stringify(error));
    }
});

t.test('bytes that do not answer the waiting calls are refused', async (t) => {
  const wrong = { code: 'ERR_MESSAGE' };
  for (const [name, bytes, sizes] of [
    ['no call', pack([1, 0, null, wire(4)]), []],
    ['another id', pack([1, 1, null, wire(4)]), [4]],
    ['another size', pack([1, 0, null, wire(5)]), [4]],
    ['no array', Buffer.of(0xc0), [4]],
    ['an extension', Buffer.of(0x91, 0xd4, 0x72, 0x40), [undefined]],
  ] as const) {
    const { calls: waiting } = calls(...sizes);
    const reader = new ResponseReader(true);
    t.throws(() => reader.read(bytes, waiting, waiting.length), wrong, name);
  }
  const { calls: unsent } = calls(4);
  t.throws(
    () => new ResponseReader(false).read(Buffer.of(0), unsent, 0),
    wrong,
    'the call is not sent yet',
  );
  const { calls: waiting, results } = calls(4, undefined, undefined);
  const whole = Buffer.concat([
    pack([1, 0, null, 'text']),
    pack([1, 1, null]),
    pack([1, 7, null, {}]),
  ]);
  t.equal(new ResponseReader(false).read(whole, waiting, 3), 3);
  for (const result of results)
    await t.rejects(result, wrong, 'a whole message fails its own call');
});

t.test('a reset forgets the last connection', async (t) => {
  const reader = new ResponseReader(false);
  const { calls: waiting, results } = calls(undefined);
  const bytes = response(waiting[0] as Call);
  t.equal(reader.read(bytes.subarray(0, 8), waiting, 1), 0);
  reader.reset();
  t.equal(reader.read(bytes, waiting, 1), 1);
  t.strictSame(await results[0], { state: 'fine' });
});

/** The pieces that `write` encodes of all calls. */
async function pieces(calls: readonly Call[], writer = new RequestWriter()): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let at = 0; at < calls.length; ) {
    const bytes = writer.write(calls, at);
    if (bytes === undefined) {
      all.push('load');
      await writer.load();
      continue;
    }
    all.push(unpackAll(bytes));
    at = writer.next;
  }
  return all;
}

function callsOf(...requests: Parameters<typeof makeCall>[0][]): Call[] {
  return requests.map((request, id) => {
    const { call } = makeCall(request);
    call.start(id, () => {});
    return call;
  });
}

const bytes = (size: number) => ({ target: new Uint8Array(size) });
const health = { method: 'health', params: [] };

t.test('a run of plain random is one piece, any other call has its own', async (t) => {
  const predictionResistant = { ...bytes(5), params: [5, { predictionResistance: true }] };
  for (const [name, given, wanted] of [
    ['none', [], []],
    ['one', [bytes(32)], [[[0, 0, 'random', [32]]]]],
    [
      'a run',
      [bytes(1), bytes(70_000), bytes(1_048_576)],
      [
        [
          [0, 0, 'random', [1]],
          [0, 1, 'random', [70_000]],
          [0, 2, 'random', [1_048_576]],
        ],
      ],
    ],
    [
      'others between runs',
      [bytes(1), health, predictionResistant, bytes(2), bytes(3)],
      [
        [[0, 0, 'random', [1]]],
        'load',
        [[0, 1, 'health', []]],
        [[0, 2, 'random', [5, { predictionResistance: true }]]],
        [
          [0, 3, 'random', [2]],
          [0, 4, 'random', [3]],
        ],
      ],
    ],
  ] as const)
    t.strictSame(await pieces(callsOf(...given)), wanted, name);
});

t.test('the codec is loaded once', async (t) => {
  const writer = new RequestWriter();
  t.strictSame(await pieces(callsOf(health), writer), ['load', [[0, 0, 'health', []]]]);
  t.strictSame(await pieces(callsOf(health), writer), [[[0, 0, 'health', []]]]);
});
