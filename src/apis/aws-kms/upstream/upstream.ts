/** Sends requests on to another KMS endpoint, and streams its answers back. */
import { randomUUID } from 'node:crypto';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { EntropyError, errorCode } from '../../../common/errors.js';
import type { UpstreamOutcome } from '../../../gateway/metrics.js';
import type { Answer, GatewayRequest } from '../../api.js';
import { type UpstreamTargetOptions, upstreamTarget } from './endpoint.js';
import { answerHeaders, passedHeaders } from './headers.js';
import { type CredentialProvider, createSigner } from './resign.js';
import { createExchange, type Exchange, type UpstreamTimeouts } from './timed-request.js';

/** Ours: KMS answers in milliseconds, key stores outside of it within seconds. */
const defaultTimeouts: UpstreamTimeouts = {
  connectMs: 5_000,
  firstByteMs: 30_000,
  silenceMs: 30_000,
  totalMs: 60_000,
};

/** Connections at once. Ours; the SDK for JavaScript opens 50 to a host. */
const maxConnections = 64;

/** Under a server's usual 5 s, so that a request seldom meets the closing of an idle connection. */
const idleMs = 4_000;

/**
 * Requests under way or waiting for a connection: a quarter of what the gateway has under way, so
 * that a slow upstream does not keep it from GenerateRandom.
 */
const maxUnderWay = 256;

/** What an upstream is made from. */
export interface UpstreamOptions extends UpstreamTargetOptions {
  /** For signing anew; default: the credential provider chain of the AWS SDK. */
  readonly credentials?: CredentialProvider | undefined;
  readonly timeouts?: Partial<UpstreamTimeouts> | undefined;
}

/** Another KMS endpoint. */
export interface Upstream {
  /** Where requests go, for logs: the host, and the port where it is not the scheme's own. */
  readonly host: string;
  /** Whether requests go on under the gateway's own signature, with its rights. */
  readonly resign: boolean;
  /**
   * Sends a request on, whatever its operation. **Only for requests whose signature has been
   * verified, of callers that are allowed the operation**: nothing is checked here, and a request
   * that is signed anew has all rights of the gateway's own credentials.
   * @returns the answer as it comes, whatever its status; the body must be read or destroyed
   * @throws EntropyError `ERR_UPSTREAM` where no head of an answer comes in time, or none that can be
   *   sent on; `ERR_BUSY` beyond 256 at once; `ERR_CLOSED` when the client went away. The body fails
   *   with the same.
   */
  forward(request: GatewayRequest): Promise<Answer<Readable>>;
  /** Ends all connections; requests under way fail with `ERR_UPSTREAM`, as do later ones. */
  close(): Promise<void>;
}

/**
 * An upstream; nothing is connected before the first request. Follows no redirect, and no proxy of
 * the environment.
 * @param options see {@link UpstreamOptions}
 * @throws EntropyError `ERR_CONFIG`
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const target = upstreamTarget(options);
  const { host, hostname, port, secure, resign } = target;
  const { request: open, Agent } = secure ? https : http;
  // Said aloud: node:https would take the name to verify from a Host header, which is the client's.
  const servername = isIP(hostname) === 0 ? hostname : '';
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections, timeout: idleMs });
  const sign = resign ? createSigner(target, options.credentials) : undefined;
  const times = { ...defaultTimeouts, ...options.timeouts };
  const exchanges = new Set<Exchange>();
  let closed = false;
  // RFC 9110 7.6.3. A name of this instance: another gateway on the way is no loop.
  const name = `entropyd-${randomUUID()}`;
  const via = `1.1 ${name}`;

  const failure = (reason: unknown): EntropyError =>
    reason instanceof EntropyError
      ? reason
      : new EntropyError('ERR_UPSTREAM', `upstream ${host}: ${textOf(reason)}`, { cause: reason });

  /** What opens the request; signing, which may take its time, comes before. */
  async function opener(request: GatewayRequest): Promise<() => ClientRequest> {
    const { path, query, rawHeaders, body } = request;
    const common = { hostname, port, servername, agent, method: 'POST' };
    if (sign === undefined) {
      const headers = [...passedHeaders(rawHeaders, body.length), 'Via', via];
      return () => open({ ...common, path: query === '' ? path : `${path}?${query}`, headers });
    }
    const headers = { ...(await sign(request)), via };
    return () => open({ ...common, path: '/', headers });
  }

  async function forward(request: GatewayRequest): Promise<Answer<Readable>> {
    if (closed) throw failure('closed');
    if (request.headers.via?.includes(name)) throw failure('leads back to this gateway');
    if (exchanges.size >= maxUnderWay)
      throw new EntropyError('ERR_BUSY', `too many requests for the upstream ${host} at once`);
    const exchange = createExchange(
      times,
      (what, ms) => failure(`${what} in ${ms} ms`),
      () => exchanges.delete(exchange),
    );
    exchanges.add(exchange);
    request.whenGone?.(() => exchange.end(new EntropyError('ERR_CLOSED', 'the client went away')));
    try {
      const opening = await Promise.race([opener(request), abortedBy(exchange.signal)]);
      const incoming = await exchange.send(opening, request.body);
      const { statusCode: status = 0, headers } = incoming;
      const body = exchange.body(incoming, failure);
      const fault = faultOf(incoming);
      if (fault === undefined) return { status, headers: answerHeaders(headers, request.id), body };
      body.destroy();
      throw fault;
    } catch (error) {
      const reason = failure(error);
      exchange.end(reason);
      throw reason;
    }
  }

  return {
    host,
    resign,
    forward,
    async close() {
      closed = true;
      for (const exchange of exchanges) exchange.end(failure('closed'));
      agent.destroy();
    },
  };
}

/** Why an answer cannot be sent on, in words; undefined: it can. */
function faultOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  if (statusCode >= 300 && statusCode < 400) return `answered with a redirect, ${statusCode}`;
  // RFC 9112 6.3: a body of neither length ends with the connection, as a broken one does.
  if (
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    statusCode !== 204
  )
    return 'answered without the length of its answer';
  return undefined;
}

function abortedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** node:net says nothing but a code where each of a name's addresses failed. */
function textOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return reason.message || String((reason as NodeJS.ErrnoException).code);
}

// An upstream that counts what becomes of its requests.

/**
 * The same upstream, counted.
 * @param counts one is added for each request, when the head of its answer is there or will not come
 */
export function countUpstream(
  upstream: Upstream,
  counts: Record<UpstreamOutcome, number>,
): Upstream {
  return {
    ...upstream,
    async forward(request) {
      try {
        const answer = await upstream.forward(request);
        counts[answered(answer.status)]++;
        return answer;
      } catch (error) {
        counts[failed(error)]++;
        throw error;
      }
    },
  };
}

function answered(status: number): UpstreamOutcome {
  if (status < 400) return 'ok';
  return status < 500 ? 'client_error' : 'server_error';
}

function failed(error: unknown): UpstreamOutcome {
  const code = errorCode(error);
  if (code === 'ERR_BUSY') return 'busy';
  return code === 'ERR_CLOSED' ? 'abandoned' : 'no_answer';
}
