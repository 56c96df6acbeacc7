import fc from 'fast-check';
import t from 'tap';

const { pointBetween, quantile } = await import(
  new URL('../../page/rates.js', import.meta.url).href
);

const bounds = [1, 2, 5, 10];

t.test('a quantile is linear within its bucket', async (t) => {
  for (const [counts, q, expected] of [
    [[10, 0, 0, 0, 0], 0.5, 0.5],
    [[10, 0, 0, 0, 0], 1, 1],
    [[5, 5, 0, 0, 0], 0.5, 1],
    [[0, 0, 100, 0, 0], 0.5, 3.5],
    [[99, 0, 0, 1, 0], 0.99, 1],
    [[90, 0, 0, 10, 0], 0.99, 9.5],
    [[0, 0, 0, 0, 1], 0.5, Infinity],
    [[99, 0, 0, 0, 1], 0.995, Infinity],
    [[0, 0, 0, 0, 0], 0.5, undefined],
    [[], 0.5, undefined],
    [[-1, 0, 0, 0, 0], 0.5, undefined],
  ] as const)
    t.equal(quantile(bounds, counts, q), expected, `${counts} at ${q}`);
});

t.test('a quantile lies in the bucket of the sample of its rank', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 5, maxLength: 5 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (counts, q) => {
          const samples = counts.flatMap((count, i) => Array(count).fill(i)) as number[];
          const value = quantile(bounds, counts, q);
          if (samples.length === 0) return value === undefined;
          const bucket = samples[Math.ceil(q * samples.length) - 1] as number;
          const [lower, upper] = [bounds[bucket - 1] ?? 0, bounds[bucket] ?? Infinity];
          return value >= lower && value <= upper;
        },
      ),
    ),
  );
});

/** A reading after `ms`, with so many requests and samples in the first bucket. */
function reading(ms: number, requests: number, changed: object = {}) {
  const serving = { bounds, buckets: [requests, 0, 0, 0, 0] };
  return { at: ms, status: { pid: 7, requests, randomBytes: 32 * requests, serving, ...changed } };
}

t.test('rates are the increase per second between two readings', async (t) => {
  t.strictSame(pointBetween(reading(1000, 100), reading(3000, 300)), {
    at: 3000,
    requests: 100,
    bytes: 3200,
    median: 0.5,
    tail: 0.99,
  });
  t.match(pointBetween(reading(0, 1), reading(1000, 1)), { requests: 0, median: undefined });
});

t.test('readings that cannot be compared give no point', async (t) => {
  for (const [name, before, after] of [
    ['the first', undefined, reading(1000, 1)],
    ['another process', reading(0, 1), reading(1000, 2, { pid: 8 })],
    ['counters that went back', reading(0, 9), reading(1000, 2)],
    ['a clock that stood still', reading(1000, 1), reading(1000, 2)],
    ['after a pause', reading(0, 1), reading(10_001, 2)],
  ] as const)
    t.equal(pointBetween(before, after), undefined, name);
});
