/** The pages for people and monitoring: `/` and its files, `/status`, `/history`, `/metrics` and `/healthz`. */
import { hostname } from 'node:os';
import type { Access, Api, ApiResponse, Head, RandomSource } from '../../apis/api.js';
import { errorReason, thrownBy } from '../../apis/toolkit.js';
import { Cached } from '../../common/cached.js';
import { EntropyError, errorCode } from '../../common/errors.js';
import { version } from '../../common/package.js';
import { serves, stateLine } from '../../common/state.js';
import { printable, printableJson } from '../../common/terminal.js';
import type { GatewayLimits } from '../../config/config.js';
import { isPageHost } from '../browser-guard.js';
import {
  documentText,
  type FrontView,
  type PageFiles,
  pageFiles,
  pageHeaders,
  renderPage,
} from './front-page.js';

/** GET and HEAD have no body. */
const bodyLimitBytes = 0;

const plainText = 'text/plain; charset=utf-8';
const html = 'text/html; charset=utf-8';
const json = 'application/json';
/** Prometheus text exposition format. */
const exposition = 'text/plain; version=0.0.4; charset=utf-8';

/** The pages. */
const paths: readonly string[] = ['/', '/status', '/history', '/metrics', '/healthz'];

/** The files of the front page are below it. */
const filePrefix = '/page/';

/** The documentation is below it. */
const documentPrefix = '/docs/';

/** An address of a Unix socket. */
const unixPrefix = 'unix:';

/** By the extension of a file's name. The template is not served as a file. */
const fileTypes: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

type Status = Awaited<ReturnType<RandomSource['status']>>;

/** What the pages show. */
export interface PagesOptions {
  readonly client: Pick<RandomSource, 'health' | 'status' | 'history'>;
  /** The page at `/metrics`, Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** In the order of their examples. */
  readonly apis: readonly Pick<Api, 'examples' | 'about'>[];
  /** Names under which pages answer, besides localhost and loopback addresses. */
  readonly pageHosts?: readonly string[] | undefined;
  /** What is unsafe about this gateway, a sentence each. */
  readonly warnings: () => readonly string[];
  /** Whether other hosts may say localhost: see {@link isPageHost}. */
  readonly isMapped?: boolean | undefined;
  /** Whether TCP listeners speak TLS. */
  readonly isTls: boolean;
  readonly access: Pick<Access, 'verifies'>;
  /** The addresses that are open, as `--listen` takes them. */
  readonly listen: () => readonly string[];
  readonly limits: GatewayLimits;
  /** undefined: there is no audit log. */
  readonly audit?: () => { readonly required: boolean; readonly dropped: number } | undefined;
  /** undefined: the gateway is one process. */
  readonly workers?: () => { readonly running: number; readonly restarts: number } | undefined;
  /** This machine's name, for tests; default: the kernel's. */
  readonly hostname?: string;
  /** How long /metrics, /history and the daemon's status last, for tests; default: real time. */
  readonly now?: () => number;
}

/** Many may ask, and no scraper and no person looks more often. */
const lastsMs = 1000;

/** The pages claim GET and HEAD of their paths; with any other method an API answers. */
export function claimPage({ method, path }: Pick<Head, 'method' | 'path'>): 'no' | 'path' {
  const isRead = method === 'GET' || method === 'HEAD';
  const isOurs =
    paths.includes(path) || path.startsWith(filePrefix) || path.startsWith(documentPrefix);
  return isRead && isOurs ? 'path' : 'no';
}

/** The pages, answered as an API answers; they have no example of their own. */
export function createPages(options: PagesOptions): Api {
  const { client, apis, access, pageHosts = [], isMapped, listen, limits, warnings } = options;
  const now = options.now ?? (() => performance.now());
  const name = printable(options.hostname ?? hostname());
  const madeMetrics = new Cached<string>(lastsMs, now);
  const madeStatus = new Cached<Status>(lastsMs, now);
  const madeHistory = new Cached<string>(lastsMs, now);
  const metrics = () => madeMetrics.get('', options.metrics);
  const daemonStatus = () => madeStatus.get('', () => client.status());

  /** What a reader of the daemon's status wants to know about this gateway. */
  const gateway = () => ({
    version,
    hostname: name,
    ...Object.assign({}, ...apis.map((api) => api.about?.())),
    verifies: access.verifies,
    warnings: warnings(),
    listen: listen(),
    limits,
    audit: options.audit?.(),
    workers: options.workers?.(),
  });

  async function statusPage(): Promise<ApiResponse> {
    try {
      const status = await daemonStatus();
      return page(200, json, printableJson({ ...status, gateway: gateway() }));
    } catch (error) {
      const { state, reason } = unreachable(error);
      return page(503, json, printableJson({ state, reason, gateway: gateway() }));
    }
  }

  async function historyPage(): Promise<ApiResponse> {
    const make = async () => printableJson(await client.history());
    try {
      return page(200, json, await madeHistory.get('', make));
    } catch (error) {
      return page(503, json, printableJson({ reason: unreachable(error).reason }));
    }
  }

  async function frontPage(host: string, accept: string): Promise<ApiResponse> {
    const status = await daemonStatus().catch(unreachable);
    const [state, reason, construction] = [
      printable(status.state),
      printable(status.reason),
      printable(status.construction ?? ''),
    ];
    const url = `${options.isTls ? 'https' : 'http'}://${host}`;
    const socketPath = listen()
      .find((address) => address.startsWith(unixPrefix))
      ?.slice(unixPrefix.length);
    const all = apis.flatMap((api) => api.examples({ url, verifies: access.verifies, socketPath }));
    const examples = [
      ...all.filter(({ hasUrl }) => hasUrl),
      ...all.filter(({ hasUrl }) => !hasUrl),
    ];
    const view = {
      state,
      reason,
      hostname: name,
      access: accessText(access),
      warnings: warnings(),
      examples,
    };
    // Every browser asks for HTML; curl, which does not, writes to a terminal.
    if (!accept.includes('text/html')) return page(200, plainText, frontText(view));
    const { 'index.html': template } = await pageFiles();
    return page(200, html, renderPage(template, { ...view, construction, url }));
  }

  return {
    bodyLimitBytes,
    claim: claimPage,
    examples: () => [],
    async answer({ path, local, authority: host, headers: { accept = '' } }) {
      if (!isPageHost(host, pageHosts, local, isMapped))
        return page(
          403,
          plainText,
          'Pages answer under localhost or a loopback address if only this host can connect, and under configured names.\n',
        );
      if (path === '/metrics') return page(200, exposition, await metrics());
      if (path === '/status') return statusPage();
      if (path === '/history') return historyPage();
      if (path === '/') return frontPage(host, accept);
      if (path.startsWith(filePrefix)) return filePage(path.slice(filePrefix.length));
      if (path.startsWith(documentPrefix)) return documentPage(path.slice(documentPrefix.length));
      const { state, reason } = await client.health().catch(unreachable);
      const health = { state, reason, warnings: warnings() };
      return page(serves(state) ? 200 : 503, json, printableJson(health));
    },
    refuse(failure) {
      const error = thrownBy(failure);
      const reason = errorReason(failure, new Map());
      const code = errorCode(error);
      if (!(error instanceof EntropyError))
        return { ...page(500, plainText, 'internal error\n'), error: { code, reason } };
      const text =
        failure.kind === 'tooLarge' ? `the body is over ${bodyLimitBytes} bytes` : error.message;
      const status = code === 'ERR_TOO_LARGE' ? 413 : 503;
      return {
        ...page(status, plainText, `${printable(code)}: ${printable(text)}\n`),
        error: { code, reason },
      };
    },
  };
}

/** To people and to monitoring, a daemon that does not answer is a state too. */
function unreachable(error: unknown): Status {
  const reason = error instanceof EntropyError ? error.message : 'internal error';
  return { state: 'unreachable', reason };
}

function accessText({ verifies }: Pick<Access, 'verifies'>): string {
  return verifies
    ? 'signatures and tokens are verified'
    : 'any well-formed signature or token is accepted';
}

/** The front page for a terminal. */
function frontText({ state, reason, hostname, access, warnings, examples }: FrontView): string {
  return `entropyd gateway on ${hostname}
state: ${stateLine(state, reason)}
${access}
${warnings.map((warning) => `warning: ${warning}\n`).join('')}
${examples.map(({ title, note, command }) => `${title}: ${note}\n  ${command}\n`).join('\n')}
/healthz  200 while bytes are served, else 503
/status   all that the daemon says about itself, in JSON
/history  a day of the daemon's health, in JSON
/metrics  Prometheus text format
/docs/    the documentation: /docs/clients.md, /docs/gateway.md, /docs/troubleshooting.md
`;
}

async function filePage(name: string): Promise<ApiResponse> {
  const type = fileTypes[name.slice(name.lastIndexOf('.') + 1)];
  const files: Partial<PageFiles> = await pageFiles();
  const text = Object.hasOwn(files, name) ? files[name as keyof PageFiles] : undefined;
  if (type === undefined || text === undefined) return page(404, plainText, 'no such file\n');
  return page(200, type, text);
}

async function documentPage(name: string): Promise<ApiResponse> {
  const text = await documentText(name);
  return text === undefined ? page(404, plainText, 'no such page\n') : page(200, plainText, text);
}

function page(status: number, contentType: string, body: string): ApiResponse {
  return { status, headers: { ...pageHeaders, 'Content-Type': contentType }, body };
}
