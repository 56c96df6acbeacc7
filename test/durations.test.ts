import t from 'tap';
import { Durations } from '../src/durations.js';

t.test('a duration falls into the bucket of its upper bound', async (t) => {
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

t.test('what was taken does not change with what is counted later', async (t) => {
  const durations = new Durations([1]);
  durations.add(1);
  const before = durations.counts();
  durations.add(2);
  t.strictSame(before, { bounds: [1], buckets: [1, 0], seconds: 1, count: 1 });
  t.strictSame(durations.counts(), { bounds: [1], buckets: [1, 1], seconds: 3, count: 2 });
});
