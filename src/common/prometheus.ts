/** A page of metrics in Prometheus' text format 0.0.4, of values that were counted elsewhere. */
import type { Metric } from 'prom-client';
import type { DurationCounts } from './histogram.js';
import { version } from './package.js';

/** Names and values; no value may come from a client, which could then make any number of series. */
export type Labels = Readonly<Record<string, string>>;

/** One value, or one for each set of labels; all sets of a metric have the same names. */
export type Samples<Value> = Value | readonly (readonly [Labels, Value])[];

/** A page that is being written; a metric without samples is left out. */
export interface MetricsPage {
  gauge(name: string, help: string, samples: Samples<number>): void;
  /** @param name ends with `_total` */
  counter(name: string, help: string, samples: Samples<number>): void;
  histogram(name: string, help: string, samples: Samples<DurationCounts>): void;
  /** The whole page; ends with a line end. */
  text(): Promise<string>;
}

/** An enumeration as Prometheus has it: a series for each value, 1 for the one in force. */
export function enumeration<Value extends string>(
  label: string,
  values: readonly Value[],
  current: Value,
  others: Labels = {},
): (readonly [Labels, number])[] {
  return values.map((value) => [{ ...others, [label]: value }, value === current ? 1 : 0]);
}

/** An empty page. Loads the metrics library at the first call. */
export async function openMetricsPage(): Promise<MetricsPage> {
  const { default: prometheus } = await import('prom-client');
  const registry = new prometheus.Registry();
  const registers = [registry];
  return {
    gauge(name, help, samples) {
      const all = labelled(samples);
      if (all.length === 0) return;
      const metric = new prometheus.Gauge({ name, help, labelNames: namesOf(all), registers });
      for (const [labels, value] of all) metric.set(labels, value);
    },
    counter(name, help, samples) {
      const all = labelled(samples);
      if (all.length === 0) return;
      const metric = new prometheus.Counter({ name, help, labelNames: namesOf(all), registers });
      for (const [labels, value] of all) metric.inc(labels, value);
    },
    histogram(name, help, samples) {
      const values = labelled(samples).flatMap(([labels, counts]) => series(name, labels, counts));
      // The library's own histogram takes samples one by one; of a metric that is registered it wants
      // no more than this.
      const metric = { name, get: async () => ({ name, help, type: 'histogram', values }) };
      if (values.length > 0) registry.registerMetric(metric as unknown as Metric);
    },
    text: () => registry.metrics(),
  };
}

function labelled<Value>(samples: Samples<Value>): readonly (readonly [Labels, Value])[] {
  return Array.isArray(samples) ? samples : [[{}, samples as Value]];
}

function namesOf(samples: readonly (readonly [Labels, unknown])[]): string[] {
  return [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))];
}

/** The text format's histogram: buckets are cumulative, and the last one is all samples. */
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

// What both programs say of their own process.

const microsecond = 1e-6;
const millisecond = 1e-3;

/**
 * Build, start, processor time and memory. The names are the program's own, not the plain `process_`
 * of other exporters: the gateway's page holds the daemon's as well.
 * @param prefix `entropyd_` or `entropyd_gateway_`
 */
export function addProcessMetrics(page: MetricsPage, prefix: string): void {
  const { node, openssl } = process.versions;
  const { user, system } = process.cpuUsage();
  page.gauge(`${prefix}build_info`, 'Always 1; the versions are in the labels', [
    [{ version, node, openssl }, 1],
  ]);
  page.gauge(
    `${prefix}process_start_time_seconds`,
    'When the process started, seconds since 1970',
    performance.timeOrigin * millisecond,
  );
  page.counter(
    `${prefix}process_cpu_seconds_total`,
    'Processor time of the process, user and system',
    (user + system) * microsecond,
  );
  page.gauge(
    `${prefix}process_resident_memory_bytes`,
    'Resident memory of the process',
    process.memoryUsage.rss(),
  );
}
