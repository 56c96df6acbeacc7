/** What the gateway counts, in plain numbers: a request adds to some, and makes nothing. */
import { type ApiName, apiNames, type Facts, type RandomSource } from '../apis/api.js';
import { type ErrorReason, errorReason, errorReasons } from '../apis/error-reasons.js';
import { Durations } from '../common/histogram.js';
import {
  addProcessMetrics,
  type Labels,
  type MetricsPage,
  openMetricsPage,
} from '../common/prometheus.js';

/** Beside the APIs: pages, and what cannot be told. */
export const apiLabels = [...apiNames, 'other'] as const;

/** Classes of HTTP statuses. No answer has one below 200, nor a redirect. */
export const statusClasses = ['2xx', '4xx', '5xx'] as const;

/** What became of a request to the upstream; `busy`: it was not sent; `abandoned`: the client went. */
export const upstreamOutcomes = [
  'ok',
  'client_error',
  'server_error',
  'no_answer',
  'busy',
  'abandoned',
] as const;

export type UpstreamOutcome = (typeof upstreamOutcomes)[number];

/** Upper bounds, seconds: a request takes a fifth of a millisecond; a client waits for some seconds. */
const answerBounds = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;

/** Zero for each name. */
function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** Of one API. */
export class ApiCounters {
  readonly answers = zeros(statusClasses);
  readonly errors: Record<ErrorReason, number> = zeros(errorReasons);
  randomBytes = 0;
  /** Of requests that were given random bytes, from the end of the body to the answer. */
  readonly times = new Durations(answerBounds);

  /**
   * Counts an answer, whatever it says.
   * @param facts of the request; a size in a good answer is what was handed out
   * @param seconds since the request was there whole
   */
  answered(status: number, { size }: Pick<Facts, 'size'>, seconds: number): void {
    this.answers[status < 400 ? '2xx' : status < 500 ? '4xx' : '5xx']++;
    if (size === null || status >= 400) return;
    this.randomBytes += size;
    this.times.add(seconds);
  }

  /** Counts why a request failed; its answer is counted as well. */
  failed(error: unknown): void {
    this.errors[errorReason(error)]++;
  }
}

/** Of one gateway, since it started; `running` alone goes down. */
export class GatewayCounters {
  /** Accepted. */
  connections = 0;
  /** Beyond a listener's limit: closed. */
  connectionsRefused = 0;
  /** Requests whose answer is not sent. */
  running = 0;
  readonly apis: Readonly<Record<(typeof apiLabels)[number], ApiCounters>> = {
    'aws-kms': new ApiCounters(),
    'huawei-kms': new ApiCounters(),
    vault: new ApiCounters(),
    other: new ApiCounters(),
  };
  readonly upstream = zeros(upstreamOutcomes);

  /** @param api undefined: a page, or what cannot be told */
  of(api: ApiName | undefined): ApiCounters {
    return this.apis[api ?? 'other'];
  }
}

// The gateway's metrics, behind those of the daemon; without the daemon they stand alone.

/** Well below the 10 s that Prometheus waits: without the daemon's page it has the gateway's own. */
const daemonTimeoutMs = 2_000;

/** What the page tells of, read at each scrape. */
export interface GatewayFigures {
  readonly counters: GatewayCounters;
  /** Open now, on all listeners. */
  readonly connectionsOpen: number;
  /** Lines of the audit log that were dropped; undefined: there is no audit log. */
  readonly auditDropped: number | undefined;
  /** When the first certificate of the chain expires, seconds since 1970; undefined: no TLS. */
  readonly certificateExpiry: number | undefined;
  readonly hasUpstream: boolean;
}

/**
 * The page at `/metrics`.
 * @param client the daemon; one that does not answer is a metric too
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
  return (daemon ?? '') + (await page.text());
}

function addRequests(page: MetricsPage, counters: GatewayCounters): void {
  const each = <Value>(value: (counted: ApiCounters) => Value) =>
    apiNames.map((api): [Labels, Value] => [{ api }, value(counters.apis[api])]);
  const eachBy = <Name extends string>(
    label: string,
    names: readonly Name[],
    values: (counted: ApiCounters) => Record<Name, number>,
  ) =>
    apiLabels.flatMap((api) =>
      names.map((name): [Labels, number] => [
        { api, [label]: name },
        values(counters.apis[api])[name],
      ]),
    );
  page.gauge('entropyd_gateway_requests_in_flight', 'Requests under way', counters.running);
  page.counter(
    'entropyd_gateway_requests_total',
    'Requests answered, by API and class of the status',
    eachBy('status', statusClasses, ({ answers }) => answers),
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
    each(({ times }) => times.counts()),
  );
}

function addRest(page: MetricsPage, figures: GatewayFigures): void {
  const { counters, connectionsOpen, auditDropped, certificateExpiry, hasUpstream } = figures;
  page.gauge('entropyd_gateway_connections_open', 'Connections open now', connectionsOpen);
  page.counter('entropyd_gateway_connections_total', 'Connections accepted', counters.connections);
  page.counter(
    'entropyd_gateway_connections_refused_total',
    'Connections closed at once, because there were too many',
    counters.connectionsRefused,
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
  page.counter(
    'entropyd_gateway_upstream_requests_total',
    'Requests sent on to the upstream, by what became of them',
    hasUpstream ? upstreamOutcomes.map((outcome) => [{ outcome }, counters.upstream[outcome]]) : [],
  );
}
