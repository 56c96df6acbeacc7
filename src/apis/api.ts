/** The contract between the gateway and an API: an API is one folder here and one line in list.ts. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { MetricsPage } from '../common/prometheus.js';

/** A request before its body is read, over HTTP/1.1 or HTTP/2. Everything is as received. */
export interface Head {
  /** A UUID of the gateway's; once an API has the request, in the form of its {@link Api.requestId}. */
  readonly id: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Without the question mark; '' if there is none. */
  readonly query: string;
  /** `Host`, or `:authority`; '' if there is none. */
  readonly authority: string;
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value: with repeats, one character a byte (latin1), as node:http gives them. */
  readonly rawHeaders: readonly string[];
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** The client's IP address, `unix`, or `unknown` if it left before it was looked at. */
  readonly remote: string;
  /** The address of this host that it came to, or `unix` or `unknown` as in `remote`. */
  readonly local: string;
}

/** What an API learns about a request, for the audit log. */
export interface AuditFields {
  /** The credential's name; null: nobody known. */
  key: string | null;
  /** null: the request did not get as far as naming an operation that is served. */
  operation: string | null;
  /** Random bytes asked for; null: none, or not understood. */
  size: number | null;
}

/** A request with its body. */
export interface ApiRequest extends Head {
  /** Whole, at most the API's `bodyLimitBytes`, and not yet parsed. */
  readonly body: Buffer;
  /** For the API to fill as it learns the facts. */
  readonly audit: AuditFields;
  /** Calls `listener` once the response is sent or the connection is gone. */
  whenGone(listener: () => void): void;
}

/**
 * Why a request fails, in terms that hold for every API; the metrics count by it. `authentication`: no
 * proof of who asks, or a wrong one; `forbidden`: known but not allowed, and every web page;
 * `throttled`: above the credential's rate; `request`: the request itself is at fault; `overload`: too
 * much at once for gateway or daemon; `unavailable`: the daemon is away or not yet seeded, or the request
 * cannot be recorded; `upstream`: no answer from there; `fault`: the generator's error state, or a defect.
 */
export const errorReasons = [
  'authentication',
  'forbidden',
  'throttled',
  'request',
  'overload',
  'unavailable',
  'upstream',
  'fault',
] as const;

export type ErrorReason = (typeof errorReasons)[number];

/**
 * A response. Date, Server, Content-Length (unless the body is a stream) and caching headers are added to
 * it; no Server to one with `via`, which somebody else made. A `Cache-Control` of its own has `no-store`.
 */
export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Random bytes are in bytes, never in a text, which nobody can wipe: the gateway zeroes bytes once the
   * kernel has them or the client is gone. It reads a stream to its end or destroys it; a
   * stream's error cuts the connection.
   */
  readonly body: string | Uint8Array | Readable;
  /** Sent after the body, which then goes without a Content-Length. */
  readonly trailers?: Readonly<Record<string, string>>;
  /**
   * An answer to whoever asks whether bytes are served, such as a load balancer once a second, with
   * whatever status says so: no line in the audit log, which has those who ask for something.
   */
  readonly isProbe?: true;
  /** Absent: no error. The status alone never tells. */
  readonly error?: {
    /** As the client gets it; for the audit log. */
    readonly code: string;
    /** Absent: an error that somebody else answered and the API passed on; it is not counted. */
    readonly reason?: ErrorReason;
    /**
     * The status that the error would have if the response's told of errors, as that of gRPC, which is
     * always 200, does not: for log, audit log and metrics. Absent: the response's.
     */
    readonly status?: number;
  };
}

/** What the daemon says about its state. */
export interface Health {
  readonly state: string;
  readonly healthy: boolean;
  readonly reason: string;
}

/** The daemon, as the gateway needs it; the client library's Client is one. */
export interface RandomSource {
  /** A new array of exactly `size` random bytes, 1 to 131,072; the caller's. */
  random(size: number): Promise<Uint8Array>;
  health(): Promise<Health>;
  /** All of `health`, and more: docs/protocol.md has the members. */
  status(): Promise<{ state: string; reason: string; construction?: string }>;
  /** A day of the daemon's health: docs/protocol.md has the members. */
  history(): Promise<object>;
  /** Prometheus text format. */
  metrics(options?: { timeoutMs?: number }): Promise<string>;
}

/** Who asks. */
export interface Credential {
  /** The operator's name for it, unique among all credentials. */
  readonly name: string;
  /** Names of operations. */
  readonly allow: ReadonlySet<string>;
  /** Milliseconds since 1970; Infinity: never. */
  readonly expiresAt: number;
  /** undefined: of every project. */
  readonly projectId: string | undefined;
  /** undefined: as many as it likes. */
  readonly requestsPerSecond: number | undefined;
}

/** A credential that signs requests. */
export interface Key extends Credential {
  readonly secretKey: string;
  /** Whether `token` is this key's session token; undefined is right for a key that is not temporary. */
  hasSession(token: string | undefined): boolean;
}

/** Who may ask: the credentials in force, for every API. How a caller proves who it is, the API says. */
export interface Access {
  /** false: the gateway is open. It accepts any well-formed proof, and nobody is known. */
  readonly verifies: boolean;
  key(accessKey: string): Key | undefined;
  token(token: string): Credential | undefined;
  /**
   * Takes one request from this second's share of a credential; false: none is left. A gateway of several
   * processes has to ask for it.
   */
  take(credential: Credential): boolean | Promise<boolean>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What the gateway does for an API. */
export interface Services {
  /**
   * Random bytes: a new array of exactly `size`, 1 to 131,072. The gateway zeroes it once the response
   * is sent or the client gone, or made if its body is a text.
   * @throws EntropyError as the client library's `random`
   */
  random(size: number): Promise<Uint8Array>;
  health(): Promise<Health>;
  readonly access: Access;
}

/**
 * Why the gateway answers with an error: it refused the request, or the API threw. `unrecorded`: the
 * operator requires a line in the audit log, and it cannot be written; the client may try again.
 */
export type Failure =
  | { readonly kind: 'webPage' | 'tooLarge' | 'busy' | 'unrecorded' }
  | { readonly kind: 'thrown'; readonly error: unknown };

/** Where the gateway is, for example commands. */
export interface Place {
  /** Scheme, host and port, as the reader reaches the gateway. */
  readonly url: string;
  /** Whether proofs are verified; otherwise any is accepted. */
  readonly verifies: boolean;
  /** The path of one of the gateway's Unix sockets, if it has any. */
  readonly socketPath: string | undefined;
}

/** A command that works as it stands, except for shell variables that its note names. */
export interface Example {
  readonly title: string;
  /** What to know or to set first; '' if nothing. */
  readonly note: string;
  /** A single line for a POSIX shell. */
  readonly command: string;
  /** Whether the command contains the place's URL rather than a socket. */
  readonly hasUrl: boolean;
}

/** One API. */
export interface Api {
  readonly bodyLimitBytes: number;
  /**
   * Whether a request is this API's, by its head alone. The strongest claim of all APIs wins, the
   * earlier in the list if two are equal. `header`: a header says so; `path`: the path does;
   * `leftover`: only if nobody else wants it.
   */
  claim(head: Head): 'no' | 'leftover' | 'path' | 'header';
  /** Its form of a request's id, for responses, log and audit log. Absent: the UUID as it is. */
  requestId?(uuid: string): string;
  /** Rejects with any error, which {@link Api.refuse} then turns into a response. */
  answer(request: ApiRequest, services: Services): Promise<ApiResponse>;
  /** Any failure in the form that this API's clients read. Never throws. */
  refuse(failure: Failure, head: Head): ApiResponse;
  /** What this API's clients read if their bytes are not even an HTTP request. */
  malformed?(text: string, id: string): Malformed;
  /** Commands that call it: for the page, for `GET /` in a terminal, for `npm start`. */
  examples(at: Place): readonly Example[];
  /** Members that it adds to `gateway` in /status. */
  about?(): object;
  /** Adds its own metrics to the gateway's page. */
  metrics?(page: MetricsPage): void;
  /** The credentials have changed: wipe what was derived from the old ones. */
  forget?(): void;
  /** Ends what `create` began. */
  close?(): Promise<void>;
}

/** One API's part of the response to bytes that are not a request; the first to name a member wins. */
export interface Malformed {
  readonly headers: Readonly<Record<string, string>>;
  readonly members: object;
}

/** What a credential's `allow` may grant. */
export interface Operation {
  /** Unique across the list. With a pattern: one name that it matches, for messages. */
  readonly name: string;
  /** Whether a credential without `allow` has it. */
  readonly byDefault: boolean;
  /** Matches every name of a family. */
  readonly pattern?: RegExp;
}

/** Where events go; pino's loggers fit. Random bytes and bodies never do. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** An API in the list. */
export interface ApiEntry {
  /** In the audit log and in metrics; the folder's name. */
  readonly name: string;
  readonly operations: readonly Operation[];
  /** A request that an open gateway answers with random bytes: `npm start` sends it. */
  readonly sample: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
  /**
   * Makes the API, with all that it needs of its own.
   * @param settings the gateway's configuration; each API declares the part that it reads
   * @throws EntropyError `ERR_CONFIG`
   */
  create(settings: object, log: Logger): Api;
}
