import { getEventListeners, once } from 'node:events';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { RandomOptions, StreamOptions } from '../src/client-options.js';
import { EntropyError } from '../src/common/errors.js';
import { type DrawChunk, RandomStream } from '../src/random-stream.js';
import type { Signals } from '../src/signals.js';

const chunk = 65_536;

/** A stream of 0xaa, and what it asked for. */
function stream(options: StreamOptions = {}, signals: Signals = []) {
  const asked: number[] = [];
  const draw: DrawChunk = async (size) => {
    asked.push(size);
    return new Uint8Array(size).fill(0xaa);
  };
  return { stream: new RandomStream(draw, options, signals), asked };
}

/** A stream whose only chunk comes when the test says so. */
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

t.test('it ends after as many bytes as were asked for', async (t) => {
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

t.test('a reader that asks within the last chunk’s event gets no other', async (t) => {
  const { stream: from, asked } = stream({ size: 8, chunkSize: 4 });
  from.on('data', () => from.read());
  await once(from, 'end');
  t.strictSame(asked, [4, 4]);
});

t.test('without a size it does not end', async (t) => {
  let left = 100;
  const { stream: from } = stream({ chunkSize: 16 });
  for await (const bytes of from) {
    t.equal(bytes.length, 16);
    if (--left === 0) break;
  }
  t.ok(from.destroyed, 'but with its reader');
});

t.test('nothing is asked for before a reader is there, then one chunk ahead', async (t) => {
  const { stream: from, asked } = stream();
  await setTimeout(5);
  t.strictSame(asked, []);
  from.read();
  await setTimeout(5);
  t.strictSame(asked, [chunk]);
  t.equal((from.read() as Buffer).length, chunk);
  await setTimeout(5);
  t.strictSame(asked, [chunk, chunk]);
  t.equal((from.read(16) as Buffer).length, 16);
  await setTimeout(5);
  t.equal(asked.length, 3);
  t.ok(from.readableLength < 2 * chunk);
});

t.test('a slow writer holds it back', async (t) => {
  const { stream: from, asked } = stream({ size: 20 * chunk });
  let written = 0;
  let ahead = 0;
  const to = new Writable({
    highWaterMark: 1,
    write(bytes: Buffer, _encoding, done) {
      ahead = Math.max(ahead, asked.length * chunk - written);
      written += bytes.length;
      setImmediate(done);
    },
  });
  await pipeline(from, to);
  t.equal(written, 20 * chunk);
  t.ok(ahead <= 3 * chunk, `${ahead} bytes ahead`);
});

t.test('options other than its own are the draws’', async (t) => {
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

t.test('destroy ends the draw under way, whose bytes are wiped if they come', async (t) => {
  const { stream: from, draws } = slow();
  from.read();
  from.destroy();
  const [draw] = draws;
  t.equal(draw?.options.signal?.aborted, true);
  const bytes = new Uint8Array(8).fill(0xaa);
  draw?.resolve(bytes);
  await setTimeout(1);
  t.strictSame(bytes, new Uint8Array(8));
  t.equal(from.readableLength, 0);
  t.equal(draws.length, 1);
});

t.test('a signal destroys it with its reason, and is let go of at the end', async (t) => {
  const reason = new Error('no longer needed');
  for (const when of ['from the start', 'idle', 'under way'] as const) {
    const controllers = [new AbortController(), new AbortController()] as const;
    const signals = controllers.map(({ signal }) => signal);
    if (when === 'from the start') controllers[1].abort(reason);
    const { stream: from, draws } = slow(signals);
    const failed = once(from, 'error');
    if (when === 'under way') from.read();
    controllers[1].abort(reason);
    t.strictSame(await failed, [reason], when);
    t.equal(draws.length, when === 'under way' ? 1 : 0);
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
