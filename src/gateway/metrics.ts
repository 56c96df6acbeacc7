/** What the gateway counts, in plain numbers without allocation; and its metrics page. */
import { type ErrorReason, errorReasons, type RandomSource } from '../apis/api.js';
import { Durations } from '../common/histogram.js';
import {
  addProcessMetrics,
  type Labels,
  type MetricsPage,
  openMetricsPage,
} from '../common/prometheus.js';
import { printablePage } from '../common/terminal.js';
import type { GatewayLimits } from '../config/config.js';

/** Classes of HTTP statuses. No response has one below 200, nor a redirect. */
export const statusClasses = ['2xx', '4xx', '5xx'] as const;

/** Why the gateway ends a connection to make room for others. */
export const endReasons = ['silent', 'unread', 'body'] as const;
export type EndReason = (typeof endReasons)[number];

/** Requests that are no API's: for pages, and what names none. */
const otherApi = 'other';

/** Upper bounds, seconds: a request takes 0.2 ms, and a client waits for a few seconds. */
const durationBounds = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;

/** A key's name in the configuration file. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Zero for each name. */
function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** The counters of one API. */
export class ApiCounters {
  readonly responses = zeros(statusClasses);
  readonly errors: Record<ErrorReason, number> = zeros(errorReasons);
  randomBytes = 0;
  /** Of requests that were given random bytes, from the end of the body to the response. */
  readonly durations = new Durations(durationBounds);

  /**
   * Counts a response, whatever it says.
   * @param size random bytes asked for, which a good response hands out; null: none
   * @param seconds since the whole request was there
   */
  responded(status: number, size: number | null, seconds: number): void {
    this.responses[status < 400 ? '2xx' : status < 500 ? '4xx' : '5xx']++;
    if (size === null || status >= 400) return;
    this.randomBytes += size;
    this.durations.add(seconds);
  }

  /** Counts why a request failed; its response is counted as well. */
  failed(reason: ErrorReason): void {
    this.errors[reason]++;
  }
}

/** The counters of one gateway since it started, and what is in use now. */
export class GatewayCounters {
  /** Connections accepted. */
  connections = 0;
  /** Connections over a limit: closed at once. */
  connectionsRefused = 0;
  /** Failures of the system to give a connection. */
  acceptErrors = 0;
  /** Connections ended to make room for others. */
  readonly connectionsEnded = zeros(endReasons);
  /** Now: requests under way, until their response has left. */
  inFlight = 0;
  /** Now: requests that are parsed and wait until their connection has room for them. */
  requestsWaiting = 0;
  /** Now: bytes of responses that have not left. */
  unsentBytes = 0;
  /** Memory for bodies of requests, bytes. */
  bodyBytes = 0;
  readonly #apis: ReadonlyMap<string, ApiCounters>;
  readonly #other = new ApiCounters();

  /** @param apis their names */
  constructor(apis: readonly string[]) {
    this.#apis = new Map(apis.map((name) => [name, new ApiCounters()]));
  }

  /** The counters by API. */
  get apis(): readonly (readonly [name: string, counted: ApiCounters])[] {
    return [...this.#apis];
  }

  /** The same, and last of what is no API's. */
  get all(): readonly (readonly [name: string, counted: ApiCounters])[] {
    return [...this.#apis, [otherApi, this.#other]];
  }

  /** @param api its name; undefined: a page, or what names no API */
  of(api: string | undefined): ApiCounters {
    return (api === undefined ? undefined : this.#apis.get(api)) ?? this.#other;
  }
}

// The page: the daemon's metrics, then the gateway's, which are alone if the daemon does not answer.

/** Well below the 10 s that Prometheus waits: without the daemon's page it still gets the gateway's. */
const daemonTimeoutMs = 2_000;

/** What the page shows, read at each scrape. */
export interface GatewayFigures {
  readonly counters: GatewayCounters;
  /** Open now, on all listeners. */
  readonly connectionsOpen: number;
  readonly limits: GatewayLimits;
  /** Whether any well-formed signature or token is accepted. */
  readonly isOpen: boolean;
  /** Dropped lines of the audit log; undefined: there is no audit log. */
  readonly auditDropped: number | undefined;
  /** When the first certificate of the chain expires, seconds since 1970; undefined: no TLS. */
  readonly certificateExpiry: number | undefined;
  /** Each adds what an API counts itself. */
  readonly own: readonly ((page: MetricsPage) => void)[];
}

/**
 * The page at `/metrics`.
 * @param client the daemon; that it does not answer is a metric too
 * @returns Prometheus text format 0.0.4
 */
export async function gatewayMetrics(
  client: Pick<RandomSource, 'metrics'>,
  figures: GatewayFigures,
): Promise<string> {
  const daemon = await client.metrics({ timeoutMs: daemonTimeoutMs }).catch(() => undefined);
  const page = await openMetricsPage();
  addProcessMetrics(page, 'entropyd_gateway_');
  page.gauge(
    'entropyd_gateway_daemon_up',
    '1 if the daemon answered this scrape',
    Number(daemon !== undefined),
  );
  addRequests(page, figures.counters);
  addRest(page, figures);
  return printablePage(daemon ?? '') + (await page.text());
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

function addRest(page: MetricsPage, figures: GatewayFigures): void {
  const { counters, connectionsOpen, isOpen, limits, auditDropped, certificateExpiry, own } =
    figures;
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
  for (const add of own) add(page);
}
