/** What a route is given and what it gives. Routes know requests and the daemon, never sockets. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** The daemon, as the gateway needs it; the client library's Client is one. */
export interface RandomSource {
  /** A new array of exactly `size` random bytes, 1 to 131,072. */
  random(size: number): Promise<Uint8Array>;
  health(): Promise<{ state: string; healthy: boolean; reason: string }>;
  /** All of `health`, and more: docs/protocol.md has the members. */
  status(): Promise<{ state: string; reason: string }>;
  /** Prometheus text format. */
  metrics(options?: { timeoutMs?: number }): Promise<string>;
}

/** The APIs, as the audit log and the metrics call them. */
export const apiNames = ['aws-kms', 'huawei-kms', 'vault'] as const;

export type ApiName = (typeof apiNames)[number];

/** A request whose body has been read. Everything as received: signatures cover it. */
export interface GatewayRequest {
  readonly id: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Without its question mark; '' where there is none. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value: with repeats, a character a byte (latin1), as node:http gives them. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** Who asks: an IP address, `unix`, or `unknown` for one that was gone before it was looked at. */
  readonly remote: string;
  /** The address that it came to: of this host's, `unix`, or `unknown` as for `remote`. */
  readonly local: string;
  /** Calls `listener` when the connection is gone, also after the answer. Absent: nobody can go. */
  readonly whenGone?: (listener: () => void) => void;
  /** For the route to fill. */
  readonly facts: Facts;
}

/** What a route learns of a request, for the audit log. */
export interface Facts {
  /** The credential's name; null: nobody known. */
  key: string | null;
  /** null: the request did not get as far as naming one that is served. */
  operation: string | null;
  /** Random bytes asked for; null: none, or not understood. */
  size: number | null;
}

/** Nothing known yet. */
export const noFacts = (): Facts => ({ key: null, operation: null, size: null });

/** An answer; its Date, the Content-Length of a text and caching headers are added when it is sent. */
export interface Answer<Body extends string | Readable = string | Readable> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is read to its end or destroyed by whoever sends it; its error cuts the connection. */
  readonly body: Body;
  /** For the audit log: an error's code, as the client gets it; absent: no error. */
  readonly outcome?: string;
}

/** One API, or the pages for people. */
export interface Route {
  /** The API, for the audit log and the metrics; undefined: pages, of which the log has nothing. */
  readonly api?: ApiName;
  readonly bodyLimitBytes: number;
  /** Rejects with any error, which {@link Route.refuse} then turns into an answer. */
  answer(request: GatewayRequest): Promise<Answer>;
  /** Any error in the shape that this route's clients read. */
  refuse(error: unknown, requestId: string): Answer<string>;
}

// JSON in and out, for the routes of all APIs.

/**
 * Reads a request's body.
 * @param body UTF-8; malformed sequences become U+FFFD, as in any string of the platform
 * @param refusal makes the API's own error for what is no JSON, from the parser's as its cause
 * @returns whatever JSON the body is
 */
export function parseJson(body: Buffer, refusal: (options: ErrorOptions) => Error): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw refusal({ cause });
  }
}

/**
 * An answer.
 * @param headers added to the content type, or in its place
 */
export function jsonAnswer(
  status: number,
  members: object,
  headers: Readonly<Record<string, string>>,
): Answer<string> {
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(members),
  };
}
