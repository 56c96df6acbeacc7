/** Sends requests on to an API's real service or an emulator, and streams its responses back. */
import { randomUUID } from 'node:crypto';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { EntropyError, errorCode } from '../../common/errors.js';
import type { MetricsPage } from '../../common/prometheus.js';
import type { ApiRequest, ApiResponse } from '../api.js';
import {
  type UpstreamService,
  type UpstreamTarget,
  type UpstreamTargetOptions,
  upstreamTarget,
} from './endpoint.js';
import { passedHeaders, responseHeaders } from './headers.js';
import { createTimedRequest, type TimedRequest, type UpstreamTimeouts } from './timed-request.js';

/** Ours: KMS answers in milliseconds, external key stores within seconds. */
const defaultTimeouts: UpstreamTimeouts = {
  connectMs: 5_000,
  firstByteMs: 30_000,
  silenceMs: 30_000,
  totalMs: 60_000,
};

/** Connections at once. Ours; the SDK for JavaScript opens 50 to a host. */
const maxConnections = 64;

/** Below a server's usual 5 s, so that a request rarely meets the closing of an idle connection. */
const idleMs = 4_000;

/**
 * Requests in flight or waiting for a connection: a quarter of those that the gateway has in flight, so
 * that a slow upstream does not keep it from its own answers.
 */
const maxInFlight = 256;

/** A request under the gateway's own signature. */
export interface SignedAgain {
  /** With the query. */
  readonly path: string;
  /** All of them, `Host` among them, and none of the client's own authentication. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs a request again. It throws whatever prevents it. */
export type Signer = (request: ApiRequest) => Promise<SignedAgain>;

/** What an API has of its own about an upstream. */
export interface UpstreamKind extends UpstreamService {
  /** The header with a request's id, in lower case: a response without one gets it. */
  readonly requestIdHeader: string;
  createSigner(target: UpstreamTarget): Signer;
}

/** How to reach an upstream. */
export interface UpstreamOptions extends UpstreamTargetOptions {
  readonly timeouts?: Partial<UpstreamTimeouts> | undefined;
}

/** As received: its errors have a form of their own. */
export type UpstreamResponse = ApiResponse & { readonly body: Readable };

/** Another endpoint of an API. */
export interface Upstream {
  /** Where requests go, for logs: the host, and the port unless it is the scheme's own. */
  readonly host: string;
  /** Whether requests are sent on under the gateway's own signature, with its rights. */
  readonly resign: boolean;
  /** Whether it is not the real service, and sees no signature of the gateway's. */
  readonly isEmulator: boolean;
  /**
   * Sends a request on, whatever its operation. **Only for requests whose caller has been verified and
   * is allowed the operation**, or for an emulator that is everyone's: nothing is checked here, and a
   * request that is signed again has all rights of the gateway's own credentials.
   * @returns the response as it comes, whatever its status; the body must be read or destroyed
   * @throws EntropyError `ERR_UPSTREAM` if no head of a response comes in time, or none that can be
   *   sent on; `ERR_BUSY` beyond 256 at once; `ERR_CLOSED` when the client went away. The body fails
   *   with the same.
   */
  forward(request: ApiRequest): Promise<UpstreamResponse>;
  /** Ends all connections; requests in flight fail with `ERR_UPSTREAM`, as do later ones. */
  close(): Promise<void>;
}

/**
 * An upstream; nothing connects before the first request. It follows no redirect, and no proxy of the
 * environment.
 * @param kind of which API
 * @throws EntropyError `ERR_CONFIG`
 */
export function createUpstream(kind: UpstreamKind, options: UpstreamOptions): Upstream {
  const target = upstreamTarget(kind, options);
  const { host, hostname, port, secure, resign, isEmulator } = target;
  const { request: open, Agent } = secure ? https : http;
  // Explicit: node:https would take the name to verify from a Host header, which is the client's.
  const servername = isIP(hostname) === 0 ? hostname : '';
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections, timeout: idleMs });
  const sign = resign ? kind.createSigner(target) : undefined;
  const times = { ...defaultTimeouts, ...options.timeouts };
  const requests = new Set<TimedRequest>();
  let closed = false;
  // RFC 9110 7.6.3. The name of this instance: another gateway on the way is not a loop.
  const name = `entropyd-${randomUUID()}`;
  const via = `1.1 ${name}`;

  const failure = (reason: unknown): EntropyError =>
    reason instanceof EntropyError
      ? reason
      : new EntropyError('ERR_UPSTREAM', `upstream ${host}: ${textOf(reason)}`, { cause: reason });

  /** Returns what opens the request; signing, which may take a while, comes before. */
  async function opener(request: ApiRequest): Promise<() => ClientRequest> {
    const { method, path, query, rawHeaders, body } = request;
    const common = { hostname, port, servername, agent, method };
    if (sign === undefined) {
      const headers = [...passedHeaders(rawHeaders, body.length), 'Via', via];
      return () => open({ ...common, path: query === '' ? path : `${path}?${query}`, headers });
    }
    const signed = await sign(request);
    // With those before: a request can come back by way of another gateway that signs again.
    const { via: before } = request.headers;
    const all = before === undefined ? via : `${before}, ${via}`;
    return () => open({ ...common, path: signed.path, headers: { ...signed.headers, via: all } });
  }

  async function forward(request: ApiRequest): Promise<UpstreamResponse> {
    if (closed) throw failure('closed');
    if (request.headers.via?.includes(name)) throw failure('leads back to this gateway');
    if (requests.size >= maxInFlight)
      throw new EntropyError('ERR_BUSY', `too many requests for the upstream ${host} at once`);
    const timed = createTimedRequest(
      times,
      (what, ms) => failure(`${what} in ${ms} ms`),
      () => requests.delete(timed),
    );
    requests.add(timed);
    request.whenGone(() => timed.end(new EntropyError('ERR_CLOSED', 'the client went away')));
    try {
      const opening = await Promise.race([opener(request), abortedBy(timed.signal)]);
      const incoming = await timed.send(opening, request.body);
      const { statusCode: status = 0, headers } = incoming;
      const body = timed.body(incoming, failure);
      const fault = faultOf(incoming);
      if (fault === undefined)
        return {
          status,
          headers: responseHeaders(
            // RFC 9110 8.6: no length with 204.
            status === 204 ? { ...headers, 'content-length': undefined } : headers,
            { [kind.requestIdHeader]: request.id },
          ),
          body,
        };
      body.destroy();
      throw fault;
    } catch (error) {
      const reason = failure(error);
      timed.end(reason);
      throw reason;
    }
  }

  return {
    host,
    resign,
    isEmulator,
    forward,
    async close() {
      closed = true;
      for (const timed of requests) timed.end(failure('closed'));
      agent.destroy();
    },
  };
}

/** Why a response cannot be sent on, in words; undefined: it can. */
function faultOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  // RFC 9110 15. node:http reads such statuses, and cannot write them.
  if (statusCode < 200) return `answered with status ${statusCode}`;
  if (statusCode >= 300 && statusCode < 400) return `answered with a redirect, ${statusCode}`;
  if (statusCode === 204) return undefined;
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  // RFC 9112 6.3: a body without length, or whose last coding is not `chunked`, ends with the connection, as a
  // broken one does. 6.1: no other coding may come, as no TE was sent; nothing here could undo it.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return 'answered in a transfer coding other than chunked';
  if (coding === undefined && length === undefined)
    return 'answered without the length of its answer';
  return undefined;
}

function abortedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** If every address of a name failed, node:net says nothing but a code. */
function textOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return reason.message || String((reason as NodeJS.ErrnoException).code);
}

/** For the log: the upstream's errors have a form of their own, and only the status tells that it is one. */
export function forwarded(response: ApiResponse): ApiResponse {
  if (response.status < 400) return response;
  return { ...response, error: { code: `upstream ${response.status}` } };
}

// What becomes of requests, counted.

/** `busy`: not sent; `abandoned`: the client went away. */
const outcomes = ['ok', 'client_error', 'server_error', 'no_answer', 'busy', 'abandoned'] as const;

type Outcome = (typeof outcomes)[number];

/** An upstream that counts its requests. */
export interface CountedUpstream extends Upstream {
  metrics(page: MetricsPage): void;
}

/**
 * The same upstream; a request counts when the head of its response is there or will not come.
 * @param api whose upstream it is: a label
 */
export function countUpstream(upstream: Upstream, api: string): CountedUpstream {
  const counts = new Map<Outcome, number>(outcomes.map((outcome) => [outcome, 0]));
  const count = (outcome: Outcome) => counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return {
    ...upstream,
    async forward(request) {
      try {
        const response = await upstream.forward(request);
        count(answered(response.status));
        return response;
      } catch (error) {
        count(failed(error));
        throw error;
      }
    },
    metrics(page) {
      page.counter(
        'entropyd_gateway_upstream_requests_total',
        'Requests sent on to the upstream, by what became of them',
        [...counts].map(([outcome, value]) => [{ api, outcome }, value]),
      );
    },
  };
}

function answered(status: number): Outcome {
  if (status < 400) return 'ok';
  return status < 500 ? 'client_error' : 'server_error';
}

function failed(error: unknown): Outcome {
  const code = errorCode(error);
  if (code === 'ERR_BUSY') return 'busy';
  return code === 'ERR_CLOSED' ? 'abandoned' : 'no_answer';
}
