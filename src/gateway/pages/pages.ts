/**
 * The pages for people and their monitoring: `/` and its files, `/status`, `/metrics` and `/healthz`.
 */

import type { Answer, RandomSource, Route } from '../../apis/api.js';
import type { Dialect } from '../../apis/huawei-kms/format.js';
import { EntropyError } from '../../common/errors.js';
import { version } from '../../common/package.js';
import type { Access } from '../auth/credentials.js';
import { isPageHost } from '../browser-guard.js';
import { type Call, callsFor } from './calls.js';
import { type PageFiles, pageFiles, pageHeaders, renderPage } from './front-page.js';

/** GET and HEAD have no body. */
const bodyLimitBytes = 0;

const plainText = 'text/plain; charset=utf-8';
const html = 'text/html; charset=utf-8';
const json = 'application/json';
/** Prometheus text exposition format. */
const exposition = 'text/plain; version=0.0.4; charset=utf-8';

/** What pages show, and `/` itself. */
const paths: readonly string[] = ['/', '/status', '/metrics', '/healthz'];

/** Where the files of `/` are. */
const filePrefix = '/page/';

/** By the end of a file's name. The template is no file of its own. */
const fileTypes: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Commands for AWS name a region; any will do where none is wanted. */
const anyRegion = 'eu-central-1';

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
  /** The addresses that are open, as `--listen` takes them. */
  readonly listen?: () => readonly string[];
}

/**
 * Whether a request wants a page.
 * @returns false also for these paths with any other method: an API answers then
 */
export function isPage(method: string, path: string): boolean {
  return (
    (method === 'GET' || method === 'HEAD') && (paths.includes(path) || path.startsWith(filePrefix))
  );
}

/**
 * The pages.
 * @param options see {@link PagesOptions}
 * @returns a route for requests that {@link isPage} accepts
 */
export function pagesRoute(options: PagesOptions): Route {
  const { client, dialect, access, pageHosts = [], listen = () => [] } = options;
  const metrics = options.metrics ?? (() => client.metrics());
  const health = async () => {
    const { state, reason } = await client.health().catch(unreachable);
    return { state, reason: reason === '' && !serving.has(state) ? notYet : reason };
  };

  /** What a reader of the daemon's status wants to know of this gateway. */
  const gateway = () => ({
    version,
    dialect,
    verifies: access.credentials !== undefined,
    listen: listen(),
  });

  async function statusPage(): Promise<Answer<string>> {
    try {
      const status = await client.status();
      return page(200, json, JSON.stringify({ ...status, gateway: gateway() }));
    } catch (error) {
      const { state, reason } = unreachable(error);
      return page(503, json, JSON.stringify({ state, reason, gateway: gateway() }));
    }
  }

  async function frontPage(host: string, accept: string): Promise<Answer<string>> {
    const { state, reason } = await health();
    const url = `${options.isTls ? 'https' : 'http'}://${host}`;
    const calls = callsFor({
      url,
      dialect,
      verifies: access.credentials !== undefined,
      region: access.regions[0] ?? anyRegion,
      socketPath: listen()
        .find((address) => address.startsWith('unix:'))
        ?.slice('unix:'.length),
    });
    // Every browser asks for HTML; curl, which does not, writes to a terminal.
    if (!accept.includes('text/html'))
      return page(200, plainText, frontText(state, reason, accessText(access), calls));
    const { 'index.html': template } = await pageFiles();
    const view = { state, reason, url, access: accessText(access), calls };
    return page(200, html, renderPage(template, view));
  }

  return {
    bodyLimitBytes,
    async answer({ path, local, headers: { host, accept = '' } }) {
      if (host === undefined || !isPageHost(host, pageHosts, local))
        return page(
          403,
          plainText,
          'Pages answer under localhost or a loopback address where only this host can connect, and under configured names.\n',
        );
      if (path === '/metrics') return page(200, exposition, await metrics());
      if (path === '/status') return statusPage();
      if (path === '/') return frontPage(host, accept);
      if (path.startsWith(filePrefix)) return filePage(path.slice(filePrefix.length));
      const { state, reason } = await health();
      return page(serving.has(state) ? 200 : 503, json, JSON.stringify({ state, reason }));
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

/** In `seeding`, the generator has no reason once all tests have passed. */
const notYet = 'the first samples are being gathered';

/** A daemon that does not answer is a state too, to people and to monitoring. */
function unreachable(error: unknown): Awaited<ReturnType<RandomSource['health']>> {
  const reason = error instanceof EntropyError ? error.message : 'internal error';
  return { state: 'unreachable', healthy: false, reason };
}

function accessText({ credentials }: Access): string {
  return credentials === undefined
    ? 'any well-formed signature or token is accepted'
    : 'signatures and tokens are verified';
}

/** The same for a terminal. */
function frontText(state: string, reason: string, access: string, calls: readonly Call[]): string {
  return `entropyd gateway
state: ${reason === '' ? state : `${state}: ${reason}`}
${access}

${calls.map(({ title, note, command }) => `${title}: ${note}\n  ${command}\n`).join('\n')}
/healthz  200 while bytes are served, else 503
/status   all that the daemon says of itself, in JSON
/metrics  Prometheus text format
`;
}

async function filePage(name: string): Promise<Answer<string>> {
  const type = fileTypes[name.slice(name.lastIndexOf('.') + 1)];
  const files: Partial<PageFiles> = await pageFiles();
  const text = Object.hasOwn(files, name) ? files[name as keyof PageFiles] : undefined;
  if (type === undefined || text === undefined) return page(404, plainText, 'no such file\n');
  return page(200, type, text);
}

function page(status: number, contentType: string, body: string): Answer<string> {
  return { status, headers: { ...pageHeaders, 'Content-Type': contentType }, body };
}
