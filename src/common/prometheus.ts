/** Metrics pages in Prometheus' text format 0.0.4, from values that were counted elsewhere. */
import type { Metric } from 'prom-client';
import type { DurationCounts } from './histogram.js';
import { errorOutput } from './line-output.js';
import { version } from './package.js';

/**
 * Label names and values. No value may come from a client, which could then create any number of
 * series.
 */
export type Labels = Readonly<Record<string, string>>;

/** One value, or one for each set of labels. All sets of a metric have the same names. */
export type Samples<Value> = Value | readonly (readonly [Labels, Value])[];

/** Takes metrics. One without samples is left out. */
export interface MetricsPage {
  gauge(name: string, help: string, samples: Samples<number>): void;
  /** @param name ends with `_total`; given again, with other values of its labels, it has all samples */
  counter(name: string, help: string, samples: Samples<number>): void;
  histogram(name: string, help: string, samples: Samples<DurationCounts>): void;
}

/** A page in progress. */
export interface TextPage extends MetricsPage {
  /** @returns the whole page; ends with a line feed */
  text(): Promise<string>;
}

/** What makes a page. All of the library would also load its cluster and its default metrics: 1.7 MiB. */
async function load() {
  const [registry, counter, gauge] = await Promise.all([
    import('prom-client/lib/registry.js'),
    import('prom-client/lib/counter.js'),
    import('prom-client/lib/gauge.js'),
  ]);
  return { Registry: registry.default, Counter: counter.default, Gauge: gauge.default };
}

/** Kept, because Node looks for the files at every `import()`, and they may be gone by then. */
let library: Awaited<ReturnType<typeof load>> | undefined;

/** Starts an empty page. Loads the metrics library at the first call. */
export async function openMetricsPage(): Promise<TextPage> {
  library ??= await load();
  const prometheus = library;
  const registry = new prometheus.Registry();
  const registers = [registry];
  return {
    gauge(name, help, samples) {
      const all = labeled(samples);
      if (all.length === 0) return;
      const metric = new prometheus.Gauge({ name, help, labelNames: namesOf(all), registers });
      for (const [labels, value] of all) metric.set(labels, value);
    },
    counter(name, help, samples) {
      const all = labeled(samples);
      if (all.length === 0) return;
      const labelNames = namesOf(all);
      const given = labelNames.length === 0 ? undefined : registry.getSingleMetric(name);
      const metric =
        given instanceof prometheus.Counter
          ? given
          : new prometheus.Counter({ name, help, labelNames, registers });
      for (const [labels, value] of all) metric.inc(labels, value);
    },
    histogram(name, help, samples) {
      const values = labeled(samples).flatMap(([labels, counts]) => series(name, labels, counts));
      // The library's own histogram accepts single samples only. A registered metric needs no more
      // than these two members.
      const metric = { name, get: async () => ({ name, help, type: 'histogram', values }) };
      if (values.length > 0) registry.registerMetric(metric as unknown as Metric);
    },
    text: () => registry.metrics(),
  };
}

/** A metric as data, which another process can add to its page. */
export type Recorded = {
  readonly name: string;
  readonly help: string;
} & (
  | { readonly type: 'gauge' | 'counter'; readonly samples: readonly (readonly [Labels, number])[] }
  | { readonly type: 'histogram'; readonly samples: readonly (readonly [Labels, DurationCounts])[] }
);

/** Keeps what is written to it. */
export function recordMetrics(): MetricsPage & { readonly recorded: Recorded[] } {
  const recorded: Recorded[] = [];
  return {
    recorded,
    gauge: (name, help, samples) =>
      void recorded.push({ type: 'gauge', name, help, samples: labeled(samples) }),
    counter: (name, help, samples) =>
      void recorded.push({ type: 'counter', name, help, samples: labeled(samples) }),
    histogram: (name, help, samples) =>
      void recorded.push({ type: 'histogram', name, help, samples: labeled(samples) }),
  };
}

/** Writes recorded metrics to a page. */
export function replay(recorded: readonly Recorded[], page: MetricsPage): void {
  for (const { name, help, ...metric } of recorded)
    if (metric.type === 'histogram') page.histogram(name, help, metric.samples);
    else page[metric.type](name, help, metric.samples);
}

/**
 * Adds metrics of several processes: the samples with the same name and labels, gauges too. So record no
 * gauge that says the same of each process.
 * @param all histograms of one name have the same bounds
 */
export function sum(all: readonly (readonly Recorded[])[]): Recorded[] {
  const metrics = new Map<string, { metric: Recorded; samples: Map<string, [Labels, unknown]> }>();
  for (const metric of all.flat()) {
    const known = metrics.get(metric.name) ?? { metric, samples: new Map() };
    metrics.set(metric.name, known);
    for (const [labels, value] of metric.samples) {
      const key = JSON.stringify(Object.entries(labels).sort());
      const before = known.samples.get(key)?.[1];
      known.samples.set(key, [labels, before === undefined ? value : added(before, value)]);
    }
  }
  return [...metrics.values()].map(
    ({ metric, samples }) => ({ ...metric, samples: [...samples.values()] }) as Recorded,
  );
}

function added(one: unknown, other: unknown): number | DurationCounts {
  if (typeof one === 'number') return one + (other as number);
  const [a, b] = [one as DurationCounts, other as DurationCounts];
  return {
    bounds: a.bounds,
    buckets: a.buckets.map((samples, i) => samples + (b.buckets[i] ?? 0)),
    seconds: a.seconds + b.seconds,
    count: a.count + b.count,
  };
}

function labeled<Value>(samples: Samples<Value>): readonly (readonly [Labels, Value])[] {
  return Array.isArray(samples) ? samples : [[{}, samples as Value]];
}

function namesOf(samples: readonly (readonly [Labels, unknown])[]): string[] {
  return [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))];
}

/** The series of a histogram: cumulative buckets, the last with all samples; sum; count. */
function series(name: string, labels: Labels, { bounds, buckets, seconds, count }: DurationCounts) {
  let total = 0;
  return [
    ...buckets.map((samples, i) => {
      total += samples;
      const le = bounds[i] === undefined ? '+Inf' : String(bounds[i]);
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total };
    }),
    { metricName: `${name}_sum`, labels, value: seconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/**
 * Samples of an enumeration, by Prometheus' convention: a series for each value, 1 for the current
 * one and 0 for the others.
 * @param others further labels of every series
 */
export function enumeration<Value extends string>(
  label: string,
  values: readonly Value[],
  current: Value,
  others: Labels = {},
): (readonly [Labels, number])[] {
  return values.map((value) => [{ ...others, [label]: value }, value === current ? 1 : 0]);
}

const microsecond = 1e-6;
const millisecond = 1e-3;

/**
 * Adds build and start time of this process. They have the program's prefix instead of the usual plain
 * `process_`, because the gateway's page also contains the daemon's metrics.
 * @param prefix `entropyd_` or `entropyd_gateway_`
 */
export function addBuildMetrics(page: MetricsPage, prefix: string): void {
  const { node, openssl } = process.versions;
  page.gauge(`${prefix}build_info`, 'Always 1; the labels have the versions', [
    [{ version, node, openssl }, 1],
  ]);
  page.gauge(
    `${prefix}process_start_time_seconds`,
    'Start of the process, seconds since 1970',
    performance.timeOrigin * millisecond,
  );
}

/** Adds both: {@link addBuildMetrics} and {@link addUsageMetrics}. */
export function addProcessMetrics(page: MetricsPage, prefix: string): void {
  addBuildMetrics(page, prefix);
  addUsageMetrics(page, prefix);
}

/** Adds what this process uses, which may be added to what others do: CPU time, memory and lost lines. */
export function addUsageMetrics(page: MetricsPage, prefix: string): void {
  const { user, system } = process.cpuUsage();
  page.counter(
    `${prefix}process_cpu_seconds_total`,
    'User and system CPU time of the process',
    (user + system) * microsecond,
  );
  page.gauge(
    `${prefix}process_resident_memory_bytes`,
    'Resident memory of the process',
    process.memoryUsage.rss(),
  );
  page.counter(
    `${prefix}log_dropped_total`,
    'Lines of the log that were dropped because standard error did not take them',
    errorOutput.dropped,
  );
}
