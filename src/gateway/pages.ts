/** The pages for people and their monitoring: `/`, `/metrics` and `/healthz`. */
import { EntropyError } from '../errors.js';
import type { Dialect } from '../formats/gen-random.js';
import type { Access } from './access.js';
import { isPageHost } from './browser-rules.js';
import type { Answer, RandomSource, Route } from './route.js';

/** GET and HEAD have no body. */
const bodyLimitBytes = 0;

const plainText = 'text/plain; charset=utf-8';
const json = 'application/json';
/** Prometheus text exposition format. */
const exposition = 'text/plain; version=0.0.4; charset=utf-8';

/** What the pages are built from. */
export interface PagesOptions {
  readonly client: RandomSource;
  /** The page at `/metrics`, Prometheus text format; default: the daemon's. */
  readonly metrics?: () => Promise<string>;
  readonly dialect: Dialect;
  /** Names under which pages answer, besides localhost and loopback addresses. */
  readonly pageHosts?: readonly string[];
  /** Whether TCP listeners speak TLS. */
  readonly isTls?: boolean;
  /** Whether proofs are verified. */
  readonly access: Access;
}

/**
 * Whether a request wants a page.
 * @returns false also for these paths with any other method: an API answers then
 */
export function isPage(method: string, path: string): boolean {
  return (method === 'GET' || method === 'HEAD') && ['/', '/metrics', '/healthz'].includes(path);
}

/**
 * The pages.
 * @param options see {@link PagesOptions}
 * @returns a route for requests that {@link isPage} accepts
 */
export function pagesRoute(options: PagesOptions): Route {
  const { client, metrics = () => client.metrics(), pageHosts = [] } = options;
  const health = () => client.health().catch(unreachable);
  return {
    bodyLimitBytes,
    async answer({ path, headers: { host } }) {
      if (host === undefined || !isPageHost(host, pageHosts))
        return page(
          403,
          plainText,
          'Pages answer under localhost, a loopback address or a configured name.\n',
        );
      if (path === '/metrics') return page(200, exposition, await metrics());
      const { state, reason } = await health();
      if (path === '/healthz')
        return page(serving.has(state) ? 200 : 503, json, JSON.stringify({ state, reason }));
      return page(
        200,
        plainText,
        statusText(host, reason === '' ? state : `${state}: ${reason}`, options),
      );
    },
    refuse(error) {
      if (!(error instanceof EntropyError)) return page(500, plainText, 'internal error\n');
      const status = error.code === 'ERR_TOO_LARGE' ? 413 : 503;
      return page(status, plainText, `${error.code}: ${error.message}\n`);
    },
  };
}

/** States in which random bytes are served; monitoring tells them apart, a load balancer need not. */
const serving: ReadonlySet<string> = new Set(['operational', 'degraded', 'fallback']);

/** A daemon that does not answer is a state too, to people and to monitoring. */
function unreachable(error: unknown): Awaited<ReturnType<RandomSource['health']>> {
  const reason = error instanceof EntropyError ? error.message : 'internal error';
  return { state: 'unreachable', healthy: false, reason };
}

function statusText(host: string, state: string, { dialect, isTls, access }: PagesOptions): string {
  const url = `${isTls ? 'https' : 'http'}://${host}`;
  const proof =
    access.credentials === undefined
      ? 'any well-formed signature or token is accepted'
      : 'signatures and tokens are verified';
  return `entropyd gateway
state: ${state}
${proof}

AWS KMS GenerateRandom, for the aws command and the AWS SDKs:
  aws kms generate-random --number-of-bytes 32 --endpoint-url ${url}

gen-random of Open Telekom Cloud and Huawei Cloud (dialect ${dialect}):
  curl -H 'X-Auth-Token: TOKEN' -d '{"random_data_length":"512"}' ${url}/v1.0/PROJECT_ID/kms/gen-random

Random bytes as HashiCorp Vault and OpenBao give them:
  curl -X POST -H 'X-Vault-Token: TOKEN' ${url}/v1/sys/tools/random/32

/healthz  200 while bytes are served, else 503
/metrics  Prometheus text format
`;
}

function page(status: number, contentType: string, body: string): Answer<string> {
  return { status, headers: { 'Content-Type': contentType }, body };
}
