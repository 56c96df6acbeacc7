/** The daemon's metrics: its counters, its limits and the generator's state as one page. */

import { socketErrorCodes } from '../common/errors.js';
import { type SourceReport, sourceStates } from '../common/package.js';
import {
  addProcessMetrics,
  enumeration,
  type Labels,
  type MetricsPage,
  openMetricsPage,
} from '../common/prometheus.js';
import type { Limits } from '../config/config.js';
import { type Generator, type GeneratorStatus, generatorStates } from '../generator/interface.js';
import type { Counters } from './activity.js';

/** Prometheus' base unit of a share is a ratio; promtool takes no bits. */
const bitsPerByte = 8;

/** What the page tells of. */
export interface DaemonFigures {
  readonly counters: Counters;
  readonly generator: Pick<Generator, 'status'>;
  readonly limits: Pick<Limits, 'connections'>;
}

/**
 * The daemon's page, as the method `metrics` answers it.
 * @returns Prometheus text format 0.0.4
 */
export async function daemonMetrics(figures: DaemonFigures): Promise<string> {
  const page = await openMetricsPage();
  const status = figures.generator.status();
  addProcessMetrics(page, 'entropyd_');
  addGenerator(page, status);
  addService(page, figures);
  addSources(page, status.sources);
  return page.text();
}

function addGenerator(page: MetricsPage, status: GeneratorStatus): void {
  const { state, healthy, memoryLocked, reseeds } = status;
  page.gauge(
    'entropyd_state',
    '1 for the state that the generator is in, 0 for the others',
    enumeration('state', generatorStates, state),
  );
  page.gauge(
    'entropyd_healthy',
    '1 if bytes are served from health-tested sources that are all there',
    Number(healthy),
  );
  page.gauge(
    'entropyd_memory_locked',
    "1 if the generator's buffers are locked in RAM",
    Number(memoryLocked),
  );
  page.counter('entropyd_reseeds_total', 'Seeds of the DRBG, the first included', reseeds);
  page.gauge(
    'entropyd_requests_since_reseed',
    'Generates of the DRBG since its last seed',
    status.requestsSinceReseed,
  );
  // What was never seeded has no age.
  page.gauge(
    'entropyd_reseed_age_seconds',
    "Time since the DRBG's last seed, by a clock that cannot be set",
    reseeds === 0 ? [] : status.secondsSinceReseed,
  );
}

function addService(page: MetricsPage, { counters, limits }: DaemonFigures): void {
  page.gauge('entropyd_connections_open', 'Connections open now', counters.connectionsOpen);
  page.gauge('entropyd_connections_limit', 'Connections that may be open', limits.connections);
  page.counter('entropyd_connections_total', 'Connections accepted', counters.connections);
  page.counter(
    'entropyd_connections_refused_total',
    'Connections closed at once, because there were too many',
    counters.connectionsRefused,
  );
  page.counter('entropyd_requests_total', 'Requests of any method', counters.requests);
  page.counter('entropyd_random_bytes_total', 'Random bytes handed out', counters.randomBytes);
  page.counter(
    'entropyd_errors_total',
    'Requests refused, by error code',
    socketErrorCodes.map((code) => [{ code }, counters.errors.get(code) ?? 0]),
  );
  page.histogram(
    'entropyd_request_duration_seconds',
    'Time from a read to its last write',
    counters.serving(),
  );
}

function addSources(page: MetricsPage, sources: readonly SourceReport[]): void {
  page.gauge(
    'entropyd_source_state',
    '1 for the state that the noise source is in, 0 for the others',
    sources.flatMap(({ name, state }) =>
      enumeration('state', sourceStates, state, { source: name }),
    ),
  );
  const there = sources.filter(({ state }) => state !== 'absent');
  const each = (value: (source: SourceReport) => number) =>
    there.map((source): [Labels, number] => [{ source: source.name }, value(source)]);
  page.gauge(
    'entropyd_source_passing',
    '1 if the noise source passes its health tests',
    each(({ state }) => Number(state === 'passing')),
  );
  page.gauge(
    'entropyd_source_credited_entropy_ratio',
    'Min-entropy credited to seeds, of the samples',
    each(({ creditedBitsPerByte }) => creditedBitsPerByte / bitsPerByte),
  );
  page.gauge(
    'entropyd_source_tested_entropy_ratio',
    'Min-entropy that the health tests assume, of the samples',
    each(({ testedBitsPerByte }) => testedBitsPerByte / bitsPerByte),
  );
  page.gauge(
    'entropyd_source_read_bytes_per_second',
    'Speed of the noise source while it was being read',
    each(({ bytesPerSecond }) => bytesPerSecond),
  );
  page.counter(
    'entropyd_source_bytes_total',
    'Raw samples read, bytes',
    each(({ bytes }) => bytes),
  );
  page.counter(
    'entropyd_source_reads_total',
    'Reads of raw samples',
    each(({ reads }) => reads),
  );
  page.counter(
    'entropyd_source_retries_total',
    'Reads repeated, because they gave nothing or too little',
    each(({ retries }) => retries),
  );
  page.counter(
    'entropyd_source_alarms_total',
    'Health test alarms',
    each(({ alarms }) => alarms),
  );
}
