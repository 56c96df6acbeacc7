import t from 'tap';
import { TokenBucket } from '../../../src/gateway/credentials/token-bucket.js';

/** How many of `count` requests at `nowMs` are granted. */
function granted(bucket: TokenBucket, nowMs: number, count = 100): number {
  let taken = 0;
  for (let i = 0; i < count; i++) if (bucket.take(nowMs)) taken++;
  return taken;
}

t.test('grants the rate, in bursts of at most one second’s worth', async (t) => {
  const bucket = new TokenBucket(10, 1000);
  for (const [nowMs, expected] of [
    [1000, 10],
    [1000, 0],
    [1099, 0],
    [1100, 1],
    [1350, 2],
    [1400, 1],
    [2400, 10],
    [90_000, 10],
  ] as const)
    t.equal(granted(bucket, nowMs), expected, `at ${nowMs} ms`);
});

t.test('over a long time it grants the rate and no more', async (t) => {
  for (const perSecond of [1, 3, 1000]) {
    const bucket = new TokenBucket(perSecond, 0);
    let taken = 0;
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 7) taken += granted(bucket, nowMs, 20);
    t.ok(taken > 9.9 * perSecond && taken <= 11 * perSecond, `${taken} at ${perSecond} a second`);
  }
});

t.test('what takes its place goes on with its tokens, and no reload grants a burst', async (t) => {
  const before = new TokenBucket(10, 0);
  t.equal(granted(before, 0, 8), 8);
  for (const [perSecond, nowMs, expected] of [
    [10, 0, 2],
    [100, 0, 2],
    [1, 0, 1],
    [100, 100, 3],
  ] as const)
    t.equal(granted(new TokenBucket(perSecond, nowMs, before), nowMs), expected, `${perSecond}`);
});
