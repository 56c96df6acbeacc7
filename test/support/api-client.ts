/**
 * What the conformance suite and the fuzz have to know about an API: how clients ask it, and how they
 * read it.
 */
import type { ApiEntry } from '../../src/apis/api.js';
import type { Kind } from './credentials.js';

/** A request as a client sends it. */
export interface ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** How a request differs from the usual one. */
export interface Changes {
  /** Bytes to ask for, within {@link ApiClient.sizes}. */
  readonly size?: number | undefined;
  /** When it is signed, ms since 1970; default: `now` of test/support/credentials.ts. */
  readonly time?: number | undefined;
}

/** An error's code in the audit log, and its HTTP status. */
export type Outcome = readonly [code: string, status: number];

export interface ApiClient {
  readonly entry: ApiEntry;
  /** As `allow` names it. */
  readonly operation: string;
  /** Bytes that {@link ApiClient.request} asks for, unless told otherwise. */
  readonly size: number;
  /** The fewest and the most that a client can ask for; twice the same if it has no choice. */
  readonly sizes: readonly [fewest: number, most: number];
  /** A good request by the holder of a key or token of test/support/credentials.ts. */
  request(kind: Kind, changes?: Changes): ClientRequest;
  /** The kind whose proof is a signature over every header and the body; undefined: none. */
  readonly signs?: Kind;
  /** The same with a proof that the credentials file does not know. */
  readonly stranger: ClientRequest;
  /** The same without any proof. */
  readonly anonymous: ClientRequest;
  /** An open gateway serves a request without any proof, which another API refuses there too. */
  readonly needsNoProof?: true;
  /** Asks, without any proof, whether bytes are served: 200, else 503; undefined: the API has no such thing. */
  readonly probe?: ClientRequest;
  /** Whether this is a good response that has no bytes, because none were asked for; throws as `bytesOf`. */
  isBare?(body: string): boolean;
  /** Content-Type of a good response, and of an error. */
  readonly contentTypes: readonly [good: string, error: string];
  /** The bytes of a good response; throws unless the body has the API's form. */
  bytesOf(body: string): Buffer;
  /** What a client gets of the source's bytes, which are more than it asks for; default: their beginning. */
  received?(bytes: Uint8Array): Uint8Array;
  /** What a client reads of an error; throws unless the body has the API's form of errors. */
  errorOf(body: string): string;
  /** What becomes of each failure. */
  readonly outcomes: Readonly<
    Record<
      | 'webPage'
      | 'tooLarge'
      | 'overload'
      | 'unavailable'
      | 'fault'
      | 'anonymous'
      | 'stranger'
      | 'denied'
      | 'throttled',
      Outcome
    > &
      /** The generator's error state, if that is not a `fault`. */
      Partial<Record<'error', Outcome>>
  >;
  /** What only the fuzz asks; without it, what can be derived from the rest. */
  readonly fuzz?: FuzzTable;
}

/** What an API's own test folder adds to the fuzz. */
export interface FuzzTable {
  /** Good requests in other words, by the holder of the default key or token; `bytesOf` if it differs. */
  readonly good?: readonly ((
    size: number,
  ) => ClientRequest & Partial<Pick<ApiClient, 'bytesOf'>>)[];
  /** What is refused, and with which status. @param time when it is signed */
  refused?(time: number): readonly (readonly [request: ClientRequest, status: number])[];
  /** Content-Type of errors to clients that do not speak the API's format; null: they have none. */
  readonly otherErrorTypes?: readonly (string | null)[];
  /** Targets that come near the API's own. */
  readonly targets?: readonly string[];
  readonly bodies?: readonly string[];
  /** Header fields with values, one character a byte, that come near what the API reads. */
  readonly fields?: readonly (readonly [name: string, ...values: string[]])[];
}

/**
 * Decodes what encodes bytes without doubt.
 * @throws Error unless encoding the bytes again gives the same text
 */
export function decoded(text: unknown, encoding: 'base64' | 'base64url' | 'hex'): Buffer {
  const bytes = Buffer.from(String(text), encoding);
  if (typeof text !== 'string' || bytes.toString(encoding) !== text)
    throw new Error(`not ${encoding}: ${String(text).slice(0, 100)}`);
  return bytes;
}

/**
 * Reads JSON of exactly these members.
 * @param names in their order, by commas
 */
// biome-ignore lint/suspicious/noExplicitAny: JSON from the gateway, which the callers take apart.
export function membersOf(body: string, names: string): any {
  const members = JSON.parse(body);
  if (Object.keys(members).join() !== names)
    throw new Error(`want ${names}: ${body.slice(0, 200)}`);
  return members;
}
