/** The pages for people and monitoring: `/` and its files, `/status`, `/metrics` and `/healthz`. */
import type { Access, Api, ApiResponse, Example, Head, RandomSource } from '../../apis/api.js';
import { errorReason, thrownBy } from '../../apis/toolkit.js';
import { EntropyError, errorCode } from '../../common/errors.js';
import { version } from '../../common/package.js';
import { serves, stateLine } from '../../common/state.js';
import { isPageHost } from '../browser-guard.js';
import { type PageFiles, pageFiles, pageHeaders, renderPage } from './front-page.js';

/** GET and HEAD have no body. */
const bodyLimitBytes = 0;

const plainText = 'text/plain; charset=utf-8';
const html = 'text/html; charset=utf-8';
const json = 'application/json';
/** Prometheus text exposition format. */
const exposition = 'text/plain; version=0.0.4; charset=utf-8';

/** The pages. */
const paths: readonly string[] = ['/', '/status', '/metrics', '/healthz'];

/** The files of the front page are below it. */
const filePrefix = '/page/';

/** An address of a Unix socket. */
const unixPrefix = 'unix:';

/** By the extension of a file's name. The template is not served as a file. */
const fileTypes: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** What the pages show. */
export interface PagesOptions {
  readonly client: Pick<RandomSource, 'health' | 'status'>;
  /** The page at `/metrics`, Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** In the order of their examples. */
  readonly apis: readonly Pick<Api, 'examples' | 'about'>[];
  /** Names under which pages answer, besides localhost and loopback addresses. */
  readonly pageHosts?: readonly string[] | undefined;
  /** Whether TCP listeners speak TLS. */
  readonly isTls: boolean;
  readonly access: Pick<Access, 'verifies'>;
  /** The addresses that are open, as `--listen` takes them. */
  readonly listen: () => readonly string[];
  /** undefined: there is no audit log. */
  readonly audit?: () => { readonly required: boolean; readonly dropped: number } | undefined;
}

/** The pages claim GET and HEAD of their paths; with any other method an API answers. */
export function claimPage({ method, path }: Pick<Head, 'method' | 'path'>): 'no' | 'path' {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && (paths.includes(path) || path.startsWith(filePrefix)) ? 'path' : 'no';
}

/** The pages, answered as an API answers; they have no example of their own. */
export function createPages(options: PagesOptions): Api {
  const { client, metrics, apis, access, pageHosts = [], listen, audit } = options;

  /** What a reader of the daemon's status wants to know about this gateway. */
  const gateway = () => ({
    version,
    ...Object.assign({}, ...apis.map((api) => api.about?.())),
    verifies: access.verifies,
    listen: listen(),
    audit: audit?.(),
  });

  async function statusPage(): Promise<ApiResponse> {
    try {
      const status = await client.status();
      return page(200, json, JSON.stringify({ ...status, gateway: gateway() }));
    } catch (error) {
      const { state, reason } = unreachable(error);
      return page(503, json, JSON.stringify({ state, reason, gateway: gateway() }));
    }
  }

  async function frontPage(host: string, accept: string): Promise<ApiResponse> {
    const { state, reason, construction = '' } = await client.status().catch(unreachable);
    const url = `${options.isTls ? 'https' : 'http'}://${host}`;
    const socketPath = listen()
      .find((address) => address.startsWith(unixPrefix))
      ?.slice(unixPrefix.length);
    const all = apis.flatMap((api) => api.examples({ url, verifies: access.verifies, socketPath }));
    const examples = [
      ...all.filter(({ hasUrl }) => hasUrl),
      ...all.filter(({ hasUrl }) => !hasUrl),
    ];
    // Every browser asks for HTML; curl, which does not, writes to a terminal.
    if (!accept.includes('text/html'))
      return page(200, plainText, frontText(state, reason, accessText(access), examples));
    const { 'index.html': template } = await pageFiles();
    const view = { state, reason, construction, url, access: accessText(access), examples };
    return page(200, html, renderPage(template, view));
  }

  return {
    bodyLimitBytes,
    claim: claimPage,
    examples: () => [],
    async answer({ path, local, headers: { host, accept = '' } }) {
      if (host === undefined || !isPageHost(host, pageHosts, local))
        return page(
          403,
          plainText,
          'Pages answer under localhost or a loopback address if only this host can connect, and under configured names.\n',
        );
      if (path === '/metrics') return page(200, exposition, await metrics());
      if (path === '/status') return statusPage();
      if (path === '/') return frontPage(host, accept);
      if (path.startsWith(filePrefix)) return filePage(path.slice(filePrefix.length));
      const { state, reason } = await client.health().catch(unreachable);
      return page(serves(state) ? 200 : 503, json, JSON.stringify({ state, reason }));
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
      return { ...page(status, plainText, `${code}: ${text}\n`), error: { code, reason } };
    },
  };
}

/** To people and to monitoring, a daemon that does not answer is a state too. */
function unreachable(error: unknown): Awaited<ReturnType<RandomSource['status']>> {
  const reason = error instanceof EntropyError ? error.message : 'internal error';
  return { state: 'unreachable', reason };
}

function accessText({ verifies }: Pick<Access, 'verifies'>): string {
  return verifies
    ? 'signatures and tokens are verified'
    : 'any well-formed signature or token is accepted';
}

/** The front page for a terminal. */
function frontText(
  state: string,
  reason: string,
  access: string,
  examples: readonly Example[],
): string {
  return `entropyd gateway
state: ${stateLine(state, reason)}
${access}

${examples.map(({ title, note, command }) => `${title}: ${note}\n  ${command}\n`).join('\n')}
/healthz  200 while bytes are served, else 503
/status   all that the daemon says about itself, in JSON
/metrics  Prometheus text format
`;
}

async function filePage(name: string): Promise<ApiResponse> {
  const type = fileTypes[name.slice(name.lastIndexOf('.') + 1)];
  const files: Partial<PageFiles> = await pageFiles();
  const text = Object.hasOwn(files, name) ? files[name as keyof PageFiles] : undefined;
  if (type === undefined || text === undefined) return page(404, plainText, 'no such file\n');
  return page(200, type, text);
}

function page(status: number, contentType: string, body: string): ApiResponse {
  return { status, headers: { ...pageHeaders, 'Content-Type': contentType }, body };
}
