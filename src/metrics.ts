/** Plain counters for the hot path, and their exposition in Prometheus' text format. */
import type { ErrorCode } from './errors.js';
import type { GeneratorStatus } from './generator.js';

/** Upper bounds of the serving time's buckets, seconds; one sample a read of a socket. */
const servingBounds = [
  0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01,
] as const;

/** How long reads took, in buckets; one sample a read of a socket. */
export interface ServingTimes {
  /** Upper bounds, seconds, ascending. */
  bounds: readonly number[];
  /** Samples by bucket, not cumulative; one more than `bounds`, for what is above. */
  buckets: readonly number[];
  /** Sum of all samples, seconds. */
  seconds: number;
  count: number;
}

/** What the server counts; plain numbers, because a request takes less than a microsecond. */
export class Counters {
  connectionsOpen = 0;
  connections = 0;
  requests = 0;
  randomBytes = 0;
  readonly errors = new Map<ErrorCode, number>();
  readonly servingBuckets: number[] = new Array(servingBounds.length + 1).fill(0);
  servingSeconds = 0;
  servingCount = 0;

  error(code: ErrorCode): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  /** One read of a socket, from its arrival to the last write that it caused at once. */
  served(seconds: number): void {
    let bucket = 0;
    while (bucket < servingBounds.length && seconds > (servingBounds[bucket] as number)) bucket++;
    (this.servingBuckets[bucket] as number)++;
    this.servingSeconds += seconds;
    this.servingCount++;
  }

  /** A copy. */
  serving(): ServingTimes {
    return {
      bounds: servingBounds,
      buckets: [...this.servingBuckets],
      seconds: this.servingSeconds,
      count: this.servingCount,
    };
  }
}

const states = ['seeding', 'operational', 'degraded', 'error', 'fallback'] as const;

/**
 * The metrics page. Loads the metrics library at the first call.
 * @returns Prometheus text format 0.0.4
 */
export async function exposition(counters: Counters, status: GeneratorStatus): Promise<string> {
  const { default: prometheus } = await import('prom-client');
  const registry = new prometheus.Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, value: number) =>
    new prometheus.Gauge({ name: `entropyd_${name}`, help, registers }).set(value);
  const counter = (name: string, help: string, value: number) =>
    new prometheus.Counter({ name: `entropyd_${name}_total`, help, registers }).inc(value);

  const state = new prometheus.Gauge({
    name: 'entropyd_state',
    help: '1 for the state that the generator is in, 0 for the others',
    labelNames: ['state'],
    registers,
  });
  for (const name of states) state.set({ state: name }, name === status.state ? 1 : 0);

  gauge('connections', 'Connections open now', counters.connectionsOpen);
  counter('connections', 'Connections accepted', counters.connections);
  counter('requests', 'Requests of any method', counters.requests);
  counter('random_bytes', 'Random bytes handed out', counters.randomBytes);
  counter('reseeds', 'Seeds of the DRBG, the first included', status.reseeds);
  const errors = new prometheus.Counter({
    name: 'entropyd_errors_total',
    help: 'Requests refused, by error code',
    labelNames: ['code'],
    registers,
  });
  for (const [code, count] of counters.errors) errors.inc({ code }, count);

  const sourceGauge = (name: string, help: string) =>
    new prometheus.Gauge({
      name: `entropyd_source_${name}`,
      help,
      labelNames: ['source'],
      registers,
    });
  const passing = sourceGauge('passing', '1 if the noise source passes its health tests');
  const credit = sourceGauge('credited_bits_per_byte', 'Min-entropy credited to seeds');
  const sourceCounter = (name: string, help: string) =>
    new prometheus.Counter({
      name: `entropyd_source_${name}_total`,
      help,
      labelNames: ['source'],
      registers,
    });
  const bytes = sourceCounter('bytes', 'Raw samples read, bytes');
  const alarms = sourceCounter('alarms', 'Health test alarms');
  for (const source of status.sources) {
    if (source.state === 'absent') continue;
    const labels = { source: source.name };
    passing.set(labels, source.state === 'passing' ? 1 : 0);
    credit.set(labels, source.creditedBitsPerByte);
    bytes.inc(labels, source.bytes);
    alarms.inc(labels, source.alarms);
  }
  return (await registry.metrics()) + servingHistogram(counters);
}

/** The library's histogram takes samples one by one; these were counted into buckets already. */
function servingHistogram(counters: Counters): string {
  const name = 'entropyd_serving_seconds';
  const lines = [`# HELP ${name} Time from a read to its last write`, `# TYPE ${name} histogram`];
  let total = 0;
  for (const [bucket, count] of counters.servingBuckets.entries()) {
    total += count;
    lines.push(`${name}_bucket{le="${servingBounds[bucket] ?? '+Inf'}"} ${total}`);
  }
  lines.push(`${name}_sum ${counters.servingSeconds}`, `${name}_count ${counters.servingCount}`);
  return `${lines.join('\n')}\n`;
}
