/** What one process answers requests with: its APIs and pages, its limits and counters. */
import type { ApiEntry, Logger, RandomSource } from '../apis/api.js';
import { type ApiSettings, servedApis } from '../apis/list.js';
import { openMetricsPage, type Recorded } from '../common/prometheus.js';
import type { GatewayLimits } from '../config/config.js';
import { createMalformedResponse, type MalformedResponse } from './answer.js';
import type { Audit } from './audit.js';
import type { GatewayAccess } from './auth/credentials.js';
import type { CredentialsFile } from './auth/credentials-file.js';
import { type Openness, warningsOf } from './auth/openness.js';
import { Connections } from './connections.js';
import { createRequestHandler, type RequestHandler } from './exchange.js';
import { GatewayCounters } from './metrics.js';
import { gatewayMetrics, recordProcess } from './metrics-page.js';
import { pageFiles } from './pages/front-page.js';
import { createPages, type PagesOptions } from './pages/pages.js';

/** What a process is given; most of it is the gateway's, and the same for all of its processes. */
export interface ServingOptions extends Pick<PagesOptions, 'listen' | 'workers'> {
  readonly settings: ApiSettings &
    Openness & {
      readonly apis?: readonly string[] | undefined;
      readonly pageHosts?: readonly string[] | undefined;
    };
  readonly client: RandomSource;
  readonly log: Logger;
  readonly access: GatewayAccess;
  readonly audit: Audit | undefined;
  /** The gateway's limits, for its pages. */
  readonly limits: GatewayLimits;
  /** What this process may take of them; default: all. */
  readonly share?: GatewayLimits;
  /** The gateway's metrics besides the daemon's, when a page is asked for. */
  readonly metrics: () => readonly Recorded[] | Promise<readonly Recorded[]>;
}

/** What answers requests; whoever accepts connections hands them over. */
export interface Serving {
  readonly handler: RequestHandler;
  readonly connections: Connections;
  readonly malformed: MalformedResponse;
  /** What is unsafe about the gateway, a sentence each. */
  warnings(): readonly string[];
  /** What this process has counted. */
  figures(): Recorded[];
  /** From now on these credentials and no others. */
  adopt(file: CredentialsFile): void;
  /**
   * Loads what pages need, while descriptors are left: Node keeps a failed import for ever. A page that is
   * not there is no reason not to serve.
   */
  prepare(): Promise<void>;
  /** Ends the APIs. */
  close(): Promise<void>;
}

/**
 * Starts the APIs.
 * @param entries the APIs that there are; `settings.apis` may leave some out
 * @throws EntropyError `ERR_CONFIG`
 */
export function createServing(
  { settings, client, log, access, audit, limits, share = limits, ...options }: ServingOptions,
  entries: readonly ApiEntry[],
): Serving {
  const routes = servedApis(settings.apis, entries).map((entry) => ({
    name: entry.name,
    api: entry.create(settings, log),
  }));
  const apis = routes.map(({ api }) => api);
  const counters = new GatewayCounters(routes.map(({ name }) => name));
  const connections = new Connections(share, counters, log);
  const malformed = createMalformedResponse(apis);
  const warnings = () => warningsOf(settings, access.verifies);
  const pages = createPages({
    client,
    metrics: async () => gatewayMetrics(client, await options.metrics()),
    apis,
    pageHosts: settings.pageHosts,
    warnings,
    isMapped: settings.insecureNetwork,
    isTls: settings.tls !== undefined,
    access,
    limits,
    listen: options.listen,
    audit: () => audit && { required: audit.isRequired, dropped: audit.dropped },
    ...(options.workers && { workers: options.workers }),
  });
  // Pages come first: an API has `/` only for methods that no page has.
  const all = [{ name: undefined, api: pages }, ...routes];
  const common = { client, access, log, audit, counters, connections, malformed };
  return {
    handler: createRequestHandler({ ...common, routes: all }),
    connections,
    malformed,
    warnings,
    figures: () =>
      recordProcess({
        counters,
        connectionsOpen: connections.size,
        own: apis.map((api) => (page) => api.metrics?.(page)),
      }),
    adopt(file) {
      access.adopt(file);
      for (const api of apis) api.forget?.();
    },
    async prepare() {
      await Promise.all([openMetricsPage(), pageFiles().catch(() => {})]);
    },
    async close() {
      for (const api of apis) await api.close?.();
    },
  };
}
