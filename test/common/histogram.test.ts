import t from 'tap';
import { Durations, quantile } from '../../src/common/histogram.js';

t.test('a duration falls into the first bucket whose upper bound it does not exceed', async (t) => {
  for (const [seconds, buckets] of [
    [0, [1, 0, 0]],
    [0.001, [1, 0, 0]],
    [0.001_1, [0, 1, 0]],
    [0.5, [0, 1, 0]],
    [0.51, [0, 0, 1]],
    [60, [0, 0, 1]],
  ] as const) {
    const durations = new Durations([0.001, 0.5]);
    durations.add(seconds);
    t.strictSame(
      durations.counts(),
      { bounds: [0.001, 0.5], buckets, seconds, count: 1 },
      `${seconds} s`,
    );
  }
});

t.test('counts are a copy that later samples do not change', async (t) => {
  const durations = new Durations([1]);
  durations.add(1);
  const before = durations.counts();
  durations.add(2);
  t.strictSame(before, { bounds: [1], buckets: [1, 0], seconds: 1, count: 1 });
  t.strictSame(durations.counts(), { bounds: [1], buckets: [1, 1], seconds: 3, count: 2 });
});

const bounds = [0.001, 0.002, 0.005];
const times = (buckets: number[]) => ({ bounds, buckets });

t.test('a quantile is reported as the upper bound of its bucket', async (t) => {
  for (const [buckets, share, seconds, above] of [
    [[1, 0, 0, 0], 0.5, 0.001, false],
    [[50, 50, 0, 0], 0.5, 0.001, false],
    [[50, 50, 0, 0], 0.51, 0.002, false],
    [[99, 0, 1, 0], 0.99, 0.001, false],
    [[98, 0, 2, 0], 0.99, 0.005, false],
    [[98, 0, 0, 2], 0.99, 0.005, true],
    [[0, 0, 0, 1], 0.5, 0.005, true],
  ] as const)
    t.strictSame(quantile(times([...buckets]), share), { seconds, above }, buckets.join(' '));
});

t.test('without samples, or without a histogram, there is no quantile', async (t) => {
  for (const none of [
    undefined,
    {},
    times([0, 0, 0, 0]),
    { bounds: [], buckets: [1] },
    { bounds: 'x', buckets: [1] },
    { bounds, buckets: [-1, 5] },
    { bounds, buckets: ['5'] },
  ])
    t.equal(quantile(none as Parameters<typeof quantile>[0], 0.5), undefined);
});
