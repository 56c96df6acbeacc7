import t from 'tap';
import { ApiCounters, GatewayCounters } from '../../src/gateway/metrics.js';

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
    counted.responded(status, null, 0);
    t.strictSame(counted.responses, { '2xx': 0, '4xx': 0, '5xx': 0, [name]: 1 }, String(status));
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
    counted.responded(status, size, 0.002);
    t.equal(counted.randomBytes, bytes, `${status}, ${size} bytes`);
    t.match(counted.durations.counts(), { count, seconds: 0.002 * count });
  }
});

t.test('failures are counted by their reason', async (t) => {
  const counted = new ApiCounters();
  counted.failed('unavailable');
  counted.failed('unavailable');
  counted.failed('fault');
  t.match(counted.errors, { unavailable: 2, fault: 1, authentication: 0, throttled: 0 });
});

const names = ['aws-kms', 'vault', 'invented'];

t.test('each API has its own figures, and pages are others', async (t) => {
  const counters = new GatewayCounters(names);
  for (const api of [...names, undefined]) counters.of(api).responded(200, null, 0);
  t.strictSame(
    counters.all.map(([name, { responses }]) => [name, responses['2xx']]),
    [...names, 'other'].map((name) => [name, 1]),
  );
});
