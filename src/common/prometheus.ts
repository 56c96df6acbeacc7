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

/** A page in progress. A metric without samples is left out. */
export interface MetricsPage {
  gauge(name: string, help: string, samples: Samples<number>): void;
  /** @param name ends with `_total`; given again, with other values of its labels, it has all samples */
  counter(name: string, help: string, samples: Samples<number>): void;
  histogram(name: string, help: string, samples: Samples<DurationCounts>): void;
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
export async function openMetricsPage(): Promise<MetricsPage> {
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
 * Adds build, start time, CPU time, memory and lost lines of this process. They have the program's prefix
 * instead of the usual plain `process_`, because the gateway's page also contains the daemon's
 * metrics.
 * @param prefix `entropyd_` or `entropyd_gateway_`
 */
export function addProcessMetrics(page: MetricsPage, prefix: string): void {
  const { node, openssl } = process.versions;
  const { user, system } = process.cpuUsage();
  page.gauge(`${prefix}build_info`, 'Always 1; the labels have the versions', [
    [{ version, node, openssl }, 1],
  ]);
  page.gauge(
    `${prefix}process_start_time_seconds`,
    'Start of the process, seconds since 1970',
    performance.timeOrigin * millisecond,
  );
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
