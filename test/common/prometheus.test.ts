import t from 'tap';
import { Durations } from '../../src/common/histogram.js';
import { version } from '../../src/common/package.js';
import {
  addProcessMetrics,
  enumeration,
  openMetricsPage,
  recordMetrics,
  replay,
  sum,
} from '../../src/common/prometheus.js';
import { samplesOf } from '../support/metrics-page.js';

t.test('each kind of metric has its help, its type and its samples', async (t) => {
  const page = await openMetricsPage();
  page.gauge('x_bytes', 'Bytes of x', 7);
  page.counter('x_total', 'Times of x', [
    [{ kind: 'a' }, 0],
    [{ kind: 'b' }, 2],
  ]);
  t.equal(
    await page.text(),
    `# HELP x_bytes Bytes of x
# TYPE x_bytes gauge
x_bytes 7

# HELP x_total Times of x
# TYPE x_total counter
x_total{kind="a"} 0
x_total{kind="b"} 2
`,
  );
});

t.test('the buckets of a histogram are cumulative, and the last has all samples', async (t) => {
  const durations = new Durations([0.000_005, 0.000_01, 2.5]);
  for (const seconds of [0, 0.25, 0.25, 4]) durations.add(seconds);
  const page = await openMetricsPage();
  page.histogram('x_seconds', 'Time of x', [[{ api: 'a' }, durations.counts()]]);
  t.equal(
    await page.text(),
    `# HELP x_seconds Time of x
# TYPE x_seconds histogram
x_seconds_bucket{api="a",le="0.000005"} 1
x_seconds_bucket{api="a",le="0.00001"} 1
x_seconds_bucket{api="a",le="2.5"} 3
x_seconds_bucket{api="a",le="+Inf"} 4
x_seconds_sum{api="a"} 4.5
x_seconds_count{api="a"} 4
`,
  );
});

t.test('a histogram without labels has only the label of its buckets', async (t) => {
  const page = await openMetricsPage();
  page.histogram('x_seconds', 'Time of x', new Durations([1]).counts());
  t.strictSame(
    [...samplesOf(await page.text()).keys()],
    ['x_seconds_bucket{le="1"}', 'x_seconds_bucket{le="+Inf"}', 'x_seconds_sum', 'x_seconds_count'],
  );
});

t.test('a metric without samples is left out', async (t) => {
  const page = await openMetricsPage();
  page.gauge('a', 'A', []);
  page.counter('b_total', 'B', []);
  page.histogram('c_seconds', 'C', []);
  page.gauge('d', 'D', 1);
  t.equal(await page.text(), '# HELP d D\n# TYPE d gauge\nd 1\n');
});

t.test('the value of a label is escaped', async (t) => {
  const page = await openMetricsPage();
  page.gauge('x', 'X', [[{ name: 'a"} 9\nb\\' }, 1]]);
  t.match(await page.text(), 'x{name="a\\"} 9\\nb\\\\"} 1\n');
});

t.test('parts of a program add their own series to one counter', async (t) => {
  const page = await openMetricsPage();
  page.counter('x_total', 'X', [[{ part: 'a' }, 1]]);
  page.counter('x_total', 'X', [[{ part: 'b' }, 2]]);
  t.equal(
    await page.text(),
    '# HELP x_total X\n# TYPE x_total counter\nx_total{part="a"} 1\nx_total{part="b"} 2\n',
  );
  page.counter('y_total', 'Y', 1);
  t.throws(() => page.counter('y_total', 'Y', 1), 'without labels there is one value');
});

t.test('an invalid name throws, and so does a name that is used twice', async (t) => {
  const page = await openMetricsPage();
  t.throws(() => page.gauge('no-name', 'X', 1));
  page.gauge('x', 'X', 1);
  t.throws(() => page.counter('x', 'X', 1));
});

t.test('an enumeration is 1 for the current value, and 0 for the others', async (t) => {
  t.strictSame(enumeration('state', ['up', 'down'], 'down', { source: 's' }), [
    [{ source: 's', state: 'up' }, 0],
    [{ source: 's', state: 'down' }, 1],
  ]);
});

t.test(
  'a process reports its build, start, CPU time, memory and lost lines of its log',
  async (t) => {
    const page = await openMetricsPage();
    addProcessMetrics(page, 'entropyd_test_');
    const found = samplesOf(await page.text());
    const { node, openssl } = process.versions;
    t.equal(
      found.get(
        `entropyd_test_build_info{version="${version}",node="${node}",openssl="${openssl}"}`,
      ),
      1,
    );
    const started = found.get('entropyd_test_process_start_time_seconds') ?? 0;
    t.equal(started, performance.timeOrigin * 1e-3);
    const cpu = found.get('entropyd_test_process_cpu_seconds_total') ?? 0;
    const { user, system } = process.cpuUsage();
    t.ok(cpu > 0 && cpu <= (user + system) / 1e6, `${cpu} s`);
    const memory = found.get('entropyd_test_process_resident_memory_bytes') ?? 0;
    t.ok(memory > 2 ** 24 && memory < 2 ** 32, `${memory} bytes`);
    t.equal(found.get('entropyd_test_log_dropped_total'), 0);
  },
);

t.test('metrics of several processes are added by name and labels', async (t) => {
  const recordedBy = (value: number, kind: string) => {
    const page = recordMetrics();
    const durations = new Durations([1]);
    durations.add(value);
    page.gauge('x_bytes', 'Bytes of x', value);
    page.counter('x_total', 'Times of x', [
      [{ kind: 'a', api: 'b' }, value],
      [{ api: 'b', kind }, 10],
    ]);
    page.histogram('x_seconds', 'Time of x', durations.counts());
    page.counter('nothing_total', 'Nothing', []);
    return JSON.parse(JSON.stringify(page.recorded));
  };
  const page = await openMetricsPage();
  replay(sum([recordedBy(1, 'c'), [], recordedBy(2, 'd')]), page);
  const text = await page.text();
  t.strictSame(
    [...samplesOf(text)],
    [
      ['x_bytes', 3],
      ['x_total{kind="a",api="b"}', 3],
      ['x_total{api="b",kind="c"}', 10],
      ['x_total{api="b",kind="d"}', 10],
      ['x_seconds_bucket{le="1"}', 1],
      ['x_seconds_bucket{le="+Inf"}', 2],
      ['x_seconds_sum', 3],
      ['x_seconds_count', 2],
    ],
  );
  t.notMatch(text, /nothing_total/);
});
