import { randomBytes } from 'node:crypto';
import { getEventListeners, once } from 'node:events';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { validate, version } from 'uuid';
import type { Signals } from '../../src/client/call.js';
import type { RandomOptions, StreamOptions } from '../../src/client/options.js';
import {
  type DrawChunk,
  encodeUuid,
  fillPieces,
  RandomStream,
  randomInt,
  randomUuid,
} from '../../src/client/random-values.js';
import { EntropyError } from '../../src/common/errors.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';

/** Draws these candidates of 48 bits, then fails. */
function script(...candidates: number[]) {
  const targets: Uint8Array[] = [];
  const fill = async (target: Uint8Array) => {
    targets.push(target);
    const candidate = candidates.shift();
    if (candidate === undefined) throw new Error('no more candidates');
    Buffer.from(target.buffer).writeUIntBE(candidate, 0, 6);
  };
  return { fill, left: candidates, targets };
}

const all = 2 ** 48;

t.test(
  'candidates below the largest multiple of the range are accepted, others drawn again',
  async (t) => {
    for (const [name, min, max, candidates, wanted] of [
      ['the first', 0, 10, [0], 0],
      ['by its remainder', 0, 10, [27], 7],
      // 2^48 = 28,147,497,671,065 * 10 + 6
      ['the last accepted', 0, 10, [all - 7], 9],
      ['the first rejected', 0, 10, [all - 6, 3], 3],
      ['the last rejected', 0, 10, [all - 1, all - 3, all - 7], 9],
      ['a power of two rejects none', 0, 256, [all - 1], 255],
      ['one number', 5, 6, [all - 1], 5],
      ['the largest range', 0, all, [all - 1], all - 1],
      ['one less', 0, all - 1, [all - 1, all - 2], all - 2],
      ['the most rejections: just over a half', 0, all / 2 + 1, [all / 2 + 1, all / 2], all / 2],
      ['below zero', -5, 5, [0], -5],
      ['across zero', -5, 5, [9], 4],
      ['at the low end', Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER + 3, [4], -(2 ** 53) + 2],
      ['at the high end', 2 ** 53 - 4, 2 ** 53 - 1, [5], 2 ** 53 - 2],
    ] as const) {
      const { fill, left, targets } = script(...candidates);
      t.equal(await randomInt(min, max, fill), wanted, name);
      t.equal(left.length, 0, `${name}: as many as needed`);
      t.strictSame(targets.at(-1), new Uint8Array(6), `${name}: wiped`);
    }
  },
);

t.test('every remainder has as many candidates as any other', async (t) => {
  // The rule of the bound, in exact integers.
  const range = fc.integer({ min: 1, max: all });
  const property = fc.asyncProperty(range, async (max) => {
    const accepted = (BigInt(all) / BigInt(max)) * BigInt(max);
    const last = script(Number(accepted - 1n));
    const isTaken = (await randomInt(0, max, last.fill)) === max - 1;
    if (accepted === BigInt(all)) return isTaken;
    const first = script(Number(accepted), 0);
    return isTaken && (await randomInt(0, max, first.fill)) === 0 && first.left.length === 0;
  });
  await t.resolves(fc.assert(property));
});

t.test('arguments out of range are refused without drawing', async (t) => {
  const notSafe = (name: string) => `${name}: want a safe integer`;
  const range = 'max: want an integer of min + 1 to min + 2^48';
  for (const [min, max, message] of [
    [0, 0, range],
    [0, -1, range],
    [5, 5, range],
    [0, all + 1, range],
    [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, range],
    [0, 1.5, notSafe('max')],
    [0, 2 ** 53, notSafe('max')],
    [0, Number.NaN, notSafe('max')],
    [0, '5', notSafe('max')],
    [0.5, 5, notSafe('min')],
    [Number.NEGATIVE_INFINITY, 5, notSafe('min')],
  ] as const) {
    const { fill, targets } = script(0);
    await t.rejects(
      randomInt(min, max as number, fill),
      { code: 'ERR_PARAMS', message },
      `${min}, ${max}`,
    );
    t.equal(targets.length, 0);
  }
});

t.test('a failed draw is thrown', async (t) => {
  const { fill, targets } = script(all - 1);
  await t.rejects(randomInt(0, 10, fill), { message: 'no more candidates' });
  t.strictSame(targets.at(-1), new Uint8Array(6), 'wiped');
});

/** Fills of pieces that settle when the test says so. */
function slowFills() {
  const fills: { piece: Uint8Array; resolve(): void; reject(reason: unknown): void }[] = [];
  const fill = (piece: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      piece.fill(0xaa);
      fills.push({ piece, resolve, reject });
    });
  return { fill, fills };
}

t.test('an array is filled in pieces, with a limited number in flight', async (t) => {
  for (const [size, maxInFlight, wanted] of [
    [1, 4, [1]],
    [maxRandomSize, 4, [maxRandomSize]],
    [maxRandomSize + 1, 4, [maxRandomSize, 1]],
    [6 * maxRandomSize, 4, Array(6).fill(maxRandomSize)],
    [3 * maxRandomSize + 5, 1, [maxRandomSize, maxRandomSize, maxRandomSize, 5]],
  ] as const) {
    const target = new Uint8Array(size);
    const { fill, fills } = slowFills();
    const done = fillPieces(target, fill, maxInFlight);
    for (let settled = 0; settled < wanted.length; settled++) {
      t.equal(fills.length, Math.min(settled + maxInFlight, wanted.length));
      fills[settled]?.resolve();
      await setImmediate();
    }
    await done;
    t.strictSame(
      fills.map(({ piece }) => piece.length),
      wanted,
      `${size} bytes`,
    );
    t.notOk(target.includes(0), 'all of it is filled');
  }
});

t.test(
  'the first failure is thrown once all pieces have settled, and the array is zero',
  async (t) => {
    const target = new Uint8Array(20 * maxRandomSize);
    const { fill, fills } = slowFills();
    let isDone = false;
    const done = fillPieces(target, fill, 3).finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    fills[2]?.reject(new Error('first'));
    fills[0]?.reject(new Error('second'));
    await setImmediate();
    t.notOk(isDone, 'one piece is in flight');
    fills[1]?.resolve();
    await t.rejects(done, { message: 'first' });
    t.equal(fills.length, 3, 'none is begun after a failure');
    t.notOk(target.some((byte) => byte !== 0));
  },
);

t.test('a failure without a reason is a failure', async (t) => {
  const filling = fillPieces(new Uint8Array(8), () => Promise.reject(undefined), 1);
  t.strictSame(await filling.catch((reason) => [reason]), [undefined]);
});

const chunk = 65_536;

/** A stream of 0xaa, and the sizes that it requested. */
function stream(options: StreamOptions = {}, signals: Signals = []) {
  const asked: number[] = [];
  const draw: DrawChunk = async (size) => {
    asked.push(size);
    return new Uint8Array(size).fill(0xaa);
  };
  return { stream: new RandomStream(draw, options, signals), asked };
}

/** A stream whose chunks arrive when the test says so. */
function slow(signals: Signals = []) {
  const draws: {
    options: RandomOptions;
    resolve(bytes: Uint8Array): void;
    reject(reason: unknown): void;
  }[] = [];
  const draw: DrawChunk = (_, options) =>
    new Promise((resolve, reject) => draws.push({ options, resolve, reject }));
  return { stream: new RandomStream(draw, {}, signals), draws };
}

t.test('it ends after as many bytes as were requested', async (t) => {
  for (const [options, wanted] of [
    [{ size: 1 }, [1]],
    [{ size: chunk }, [chunk]],
    [{ size: chunk + 1 }, [chunk, 1]],
    [{ size: 10, chunkSize: 4 }, [4, 4, 2]],
    [{ size: 3, chunkSize: 1_048_576 }, [3]],
  ] as const) {
    const { stream: from, asked } = stream(options);
    const bytes = Buffer.concat(await from.toArray());
    t.strictSame(asked, wanted);
    t.strictSame(bytes, Buffer.alloc(options.size, 0xaa));
    t.ok(from.destroyed);
  }
});

t.test('a read within the last chunk’s event requests nothing more', async (t) => {
  const { stream: from, asked } = stream({ size: 8, chunkSize: 4 });
  from.on('data', () => from.read());
  await once(from, 'end');
  t.strictSame(asked, [4, 4]);
});

t.test('without a size it is endless', async (t) => {
  let left = 100;
  const { stream: from } = stream({ chunkSize: 16 });
  for await (const bytes of from) {
    t.equal(bytes.length, 16);
    if (--left === 0) break;
  }
  t.ok(from.destroyed, 'it ends with its reader');
});

t.test(
  'data is requested lazily: nothing before there is a reader, then one chunk ahead',
  async (t) => {
    const { stream: from, asked } = stream();
    // Draws resolve in microtasks and streams work in ticks: a turn later nothing more follows.
    await setImmediate();
    t.strictSame(asked, []);
    from.read();
    await setImmediate();
    t.strictSame(asked, [chunk]);
    t.equal((from.read() as Buffer).length, chunk);
    await setImmediate();
    t.strictSame(asked, [chunk, chunk]);
    t.equal((from.read(16) as Buffer).length, 16);
    await setImmediate();
    t.equal(asked.length, 3);
    t.ok(from.readableLength < 2 * chunk);
  },
);

t.test('a slow writer holds it back', async (t) => {
  const { stream: from, asked } = stream({ size: 20 * chunk });
  let written = 0;
  let ahead = 0;
  const to = new Writable({
    highWaterMark: 1,
    write(bytes: Buffer, _encoding, done) {
      ahead = Math.max(ahead, asked.length * chunk - written);
      written += bytes.length;
      globalThis.setImmediate(done);
    },
  });
  await pipeline(from, to);
  t.equal(written, 20 * chunk);
  t.ok(ahead <= 3 * chunk, `${ahead} bytes ahead`);
});

t.test('other options are passed to each draw', async (t) => {
  const seen: RandomOptions[] = [];
  const draw: DrawChunk = async (size, options) => {
    seen.push(options);
    return new Uint8Array(size);
  };
  const given = { size: 1, predictionResistance: true, timeoutMs: 7 };
  await new RandomStream(draw, given, []).toArray();
  t.match(seen, [{ predictionResistance: true, timeoutMs: 7 }]);
});

t.test('a failed draw destroys it with the error', async (t) => {
  const failure = new EntropyError('ERR_HEALTH', 'x');
  const { stream: from, draws } = slow();
  const reading = from.toArray();
  draws[0]?.reject(failure);
  await t.rejects(reading, failure);
  t.ok(from.destroyed);
});

t.test('destroy ends the draw in flight, and wipes its bytes if they arrive', async (t) => {
  const { stream: from, draws } = slow();
  from.read();
  from.destroy();
  const [draw] = draws;
  t.equal(draw?.options.signal?.aborted, true);
  const bytes = new Uint8Array(8).fill(0xaa);
  draw?.resolve(bytes);
  await setImmediate();
  t.strictSame(bytes, new Uint8Array(8));
  t.equal(from.readableLength, 0);
  t.equal(draws.length, 1);
});

t.test('a signal destroys it with its reason, and is released at the end', async (t) => {
  const reason = new Error('no longer needed');
  for (const when of ['from the start', 'idle', 'in flight'] as const) {
    const controllers = [new AbortController(), new AbortController()] as const;
    const signals = controllers.map(({ signal }) => signal);
    if (when === 'from the start') controllers[1].abort(reason);
    const { stream: from, draws } = slow(signals);
    const failed = once(from, 'error');
    if (when === 'in flight') from.read();
    controllers[1].abort(reason);
    t.strictSame(await failed, [reason], when);
    t.equal(draws.length, when === 'in flight' ? 1 : 0);
    for (const signal of signals) t.equal(getEventListeners(signal, 'abort').length, 0);
  }
  const { signal } = new AbortController();
  await stream({ size: 5 }, [signal]).stream.toArray();
  t.equal(getEventListeners(signal, 'abort').length, 0, 'at its end');
});

t.test('sizes out of range are refused', async (t) => {
  for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    t.throws(() => stream({ size }), {
      code: 'ERR_LENGTH',
      message: 'size: want an integer of 1 to 9007199254740991 bytes',
    });
    t.throws(() => stream({ chunkSize: size }), {
      code: 'ERR_LENGTH',
      message: 'chunkSize: want an integer of 1 to 1048576 bytes',
    });
  }
});

t.test('a UUID is made of 16 bytes, which are wiped', async (t) => {
  let given: Uint8Array | undefined;
  const fill = async (target: Uint8Array) => {
    given = target.fill(0xaa);
  };
  t.equal(await randomUuid(fill), 'aaaaaaaa-aaaa-4aaa-aaaa-aaaaaaaaaaaa');
  t.strictSame(given, new Uint8Array(16));
});

t.test('bytes from before a failure are wiped too', async (t) => {
  let given: Uint8Array | undefined;
  const failure = new Error('x');
  const fill = async (target: Uint8Array) => {
    given = target.fill(0xaa);
    throw failure;
  };
  await t.rejects(randomUuid(fill), failure);
  t.strictSame(given, new Uint8Array(16));
});

t.test('version and variant replace their bits; all others are kept', async (t) => {
  for (const [hex, uuid] of [
    ['00000000000000000000000000000000', '00000000-0000-4000-8000-000000000000'],
    ['ffffffffffffffffffffffffffffffff', 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
    ['00112233445566778899aabbccddeeff', '00112233-4455-4677-8899-aabbccddeeff'],
    ['123456789abcdef0f0debc9a78563412', '12345678-9abc-4ef0-b0de-bc9a78563412'],
  ] as const) {
    const bytes = Buffer.from(hex, 'hex');
    t.equal(encodeUuid(bytes), uuid);
    t.equal(bytes.toString('hex'), hex, 'the input is not changed');
  }
});

t.test('only the given part of a larger array is encoded', async (t) => {
  const bytes = randomBytes(48);
  t.equal(encodeUuid(bytes.subarray(16)), encodeUuid(Buffer.from([...bytes.subarray(16, 32)])));
});

t.test('every UUID is a version 4 of RFC 9562, in lower case', async (t) => {
  for (let i = 0; i < 200; i++) {
    const uuid = encodeUuid(randomBytes(16));
    t.ok(validate(uuid) && version(uuid) === 4 && uuid === uuid.toLowerCase(), uuid);
  }
});
