import t from 'tap';
import { quantile } from '../../src/commands/quantile.js';

const bounds = [0.001, 0.002, 0.005];
const times = (buckets: number[]) => ({ bounds, buckets });

t.test('a quantile is the upper bound of its bucket', async (t) => {
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

t.test('without samples, or without a histogram, there is none', async (t) => {
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
