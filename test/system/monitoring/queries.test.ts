import t from 'tap';
import {
  dashboards,
  readAlerts,
  readDashboard,
  readQuery,
  readRecorded,
  withoutVariables,
} from './queries.js';
import { realPage } from './real-page.js';

/** Metrics of Prometheus itself, of node_exporter's textfiles, and of haproxy: those are checked in fleet/. */
const foreign = new Map([
  ['up', ['job', 'instance']],
  ['node_textfile_mtime_seconds', ['job', 'instance', 'file']],
  ['haproxy_server_status', ['proxy', 'server', 'state']],
  ['haproxy_server_check_failures_total', ['proxy', 'server']],
  ['haproxy_server_retry_warnings_total', ['proxy', 'server']],
  ['haproxy_server_redispatch_warnings_total', ['proxy', 'server']],
  ['haproxy_frontend_http_responses_total', ['proxy', 'code']],
]);

/** Labels that Prometheus adds to each series. */
const added = ['job', 'instance'];

/** The page's series: by name, the labels; by label, its values. */
function seriesOf(page: string): Map<string, Map<string, Set<string>>> {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const [, name = '', labels = ''] of page.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const ofName = found.get(name) ?? new Map<string, Set<string>>();
    found.set(name, ofName);
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g))
      ofName.set(label, (ofName.get(label) ?? new Set()).add(value));
  }
  return found;
}

/** Adds the series of the recording rules: what is on their level, with the values of the page. */
function addRecorded(series: ReturnType<typeof seriesOf>): void {
  const page = [...series.values()];
  for (const { record } of readRecorded()) {
    const level = record.split(':')[0]?.split('_') ?? [];
    const labels = level.filter((label) => !added.includes(label));
    const valuesOf = (label: string) => page.find((each) => each.has(label))?.get(label);
    series.set(record, new Map(labels.map((label) => [label, valuesOf(label) ?? new Set()])));
  }
}

/** Faults of a query on hosts whose page has these series, a line each. */
function faults(expr: string, series: ReturnType<typeof seriesOf>): string[] {
  const { selectors, grouping } = readQuery(expr);
  const found: string[] = [];
  const labels = new Set(added);
  for (const { name, matchers } of selectors) {
    const known = series.get(name);
    if (known === undefined && !foreign.has(name)) found.push(`there is no metric ${name}`);
    for (const label of known?.keys() ?? foreign.get(name) ?? []) labels.add(label);
    for (const { label, operator, value } of matchers) {
      if (added.includes(label) || foreign.get(name)?.includes(label)) continue;
      const values = [...(known?.get(label) ?? [])];
      const wanted = operator.endsWith('~') ? value.split('|') : [value];
      for (const each of wanted)
        if (!values.includes(each)) found.push(`${name} has no ${label}="${each}"`);
    }
  }
  for (const label of grouping)
    if (!labels.has(label)) found.push(`no metric of the query has a label ${label}`);
  return found;
}

t.test('rules and dashboards ask for metrics, labels and values that exist', async (t) => {
  const series = seriesOf(await realPage(t));
  t.ok(series.size > 40, `${series.size} names`);
  addRecorded(series);
  const queries = [
    ...readAlerts().map(({ alert, expr }) => [alert, expr]),
    ...readRecorded().map(({ record, expr }) => [record, expr]),
    ...dashboards
      .flatMap((name) => readDashboard(name).panels)
      .flatMap(({ title, targets = [] }) =>
        targets.map(({ expr }) => [title, withoutVariables(expr)]),
      ),
  ] as [string, string][];
  t.ok(queries.length > 60, `${queries.length} queries`);
  // Sources that this machine may lack, and states that only failures bring: the label exists.
  for (const [name, expr] of queries) t.strictSame(faults(expr, series), [], name);
});

t.test('faults of a query are found', async (t) => {
  const series = seriesOf('a_total{code="X"} 1\nb_bucket{le="0.1"} 2\nc 3\n');
  for (const [expr, wanted] of [
    ['rate(a_total{code="X"}[5m])', []],
    ['a_total{code=~"X",job="j"} / on (instance) c', []],
    ['histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m])))', []],
    ['up{job="x"} == 0', []],
    ['rate(d_total[5m])', ['there is no metric d_total']],
    ['a_total{code=~"X|Y"}', ['a_total has no code="Y"']],
    ['a_total{kind="X"}', ['a_total has no kind="X"']],
    ['sum by (code) (c)', ['no metric of the query has a label code']],
  ] as const)
    t.strictSame(faults(expr, series), wanted, expr);
  t.throws(() => readQuery('sum(rate(c[5m])'), /no PromQL/);
});
