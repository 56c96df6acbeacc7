import t from 'tap';
import { type Reading, ratesBetween } from '../../src/entropyctl/rates.js';
import type { DaemonStatus } from '../../src/rpc/protocol.js';

const bounds = [0.001, 0.002];

function reading(at: number, changed: Partial<DaemonStatus> = {}): Reading {
  const serving = { bounds, buckets: [10, 0, 0], seconds: 0.1, count: 10 };
  return { at, status: { pid: 7, requests: 100, randomBytes: 3200, serving, ...changed } };
}

t.test('rates are the increase divided by the time in between', async (t) => {
  const after = reading(3000, {
    requests: 300,
    randomBytes: 9600,
    serving: { bounds, buckets: [10, 40, 0], seconds: 0.2, count: 50 },
  });
  t.strictSame(ratesBetween(reading(1000), after), {
    requestsPerSecond: 100,
    bytesPerSecond: 3200,
    readsPerSecond: 20,
    p50: { seconds: 0.002, above: false },
    p99: { seconds: 0.002, above: false },
  });
  t.match(ratesBetween(reading(1000), reading(2000)), {
    requestsPerSecond: 0,
    p50: undefined,
    p99: undefined,
  });
});

t.test('there are no rates between two processes, nor for a first reading', async (t) => {
  for (const [name, before, after] of [
    ['the first', undefined, reading(1)],
    ['another process', reading(1, { pid: 8 }), reading(2)],
    ['another process with the same id', reading(1), reading(2, { requests: 5 })],
    ['no time in between', reading(1), reading(1)],
    ['another version', reading(1, { requests: undefined as never }), reading(2)],
    ['no histogram', reading(1, { serving: undefined as never }), reading(2)],
  ] as const)
    t.equal(ratesBetween(before, after), undefined, name);
  const odd = { bounds, buckets: 5, seconds: 0, count: 10 } as unknown as DaemonStatus['serving'];
  t.match(ratesBetween(reading(1, { serving: odd }), reading(2)), { p50: undefined });
});
