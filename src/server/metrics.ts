/** The daemon's Prometheus page: counters, limits and the state of the generator. */
import { socketErrorCodes } from '../common/errors.js';
import { constructions, type SourceReport, sourceStates } from '../common/package.js';
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

/** Entropy is reported as a ratio, Prometheus' base unit of a share: promtool rejects bits. */
const bitsPerByte = 8;

/** Sources of the page's figures. */
export interface DaemonFigures {
  readonly counters: Counters;
  readonly generator: Pick<Generator, 'status'>;
  readonly limits: Pick<Limits, 'connections'>;
}

/**
 * The result of the method `metrics`.
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
    '1 for the current state of the generator, 0 for the others',
    enumeration('state', generatorStates, state),
  );
  page.gauge(
    'entropyd_healthy',
    '1 only in state operational: serving, and no source is lost or failed',
    Number(healthy),
  );
  page.gauge(
    'entropyd_memory_locked',
    "1 if the generator's buffers are locked in RAM",
    Number(memoryLocked),
  );
  page.gauge(
    'entropyd_construction',
    '1 for what the last seed came from (SP 800-90C), 0 for the others; all 0 without a seed',
    enumeration('construction', constructions, status.construction),
  );
  page.counter('entropyd_reseeds_total', 'Seeds of the DRBG, including the first', reseeds);
  page.gauge(
    'entropyd_requests_since_reseed',
    'Generates of the DRBG since its last seed',
    status.requestsSinceReseed,
  );
  // A DRBG that was never seeded has no age.
  page.gauge(
    'entropyd_reseed_age_seconds',
    "Time since the DRBG's last seed, by a monotonic clock",
    reseeds === 0 ? [] : status.secondsSinceReseed,
  );
}

function addService(page: MetricsPage, { counters, limits }: DaemonFigures): void {
  page.gauge('entropyd_connections_open', 'Connections open now', counters.connectionsOpen);
  page.gauge('entropyd_connections_limit', 'Connections that may be open', limits.connections);
  page.counter('entropyd_connections_total', 'Connections accepted', counters.connections);
  page.counter(
    'entropyd_connections_refused_total',
    'Connections refused because there were too many',
    counters.connectionsRefused,
  );
  page.counter(
    'entropyd_connections_without_descriptor_total',
    'Connections refused, among the others, because only the last file descriptors were left',
    counters.connectionsWithoutDescriptor,
  );
  page.counter(
    'entropyd_accept_errors_total',
    'Connections that the system could not accept',
    counters.acceptErrors,
  );
  page.counter('entropyd_requests_total', 'Requests of any method', counters.requests);
  page.counter('entropyd_random_bytes_total', 'Random bytes handed out', counters.randomBytes);
  const { egd, raw } = counters;
  const byProtocol = (value: (counts: typeof egd) => number): [Labels, number][] => [
    [{ protocol: 'rpc' }, value(counters) - value(egd) - value(raw)],
    [{ protocol: 'egd' }, value(egd)],
    [{ protocol: 'raw' }, value(raw)],
  ];
  page.gauge(
    'entropyd_protocol_connections_open',
    'Connections open now, by protocol',
    byProtocol(({ connectionsOpen }) => connectionsOpen),
  );
  page.counter(
    'entropyd_protocol_random_bytes_total',
    'Random bytes handed out, by protocol',
    byProtocol(({ randomBytes }) => randomBytes),
  );
  page.counter(
    'entropyd_mixed_bytes_total',
    'Bytes that clients mixed into the generator, without credit',
    counters.mixedBytes,
  );
  page.counter(
    'entropyd_errors_total',
    'Requests refused, by error code',
    socketErrorCodes.map((code) => [{ code }, counters.errors.get(code) ?? 0]),
  );
  page.histogram(
    'entropyd_request_duration_seconds',
    'Time from a socket read to the last write that it caused',
    counters.serving(),
  );
}

function addSources(page: MetricsPage, sources: readonly SourceReport[]): void {
  page.gauge(
    'entropyd_source_state',
    '1 for the current state of the noise source, 0 for the others',
    sources.flatMap(({ name, state }) =>
      enumeration('state', sourceStates, state, { source: name }),
    ),
  );
  const present = sources.filter(({ state }) => state !== 'absent');
  const each = (value: (source: SourceReport) => number) =>
    present.map((source): [Labels, number] => [{ source: source.name }, value(source)]);
  page.gauge(
    'entropyd_source_passing',
    '1 if the noise source passes its health tests',
    each(({ state }) => Number(state === 'passing')),
  );
  page.gauge(
    'entropyd_source_state_seconds',
    'Time since the noise source entered its state',
    each(({ secondsInState }) => secondsInState),
  );
  page.gauge(
    'entropyd_source_physical',
    '1 if it is a physical noise source (SP 800-90B)',
    each(({ physical }) => Number(physical)),
  );
  page.gauge(
    'entropyd_source_credited_entropy_ratio',
    'Min-entropy credited to seeds, as a share of the sample size',
    each(({ creditedBitsPerByte }) => creditedBitsPerByte / bitsPerByte),
  );
  page.gauge(
    'entropyd_source_tested_entropy_ratio',
    'Min-entropy that the health tests assume, as a share of the sample size',
    each(({ testedBitsPerByte }) => testedBitsPerByte / bitsPerByte),
  );
  page.gauge(
    'entropyd_source_read_bytes_per_second',
    'Speed of the noise source while it is read',
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
    'Reads repeated because they returned nothing or too little',
    each(({ retries }) => retries),
  );
  page.counter(
    'entropyd_source_alarms_total',
    'Health test alarms',
    each(({ alarms }) => alarms),
  );
}
