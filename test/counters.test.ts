import t from 'tap';
import { Counters } from '../src/counters.js';

t.test('errors are counted by their code', async (t) => {
  const counters = new Counters();
  for (const code of ['ERR_BUSY', 'ERR_LENGTH', 'ERR_BUSY'] as const) counters.error(code);
  t.strictSame(
    [...counters.errors],
    [
      ['ERR_BUSY', 2],
      ['ERR_LENGTH', 1],
    ],
  );
});

t.test('a serving time falls into the bucket of its upper bound', async (t) => {
  for (const [seconds, bucket] of [
    [0, 0],
    [0.000_005, 0],
    [0.000_005_1, 1],
    [0.000_1, 4],
    [0.01, 10],
    [0.010_1, 11],
    [60, 11],
  ] as const) {
    const counters = new Counters();
    counters.served(seconds);
    const serving = counters.serving();
    t.equal(serving.buckets.indexOf(1), bucket, `${seconds} s`);
    t.match(serving, { count: 1, seconds });
  }
});
