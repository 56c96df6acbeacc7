import t from 'tap';
import { defaultGatewayLimits } from '../../../src/config/config.js';
import { shareOf, workerCount } from '../../../src/gateway/workers/share.js';

t.test('as many as configured; auto is as many as processors, within bounds', async (t) => {
  for (const [options, processors, count] of [
    [{}, 4, 1],
    [{ workers: 3 }, 1, 3],
    [{ workers: 'auto' }, 1, 1],
    [{ workers: 'auto' }, 4, 4],
    [{ workers: 'auto' }, 200, 8],
    [{ workers: 'auto', requests: 2 }, 4, 2],
    [{ workers: 'auto', bodyBytes: 1_048_576 }, 4, 1],
    [{ workers: 1, requests: 1 }, 4, 1],
  ] as const)
    t.equal(workerCount(options, processors), count, JSON.stringify(options));
});

t.test('a limit without enough for each worker is a fault', async (t) => {
  for (const [limits, message] of [
    [{ requests: 3 }, 'workers: want at most 3: each takes an equal share of requests'],
    [{ bodyBytes: 2_097_152 }, /^workers: want at most 2: .* of body_bytes$/],
    [{ unsentBytes: 131_072 }, /^workers: want at most 1: .* of unsent_bytes$/],
  ] as const)
    t.throws(() => workerCount({ workers: 4, ...limits }), {
      code: 'ERR_CONFIG',
      key: 'gateway.workers',
      message,
    });
});

t.test('shares together are never above a limit; connections are counted elsewhere', async (t) => {
  for (const count of [2, 3, 7]) {
    const limits = { ...defaultGatewayLimits, requests: 100 };
    const share = shareOf(limits, count);
    for (const key of ['requests', 'unsentBytes', 'bodyBytes'] as const) {
      t.ok(share[key] * count <= limits[key], key);
      t.ok((share[key] + 1) * count > limits[key], `${key} is not given away`);
    }
    t.match(share, { connectionsPerAddress: 0, requestsPerConnection: 16 });
  }
});
