import t from 'tap';
import { socketErrorCodes } from '../../src/common/errors.js';
import type { SourceReport } from '../../src/common/package.js';
import type { GeneratorStatus } from '../../src/generator/interface.js';
import { Counters } from '../../src/server/activity.js';
import { daemonMetrics } from '../../src/server/metrics.js';
import { metricsOf, samplesOf } from '../support/metrics-page.js';
import { lines } from '../support/program.js';

const source: SourceReport = {
  name: 'rdseed',
  state: 'passing',
  secondsInState: 42,
  physical: true,
  testedBitsPerByte: 7,
  creditedBitsPerByte: 4,
  bytes: 1000,
  reads: 10,
  retries: 7,
  alarms: 0,
  bytesPerSecond: 1e6,
  lastAlarm: '',
  lastError: '',
};
const status: GeneratorStatus = {
  state: 'operational',
  healthy: true,
  reason: '',
  construction: 'RBG2(NP)',
  sources: [
    source,
    { ...source, name: 'hwrng', state: 'failed', creditedBitsPerByte: 0, bytes: 64, alarms: 3 },
    {
      ...source,
      ...{ name: 'jitter', state: 'waiting', physical: false },
      ...{ testedBitsPerByte: 0.5, creditedBitsPerByte: 0.5 },
    },
    { ...source, name: 'rndrrs', state: 'absent' },
  ],
  reseeds: 4,
  requestsSinceReseed: 2,
  secondsSinceReseed: 1,
  memoryLocked: true,
};

const exposition = (counters: Counters, status: GeneratorStatus) =>
  daemonMetrics({ counters, generator: { status: () => status }, limits: { connections: 64 } });

t.test('the page has every figure; for an absent source it only has the state', async (t) => {
  const counters = new Counters();
  Object.assign(counters, {
    ...{ connectionsOpen: 2, connections: 5, connectionsRefused: 1 },
    ...{ requests: 9, randomBytes: 300 },
  });
  counters.error('ERR_LENGTH');
  counters.mixedBytes = 8;
  Object.assign(counters.egd, { connectionsOpen: 1, randomBytes: 70 });
  counters.raw.randomBytes = 30;
  const found = samplesOf(await exposition(counters, status));
  for (const [name, value] of [
    ['entropyd_state{state="operational"}', 1],
    ['entropyd_state{state="seeding"}', 0],
    ['entropyd_state{state="degraded"}', 0],
    ['entropyd_state{state="error"}', 0],
    ['entropyd_state{state="fallback"}', 0],
    ['entropyd_healthy', 1],
    ['entropyd_memory_locked', 1],
    ['entropyd_connections_open', 2],
    ['entropyd_connections_limit', 64],
    ['entropyd_connections_refused_total', 1],
    ['entropyd_connections_total', 5],
    ['entropyd_requests_total', 9],
    ['entropyd_random_bytes_total', 300],
    ['entropyd_protocol_random_bytes_total{protocol="rpc"}', 200],
    ['entropyd_protocol_random_bytes_total{protocol="egd"}', 70],
    ['entropyd_protocol_random_bytes_total{protocol="raw"}', 30],
    ['entropyd_protocol_connections_open{protocol="rpc"}', 1],
    ['entropyd_protocol_connections_open{protocol="egd"}', 1],
    ['entropyd_protocol_connections_open{protocol="raw"}', 0],
    ['entropyd_mixed_bytes_total', 8],
    ['entropyd_construction{construction="RBG2(P)"}', 0],
    ['entropyd_construction{construction="RBG2(NP)"}', 1],
    ['entropyd_construction{construction="RBGC"}', 0],
    ['entropyd_reseeds_total', 4],
    ['entropyd_requests_since_reseed', 2],
    ['entropyd_reseed_age_seconds', 1],
    ['entropyd_errors_total{code="ERR_LENGTH"}', 1],
    ['entropyd_source_state{source="hwrng",state="failed"}', 1],
    ['entropyd_source_state{source="hwrng",state="passing"}', 0],
    ['entropyd_source_state{source="rndrrs",state="absent"}', 1],
    ['entropyd_source_state{source="jitter",state="waiting"}', 1],
    ['entropyd_source_state{source="jitter",state="passing"}', 0],
    ['entropyd_source_passing{source="jitter"}', 0],
    ['entropyd_source_state_seconds{source="jitter"}', 42],
    ['entropyd_source_physical{source="jitter"}', 0],
    ['entropyd_source_physical{source="rdseed"}', 1],
    ['entropyd_source_tested_entropy_ratio{source="jitter"}', 0.0625],
    ['entropyd_source_passing{source="rdseed"}', 1],
    ['entropyd_source_passing{source="hwrng"}', 0],
    ['entropyd_source_credited_entropy_ratio{source="rdseed"}', 0.5],
    ['entropyd_source_tested_entropy_ratio{source="rdseed"}', 0.875],
    ['entropyd_source_read_bytes_per_second{source="rdseed"}', 1e6],
    ['entropyd_source_reads_total{source="rdseed"}', 10],
    ['entropyd_source_retries_total{source="rdseed"}', 7],
    ['entropyd_source_bytes_total{source="hwrng"}', 64],
    ['entropyd_source_alarms_total{source="hwrng"}', 3],
  ] as const)
    t.equal(found.get(name), value, name);
  const ofAbsent = [...found.keys()].filter((name) => name.includes('rndrrs'));
  t.ok(
    ofAbsent.every((name) => name.startsWith('entropyd_source_state{')),
    `${ofAbsent}`,
  );
});

t.test('every code of the protocol has a sample from the start', async (t) => {
  const found = samplesOf(await exposition(new Counters(), status));
  t.strictSame(
    [...found.keys()].filter((name) => name.startsWith('entropyd_errors_total')),
    socketErrorCodes.map((code) => `entropyd_errors_total{code="${code}"}`),
  );
});

t.test('a DRBG that was never seeded has no age', async (t) => {
  const page = await exposition(new Counters(), { ...status, reseeds: 0, secondsSinceReseed: 0 });
  t.notMatch(page, /^entropyd_reseed_age_seconds/m);
});

t.test('without a seed no construction is 1', async (t) => {
  const found = samplesOf(await exposition(new Counters(), { ...status, construction: '' }));
  const values = [...found].filter(([name]) => name.startsWith('entropyd_construction{'));
  t.strictSame(
    values.map(([, value]) => value),
    [0, 0, 0],
  );
});

t.test('exactly the current state is 1', async (t) => {
  for (const state of ['seeding', 'operational', 'degraded', 'error', 'fallback'] as const) {
    const page = await exposition(new Counters(), { ...status, state, sources: [] });
    const set = lines(page).filter((line) => /^entropyd_state\{.* 1$/.test(line));
    t.strictSame(set, [`entropyd_state{state="${state}"} 1`]);
  }
});

t.test('reads are counted in a histogram', async (t) => {
  const counters = new Counters();
  for (const seconds of [0.000_001, 0.000_03, 1]) counters.served(seconds);
  const found = samplesOf(await exposition(counters, status));
  for (const [name, value] of [
    ['bucket{le="0.000005"}', 1],
    ['bucket{le="0.00002"}', 1],
    ['bucket{le="0.00005"}', 2],
    ['bucket{le="0.01"}', 2],
    ['bucket{le="+Inf"}', 3],
    ['sum', counters.serving().seconds],
    ['count', 3],
  ] as const)
    t.equal(found.get(`entropyd_request_duration_seconds_${name}`), value, name);
});

t.test('every metric has help and type once, and the page ends with a line end', async (t) => {
  const page = await exposition(new Counters(), status);
  const metrics = metricsOf(page);
  for (const [name, { type, help }] of metrics) {
    t.match(help, /^\S.{10,}$/, name);
    t.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
  }
  for (const name of samplesOf(page).keys()) {
    const bare = name.replace(/\{.*/, '');
    t.ok(metrics.has(bare) || metrics.has(bare.replace(/_(bucket|sum|count)$/, '')), name);
  }
  t.match(page, /\n$/);
});

t.test('two pages at a time do not mix', async (t) => {
  const pages = await Promise.all([
    exposition(new Counters(), status),
    exposition(new Counters(), { ...status, reseeds: 9 }),
  ]);
  t.strictSame(
    pages.map((page) => samplesOf(page).get('entropyd_reseeds_total')),
    [4, 9],
  );
});
