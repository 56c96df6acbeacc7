/** The gateway's metrics page: the daemon's metrics, then its own, which are alone if the daemon does not answer. */
import { errorReasons, type RandomSource } from '../apis/api.js';
import {
  addBuildMetrics,
  addUsageMetrics,
  type Labels,
  type MetricsPage,
  openMetricsPage,
  type Recorded,
  recordMetrics,
  replay,
} from '../common/prometheus.js';
import { printablePage } from '../common/terminal.js';
import type { GatewayLimits } from '../config/config.js';
import { type ApiCounters, endReasons, type GatewayCounters, statusClasses } from './metrics.js';

/** Well below the 10 s that Prometheus waits: without the daemon's page it still gets the gateway's. */
const daemonTimeoutMs = 2_000;

const prefix = 'entropyd_gateway_';

/** A key's name in the configuration file. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What one process of a gateway counts. Several processes' are added, gauges too. */
export interface ProcessFigures {
  readonly counters: GatewayCounters;
  /** Open now, on all listeners. */
  readonly connectionsOpen: number;
  /** Each adds what an API counts itself. */
  readonly own: readonly ((page: MetricsPage) => void)[];
}

/** What is said once of a gateway, whatever its processes. */
export interface SharedFigures {
  readonly limits: GatewayLimits;
  /** Whether any well-formed signature or token is accepted. */
  readonly isOpen: boolean;
  /** Dropped lines of the audit log; undefined: there is no audit log. */
  readonly auditDropped: number | undefined;
  /** When the first certificate of the chain expires, seconds since 1970; undefined: no TLS. */
  readonly certificateExpiry: number | undefined;
  /** Processes that serve, and how many were replaced; undefined: the gateway is one process. */
  readonly workers?: { readonly running: number; readonly restarts: number } | undefined;
}

/** What a gateway of one process shows, read at each scrape. */
export type GatewayFigures = ProcessFigures & SharedFigures;

/** A gateway of one process, as {@link gatewayMetrics} takes it. */
export function recordGateway(figures: GatewayFigures): Recorded[] {
  return [...recordShared(figures), ...recordProcess(figures)];
}

/**
 * The page at `/metrics`.
 * @param client the daemon; that it does not answer is a metric too
 * @param figures the gateway's own
 * @returns Prometheus text format 0.0.4
 */
export async function gatewayMetrics(
  client: Pick<RandomSource, 'metrics'>,
  figures: readonly Recorded[],
): Promise<string> {
  const daemon = await client.metrics({ timeoutMs: daemonTimeoutMs }).catch(() => undefined);
  const page = await openMetricsPage();
  page.gauge(
    `${prefix}daemon_up`,
    '1 if the daemon answered this scrape',
    Number(daemon !== undefined),
  );
  replay(figures, page);
  return printablePage(daemon ?? '') + (await page.text());
}

/** Records what this process counts. */
export function recordProcess({ counters, connectionsOpen, own }: ProcessFigures): Recorded[] {
  const page = recordMetrics();
  addUsageMetrics(page, prefix);
  addRequests(page, counters);
  page.gauge('entropyd_gateway_connections_open', 'Connections open now', connectionsOpen);
  page.counter('entropyd_gateway_connections_total', 'Connections accepted', counters.connections);
  page.counter(
    'entropyd_gateway_connections_refused_total',
    'Connections closed at once, over a limit',
    counters.connectionsRefused,
  );
  page.counter(
    'entropyd_gateway_accept_errors_total',
    'Connections that the system could not accept',
    counters.acceptErrors,
  );
  page.counter(
    'entropyd_gateway_connections_ended_total',
    'Connections ended to make room: the longest silent, the most unread, the largest body',
    endReasons.map((reason): [Labels, number] => [{ reason }, counters.connectionsEnded[reason]]),
  );
  for (const add of own) add(page);
  return page.recorded;
}

/** Records what holds for the gateway. */
export function recordShared(figures: SharedFigures): Recorded[] {
  const { isOpen, limits, auditDropped, certificateExpiry, workers } = figures;
  const page = recordMetrics();
  addBuildMetrics(page, prefix);
  page.gauge(
    'entropyd_gateway_open',
    '1 if any well-formed signature or token is accepted',
    Number(isOpen),
  );
  page.gauge(
    'entropyd_gateway_limit',
    'Limits in force, by their keys in the configuration',
    Object.entries(limits).flatMap(([name, value]): [Labels, number][] =>
      typeof value === 'number' ? [[{ limit: snakeCase(name) }, value]] : [],
    ),
  );
  page.counter(
    'entropyd_gateway_audit_dropped_total',
    'Lines of the audit log that were dropped',
    auditDropped ?? [],
  );
  page.gauge(
    'entropyd_gateway_certificate_expiry_timestamp_seconds',
    'When the first certificate of the chain expires, seconds since 1970',
    certificateExpiry ?? [],
  );
  page.gauge('entropyd_gateway_workers', 'Processes that serve now', workers?.running ?? 1);
  page.counter(
    'entropyd_gateway_worker_restarts_total',
    'Workers that ended unexpectedly and were replaced',
    workers?.restarts ?? 0,
  );
  return page.recorded;
}

function addRequests(page: MetricsPage, counters: GatewayCounters): void {
  const each = <Value>(value: (counted: ApiCounters) => Value) =>
    counters.apis.map(([api, counted]): [Labels, Value] => [{ api }, value(counted)]);
  const eachBy = <Name extends string>(
    label: string,
    names: readonly Name[],
    values: (counted: ApiCounters) => Record<Name, number>,
  ) =>
    counters.all.flatMap(([api, counted]) =>
      names.map((name): [Labels, number] => [{ api, [label]: name }, values(counted)[name]]),
    );
  page.gauge('entropyd_gateway_requests_in_flight', 'Requests in flight', counters.inFlight);
  page.gauge(
    'entropyd_gateway_requests_waiting',
    'Requests read that wait for earlier ones of their connection',
    counters.requestsWaiting,
  );
  page.gauge(
    'entropyd_gateway_unsent_bytes',
    'Bytes of responses that clients have not read',
    counters.unsentBytes,
  );
  page.gauge(
    'entropyd_gateway_body_bytes',
    'Bytes of memory for bodies of requests',
    counters.bodyBytes,
  );
  page.counter(
    'entropyd_gateway_requests_total',
    'Requests answered, by API and class of the status',
    eachBy('status', statusClasses, ({ responses }) => responses),
  );
  page.counter(
    'entropyd_gateway_errors_total',
    'Requests refused or failed, by API and reason',
    eachBy('reason', errorReasons, ({ errors }) => errors),
  );
  page.counter(
    'entropyd_gateway_random_bytes_total',
    'Random bytes handed out, by API',
    each(({ randomBytes }) => randomBytes),
  );
  page.histogram(
    'entropyd_gateway_request_duration_seconds',
    'Time from a whole request to its random bytes, by API',
    each(({ durations }) => durations.counts()),
  );
}
