import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import type { MetricsPage } from '../../src/common/prometheus.js';
import { defaultGatewayLimits } from '../../src/config/config.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';
import {
  type GatewayFigures,
  gatewayMetrics,
  recordGateway,
} from '../../src/gateway/metrics-page.js';
import { failingSource, fakeSource } from '../support/gateway.js';
import { metricsOf, samplesOf } from '../support/metrics-page.js';

const names = ['aws-kms', 'vault', 'invented'];

function figures(overrides: Partial<GatewayFigures> = {}) {
  return recordGateway({
    counters: new GatewayCounters(names),
    connectionsOpen: 0,
    limits: defaultGatewayLimits,
    isOpen: false,
    auditDropped: undefined,
    certificateExpiry: undefined,
    own: [],
    ...overrides,
  });
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
      return '';
    },
  });
  await gatewayMetrics(client, figures());
  t.strictSame(given, { timeoutMs: 2000 });
});

t.test('the page has every figure', async (t) => {
  const counters = new GatewayCounters(names);
  Object.assign(counters, { connections: 9, connectionsRefused: 2, inFlight: 3 });
  Object.assign(counters, { requestsWaiting: 7, unsentBytes: 8 });
  counters.connectionsEnded.unread = 10;
  counters.acceptErrors = 11;
  counters.of('aws-kms').responded(200, 32, 0.0002);
  counters.of('vault').responded(403, null, 0);
  counters.of('vault').failed('overload');
  const own = [(page: MetricsPage) => page.counter('entropyd_gateway_own_total', 'Of an API', 4)];
  const given = { connectionsOpen: 5, isOpen: true, auditDropped: 6, certificateExpiry: 7e9, own };
  const workers = { running: 12, restarts: 13 };
  const page = await gatewayMetrics(fakeSource(), figures({ counters, ...given, workers }));
  const found = samplesOf(page);
  for (const [name, value] of [
    ['open', 1],
    ['connections_open', 5],
    ['connections_total', 9],
    ['connections_refused_total', 2],
    ['requests_in_flight', 3],
    ['requests_waiting', 7],
    ['unsent_bytes', 8],
    ['accept_errors_total', 11],
    ['connections_ended_total{reason="unread"}', 10],
    ['connections_ended_total{reason="silent"}', 0],
    ['limit{limit="requests_per_connection"}', 16],
    ['limit{limit="unsent_bytes"}', 64 * 1024 ** 2],
    ['requests_total{api="aws-kms",status="2xx"}', 1],
    ['requests_total{api="invented",status="2xx"}', 0],
    ['requests_total{api="vault",status="4xx"}', 1],
    ['requests_total{api="other",status="5xx"}', 0],
    ['errors_total{api="vault",reason="overload"}', 1],
    ['errors_total{api="aws-kms",reason="authentication"}', 0],
    ['random_bytes_total{api="aws-kms"}', 32],
    ['random_bytes_total{api="invented"}', 0],
    ['request_duration_seconds_bucket{api="aws-kms",le="0.0001"}', 0],
    ['request_duration_seconds_bucket{api="aws-kms",le="0.00025"}', 1],
    ['request_duration_seconds_count{api="aws-kms"}', 1],
    ['request_duration_seconds_count{api="vault"}', 0],
    ['audit_dropped_total', 6],
    ['certificate_expiry_timestamp_seconds', 7e9],
    ['own_total', 4],
    ['workers', 12],
    ['worker_restarts_total', 13],
  ] as const)
    t.equal(found.get(`entropyd_gateway_${name}`), value, name);
  t.ok(found.has('entropyd_gateway_process_start_time_seconds'));
  for (const [name, { type }] of metricsOf(page))
    t.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
});

t.test('what the gateway does not have is not on the page', async (t) => {
  const page = await gatewayMetrics(fakeSource(), figures());
  for (const part of ['audit', 'certificate', 'own'])
    t.notMatch(page, `entropyd_gateway_${part}`, part);
});

t.test('the number of series does not depend on what clients send', async (t) => {
  const counters = new GatewayCounters(names);
  const size = async () =>
    samplesOf(await gatewayMetrics(fakeSource(), figures({ counters }))).size;
  const before = await size();
  for (let i = 0; i < 100; i++) {
    counters.of('vault').responded(200 + i, i, i);
    counters.of(`anything ${i}`).failed('fault');
  }
  t.equal(await size(), before);
});
