import t from 'tap';
import { ratesBetween, type Sample } from '../../src/entropyctl/rates.js';
import type { DaemonStatus } from '../../src/rpc/protocol.js';

const bounds = [0.001, 0.002];

function sample(at: number, changed: Partial<DaemonStatus> = {}): Sample {
  const serving = { bounds, buckets: [10, 0, 0], seconds: 0.1, count: 10 };
  return { at, status: { pid: 7, requests: 100, randomBytes: 3200, serving, ...changed } };
}

t.test('rates are what was added, by the time between', async (t) => {
  const after = sample(3000, {
    requests: 300,
    randomBytes: 9600,
    serving: { bounds, buckets: [10, 40, 0], seconds: 0.2, count: 50 },
  });
  t.strictSame(ratesBetween(sample(1000), after), {
    requestsPerSecond: 100,
    bytesPerSecond: 3200,
    readsPerSecond: 20,
    p50: { seconds: 0.002, above: false },
    p99: { seconds: 0.002, above: false },
  });
  t.match(ratesBetween(sample(1000), sample(2000)), {
    requestsPerSecond: 0,
    p50: undefined,
    p99: undefined,
  });
});

t.test('there are none between two daemons, nor without a look before', async (t) => {
  for (const [name, before, after] of [
    ['the first', undefined, sample(1)],
    ['another process', sample(1, { pid: 8 }), sample(2)],
    ['the same id by chance', sample(1), sample(2, { requests: 5 })],
    ['no time between', sample(1), sample(1)],
    ['another version', sample(1, { requests: undefined as never }), sample(2)],
    ['no histogram', sample(1, { serving: undefined as never }), sample(2)],
  ] as const)
    t.equal(ratesBetween(before, after), undefined, name);
  const odd = { bounds, buckets: 5, seconds: 0, count: 10 } as unknown as DaemonStatus['serving'];
  t.match(ratesBetween(sample(1, { serving: odd }), sample(2)), { p50: undefined });
});
