import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { ApiCounters, apiLabels, GatewayCounters } from '../../src/gateway/counters.js';

t.test('answers are counted by the class of their status', async (t) => {
  for (const [status, name] of [
    [200, '2xx'],
    [204, '2xx'],
    [400, '4xx'],
    [499, '4xx'],
    [500, '5xx'],
    [599, '5xx'],
  ] as const) {
    const counted = new ApiCounters();
    counted.answered(status, { size: null }, 0);
    t.strictSame(counted.answers, { '2xx': 0, '4xx': 0, '5xx': 0, [name]: 1 }, String(status));
  }
});

t.test('bytes and time are those of requests that were given random bytes', async (t) => {
  for (const [status, size, bytes, count] of [
    [200, 32, 32, 1],
    [200, null, 0, 0],
    [400, 32, 0, 0],
    [503, 32, 0, 0],
  ] as const) {
    const counted = new ApiCounters();
    counted.answered(status, { size }, 0.002);
    t.equal(counted.randomBytes, bytes, `${status}, ${size} bytes`);
    t.match(counted.times.counts(), { count, seconds: 0.002 * count });
  }
});

t.test('failures are counted by their reason', async (t) => {
  const counted = new ApiCounters();
  counted.failed(new EntropyError('ERR_CONNECT', 'away'));
  counted.failed(new EntropyError('ERR_CONNECT', 'away'));
  counted.failed(new Error('a defect'));
  t.match(counted.errors, { unavailable: 2, fault: 1, authentication: 0, throttled: 0 });
});

t.test('each API has its own figures, and pages are others', async (t) => {
  const counters = new GatewayCounters();
  for (const api of ['aws-kms', 'gen-random', 'vault', undefined] as const)
    counters.of(api).answered(200, { size: null }, 0);
  for (const api of apiLabels) t.equal(counters.apis[api].answers['2xx'], 1, api);
});
