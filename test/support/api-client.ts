/** What the conformance suite has to know about an API: how clients ask it, and how they read it. */
import type { ApiEntry } from '../../src/apis/api.js';
import type { Kind } from './credentials.js';

/** A request as a client sends it. */
export interface ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** An error's code in the audit log, and its HTTP status. */
export type Outcome = readonly [code: string, status: number];

export interface ApiClient {
  readonly entry: ApiEntry;
  /** As `allow` names it. */
  readonly operation: string;
  /** Bytes that {@link ApiClient.request} asks for. */
  readonly size: number;
  /** A good request by the holder of a key or token of test/support/credentials.ts. */
  request(kind: Kind): ClientRequest;
  /** The same with a proof that the credentials file does not know. */
  readonly stranger: ClientRequest;
  /** The same without any proof. */
  readonly anonymous: ClientRequest;
  /** The bytes of a good response. */
  bytesOf(body: string): Buffer;
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
    >
  >;
}
