import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { GatewayCounters } from '../../../src/gateway/counters.js';
import { countUpstream } from '../../../src/gateway/upstream/counted-upstream.js';
import type { Upstream } from '../../../src/gateway/upstream/upstream.js';
import { gatewayRequest } from '../support.js';

const answering = (status: number) => async () => ({ status });
const failing = (code: EntropyError['code']) => () => Promise.reject(new EntropyError(code, 'x'));

t.test('each request is counted by what became of it, and nothing else changes', async (t) => {
  for (const [outcome, forward] of [
    ['ok', answering(200)],
    ['client_error', answering(400)],
    ['server_error', answering(503)],
    ['no_answer', failing('ERR_UPSTREAM')],
    ['no_answer', () => Promise.reject(new TypeError('a defect'))],
    ['busy', failing('ERR_BUSY')],
    ['abandoned', failing('ERR_CLOSED')],
  ] as const) {
    const { upstream: counts } = new GatewayCounters();
    const before = { ...counts };
    const given = { host: 'kms.example', resign: true, forward, close: async () => {} };
    const counted = countUpstream(given as unknown as Upstream, counts);
    t.match(counted, { host: 'kms.example', resign: true, close: given.close });
    const wanted = await forward().catch((error) => error);
    const got = await counted.forward(gatewayRequest()).catch((error) => error);
    t.match(got, wanted, outcome);
    t.strictSame(counts, { ...before, [outcome]: 1 });
  }
});
