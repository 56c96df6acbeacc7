import t from 'tap';
import type { GeneratorStatus } from '../src/generator.js';
import { Counters, exposition } from '../src/metrics.js';
import type { SourceReport } from '../src/native.js';
import { lines } from './support.js';

const source: SourceReport = {
  name: 'rdseed',
  state: 'passing',
  testedBitsPerByte: 7,
  creditedBitsPerByte: 4,
  bytes: 1000,
  reads: 10,
  retries: 0,
  alarms: 0,
  bytesPerSecond: 1e6,
  lastAlarm: '',
  lastError: '',
};
const status: GeneratorStatus = {
  state: 'operational',
  healthy: true,
  reason: '',
  sources: [
    source,
    { ...source, name: 'hwrng', state: 'failed', creditedBitsPerByte: 0, bytes: 64, alarms: 3 },
    { ...source, name: 'rndrrs', state: 'absent' },
  ],
  reseeds: 4,
  requestsSinceReseed: 2,
  secondsSinceReseed: 1,
  memoryLocked: true,
};

/** Samples by their name and labels. */
function samples(page: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of lines(page)) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = /^(\S+) (\S+)$/.exec(line) ?? [];
    found.set(name ?? line, Number(value));
  }
  return found;
}

t.test('errors are counted by their code', async (t) => {
  const counters = new Counters();
  for (const code of ['ERR_BUSY', 'ERR_LENGTH', 'ERR_BUSY'] as const) counters.error(code);
  t.strictSame(
    [...counters.errors],
    [
      ['ERR_BUSY', 2],
      ['ERR_LENGTH', 1],
    ],
  );
});

t.test('a serving time falls into the bucket of its upper bound', async (t) => {
  for (const [seconds, bucket] of [
    [0, 0],
    [0.000_005, 0],
    [0.000_005_1, 1],
    [0.000_1, 4],
    [0.01, 10],
    [0.010_1, 11],
    [60, 11],
  ] as const) {
    const counters = new Counters();
    counters.served(seconds);
    t.equal(counters.servingBuckets.indexOf(1), bucket, `${seconds} s`);
    t.match(counters.serving(), { count: 1, seconds, buckets: counters.servingBuckets });
  }
});

t.test('the page has every figure, and absent sources not at all', async (t) => {
  const counters = new Counters();
  Object.assign(counters, { connectionsOpen: 2, connections: 5, requests: 9, randomBytes: 300 });
  counters.error('ERR_LENGTH');
  const found = samples(await exposition(counters, status));
  for (const [name, value] of [
    ['entropyd_state{state="operational"}', 1],
    ['entropyd_state{state="seeding"}', 0],
    ['entropyd_state{state="degraded"}', 0],
    ['entropyd_state{state="error"}', 0],
    ['entropyd_state{state="fallback"}', 0],
    ['entropyd_connections', 2],
    ['entropyd_connections_total', 5],
    ['entropyd_requests_total', 9],
    ['entropyd_random_bytes_total', 300],
    ['entropyd_reseeds_total', 4],
    ['entropyd_errors_total{code="ERR_LENGTH"}', 1],
    ['entropyd_source_passing{source="rdseed"}', 1],
    ['entropyd_source_passing{source="hwrng"}', 0],
    ['entropyd_source_credited_bits_per_byte{source="rdseed"}', 4],
    ['entropyd_source_bytes_total{source="hwrng"}', 64],
    ['entropyd_source_alarms_total{source="hwrng"}', 3],
  ] as const)
    t.equal(found.get(name), value, name);
  t.notOk([...found.keys()].some((name) => name.includes('rndrrs')));
});

t.test('the state is the one that is 1', async (t) => {
  for (const state of ['seeding', 'operational', 'degraded', 'error', 'fallback'] as const) {
    const page = await exposition(new Counters(), { ...status, state, sources: [] });
    const set = lines(page).filter((line) => /^entropyd_state\{.* 1$/.test(line));
    t.strictSame(set, [`entropyd_state{state="${state}"} 1`]);
  }
});

t.test('the histogram is cumulative and ends with all samples', async (t) => {
  const counters = new Counters();
  for (const seconds of [0.000_001, 0.000_001, 0.000_03, 1]) counters.served(seconds);
  const page = await exposition(counters, status);
  const buckets = lines(page).filter((line) => line.startsWith('entropyd_serving_seconds_bucket'));
  t.strictSame(
    buckets.map((line) => /le="(.+)"\} (\d+)$/.exec(line)?.slice(1)),
    [
      ['0.000005', '2'],
      ['0.00001', '2'],
      ['0.00002', '2'],
      ['0.00005', '3'],
      ['0.0001', '3'],
      ['0.0002', '3'],
      ['0.0005', '3'],
      ['0.001', '3'],
      ['0.002', '3'],
      ['0.005', '3'],
      ['0.01', '3'],
      ['+Inf', '4'],
    ],
  );
  const found = samples(page);
  t.equal(found.get('entropyd_serving_seconds_count'), 4);
  t.equal(found.get('entropyd_serving_seconds_sum'), counters.servingSeconds);
});

t.test('every metric has its help and type, once, and the page ends with a line end', async (t) => {
  const page = await exposition(new Counters(), status);
  const names = (word: string) =>
    lines(page)
      .filter((line) => line.startsWith(`# ${word} `))
      .map((line) => line.split(' ')[2]);
  t.strictSame(names('HELP'), names('TYPE'));
  t.equal(new Set(names('TYPE')).size, names('TYPE').length);
  for (const name of samples(page).keys())
    t.ok(
      names('TYPE').some((known) => name.startsWith(known ?? '?')),
      name,
    );
  t.match(page, /\n$/);
});

t.test('two pages do not disturb each other', async (t) => {
  const pages = await Promise.all([
    exposition(new Counters(), status),
    exposition(new Counters(), { ...status, reseeds: 9 }),
  ]);
  t.strictSame(
    pages.map((page) => samples(page).get('entropyd_reseeds_total')),
    [4, 9],
  );
});
