import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import {
  ApiCounters,
  apiLabels,
  GatewayCounters,
  type GatewayFigures,
  gatewayMetrics,
} from '../../src/gateway/metrics.js';
import { failingSource, fakeSource } from '../support/gateway.js';
import { metricsOf, samplesOf } from '../support/metrics-page.js';

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
  for (const api of ['aws-kms', 'huawei-kms', 'vault', undefined] as const)
    counters.of(api).answered(200, { size: null }, 0);
  for (const api of apiLabels) t.equal(counters.apis[api].answers['2xx'], 1, api);
});

function figures(overrides: Partial<GatewayFigures> = {}): GatewayFigures {
  return {
    counters: new GatewayCounters(),
    connectionsOpen: 0,
    auditDropped: undefined,
    certificateExpiry: undefined,
    hasUpstream: false,
    ...overrides,
  };
}

t.test("the daemon's page comes first, and its absence is a figure", async (t) => {
  const page = await gatewayMetrics(fakeSource(), figures());
  t.match(page, /^entropyd_up 1\n# HELP entropyd_gateway_/);
  t.equal(samplesOf(page).get('entropyd_gateway_daemon_up'), 1);
  const alone = await gatewayMetrics(
    failingSource(new EntropyError('ERR_CONNECT', 'x')),
    figures(),
  );
  t.match(alone, /^# HELP entropyd_gateway_/);
  t.equal(samplesOf(alone).get('entropyd_gateway_daemon_up'), 0);
});

t.test('the daemon has less time than a scrape takes', async (t) => {
  let given: { timeoutMs?: number } | undefined;
  const client = fakeSource({
    async metrics(options) {
      given = options;
      await setTimeout(1);
      return '';
    },
  });
  await gatewayMetrics(client, figures());
  t.strictSame(given, { timeoutMs: 2000 });
});

t.test('the page has every figure', async (t) => {
  const counters = new GatewayCounters();
  Object.assign(counters, { connections: 9, connectionsRefused: 2, running: 3 });
  counters.of('aws-kms').answered(200, { size: 32 }, 0.0002);
  counters.of('vault').answered(403, { size: null }, 0);
  counters.of('vault').failed(new EntropyError('ERR_BUSY', 'x'));
  counters.upstream.no_answer = 4;
  const given = { connectionsOpen: 5, auditDropped: 6, certificateExpiry: 7e9, hasUpstream: true };
  const page = await gatewayMetrics(fakeSource(), figures({ counters, ...given }));
  const found = samplesOf(page);
  for (const [name, value] of [
    ['connections_open', 5],
    ['connections_total', 9],
    ['connections_refused_total', 2],
    ['requests_in_flight', 3],
    ['requests_total{api="aws-kms",status="2xx"}', 1],
    ['requests_total{api="huawei-kms",status="2xx"}', 0],
    ['requests_total{api="vault",status="4xx"}', 1],
    ['requests_total{api="other",status="5xx"}', 0],
    ['errors_total{api="vault",reason="overload"}', 1],
    ['errors_total{api="aws-kms",reason="authentication"}', 0],
    ['random_bytes_total{api="aws-kms"}', 32],
    ['random_bytes_total{api="huawei-kms"}', 0],
    ['request_duration_seconds_bucket{api="aws-kms",le="0.0001"}', 0],
    ['request_duration_seconds_bucket{api="aws-kms",le="0.00025"}', 1],
    ['request_duration_seconds_count{api="aws-kms"}', 1],
    ['request_duration_seconds_count{api="vault"}', 0],
    ['audit_dropped_total', 6],
    ['certificate_expiry_timestamp_seconds', 7e9],
    ['upstream_requests_total{outcome="no_answer"}', 4],
    ['upstream_requests_total{outcome="ok"}', 0],
  ] as const)
    t.equal(found.get(`entropyd_gateway_${name}`), value, name);
  t.ok(found.has('entropyd_gateway_process_start_time_seconds'));
  for (const [name, { type }] of metricsOf(page))
    t.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
});

t.test('what the gateway does not have is not on the page', async (t) => {
  const page = await gatewayMetrics(fakeSource(), figures());
  for (const part of ['audit', 'certificate', 'upstream'])
    t.notMatch(page, `entropyd_gateway_${part}`, part);
});

t.test('the number of series does not depend on what clients send', async (t) => {
  const counters = new GatewayCounters();
  const size = async () =>
    samplesOf(await gatewayMetrics(fakeSource(), figures({ counters }))).size;
  const before = await size();
  for (let i = 0; i < 100; i++) {
    counters.of('vault').answered(200 + i, { size: i }, i);
    counters.of('vault').failed(new Error(`anything ${i}`));
  }
  t.equal(await size(), before);
});
