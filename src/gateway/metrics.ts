/** The gateway's metrics, behind those of the daemon; without the daemon they stand alone. */

import { apiNames, type RandomSource } from '../apis/api.js';
import { errorReasons } from '../apis/error-reasons.js';
import {
  addProcessMetrics,
  type Labels,
  type MetricsPage,
  openMetricsPage,
} from '../common/prometheus.js';
import {
  type ApiCounters,
  apiLabels,
  type GatewayCounters,
  statusClasses,
  upstreamOutcomes,
} from './counters.js';

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
  page.gauge('entropyd_gateway_requests_running', 'Requests under way', counters.running);
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
    'entropyd_gateway_answer_seconds',
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
