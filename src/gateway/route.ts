/** What a route is given and what it gives. Routes know requests and the daemon, never sockets. */
import type { IncomingHttpHeaders } from 'node:http';

/** The daemon, as the gateway needs it; the client library's Client is one. */
export interface RandomSource {
  /** A new array of exactly `size` random bytes, 1 to 1024. */
  random(size: number): Promise<Uint8Array>;
  health(): Promise<{ state: string; healthy: boolean; reason: string }>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
}

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
  /** Who asks: an IP address, or `unix`. */
  readonly remote: string;
}

/** A whole answer; its Date, Content-Length and caching headers are added when it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One API, or the pages for people. */
export interface Route {
  readonly bodyLimitBytes: number;
  /** Rejects with any error, which {@link Route.refuse} then turns into an answer. */
  answer(request: GatewayRequest): Promise<Answer>;
  /** Any error in the shape that this route's clients read. */
  refuse(error: unknown, requestId: string): Answer;
}
