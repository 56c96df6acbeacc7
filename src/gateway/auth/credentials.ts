/** The credentials in force, for every API: found by access key or token, each with its rights and rate. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Access, Credential, Key } from '../../apis/api.js';
import { defaultOperations, operationsOf } from '../../apis/list.js';
import type { CredentialEntry, CredentialsFile } from './credentials-file.js';

/** Finds credentials. How a hit differs from a miss tells nothing about a token. */
export interface Credentials {
  readonly keys: number;
  readonly tokens: number;
  key(accessKey: string): Key | undefined;
  token(token: string): Credential | undefined;
  /** The rate of the credential with this name; undefined: it has none. */
  bucket(name: string): TokenBucket | undefined;
}

/**
 * Tokens are compared and looked up by digests under a key of this process. A search that ends early
 * then tells about a value that nobody outside can compute.
 */
const digestKey = randomBytes(32);
const digest = (token: string) => createHmac('sha256', digestKey).update(token).digest();

/**
 * Puts a file in force.
 * @param file as checked
 * @param nowMs milliseconds of a clock that never goes back
 * @param defaults what a credential without `allow` may do
 * @param before what was in force: the rate of a name that stays continues
 */
export function createCredentials(
  file: CredentialsFile,
  nowMs: number,
  defaults: readonly string[] = defaultOperations(operationsOf()),
  before?: Credentials,
): Credentials {
  const buckets = new Map<string, TokenBucket>();
  const credential = (entry: CredentialEntry): Credential => {
    const { name, requests_per_second: rate } = entry;
    if (rate !== undefined) buckets.set(name, new TokenBucket(rate, nowMs, before?.bucket(name)));
    return {
      name,
      allow: new Set<string>(entry.allow ?? defaults),
      expiresAt: entry.expires?.getTime() ?? Number.POSITIVE_INFINITY,
      projectId: entry.project_id,
      requestsPerSecond: rate,
    };
  };
  const keys = new Map(
    file.key.map((entry): [string, Key] => {
      const session = entry.session_token === undefined ? undefined : digest(entry.session_token);
      return [
        entry.access_key,
        {
          ...credential(entry),
          secretKey: entry.secret_key,
          hasSession: (token) => isSession(session, token),
        },
      ];
    }),
  );
  const tokens = new Map(
    file.token.map((entry) => [digest(entry.token).toString('hex'), credential(entry)]),
  );
  return {
    keys: keys.size,
    tokens: tokens.size,
    key: (accessKey) => keys.get(accessKey),
    token: (token) => tokens.get(digest(token).toString('hex')),
    bucket: (name) => buckets.get(name),
  };
}

function isSession(session: Buffer | undefined, token: string | undefined): boolean {
  // Whether a key is temporary is not secret: its access key shows it.
  if (session === undefined || token === undefined)
    return session === undefined && token === undefined;
  return timingSafeEqual(digest(token), session);
}

/** A token bucket: so many requests a second, in bursts of at most one second's worth. Starts full. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  /**
   * @param perSecond requests, 1 or more
   * @param nowMs milliseconds of a clock that never goes back
   * @param before whose tokens are taken over, so that no reload grants a new burst
   */
  constructor(perSecond: number, nowMs: number, before?: TokenBucket) {
    this.#perSecond = perSecond;
    this.#filledAt = nowMs;
    this.#tokens = before === undefined ? perSecond : Math.min(perSecond, before.#level(nowMs));
  }

  /** Takes a token for a request; false: there is none. */
  take(nowMs: number): boolean {
    const level = this.#level(nowMs);
    this.#filledAt = nowMs;
    const taken = level >= 1;
    this.#tokens = taken ? level - 1 : level;
    return taken;
  }

  #level(nowMs: number): number {
    const filled = ((nowMs - this.#filledAt) / 1000) * this.#perSecond;
    return Math.min(this.#perSecond, this.#tokens + filled);
  }
}

/** The gateway's access: what APIs see of it, and what the gateway changes. */
export interface GatewayAccess extends Access {
  /** How many credentials of each kind are in force; undefined: the gateway is open. */
  readonly counts: { readonly keys: number; readonly tokens: number } | undefined;
  /** Takes one request of the credential with this name here, wherever `take` does. */
  count(name: string): boolean;
  /** From now on these credentials and no others. */
  adopt(file: CredentialsFile): void;
}

/** Clocks in milliseconds: since 1970, and one that never goes back. */
export interface Clocks {
  readonly wall: () => number;
  readonly steady: () => number;
}

const systemClocks: Clocks = { wall: Date.now, steady: () => performance.now() };

/**
 * Access for a gateway: open until a file is adopted.
 * @param defaults what a credential without `allow` may do; default: as every API has it
 * @param take counts a request of the credential with this name, which has a rate; default: here
 */
export function createAccess(
  defaults?: readonly string[],
  clocks = systemClocks,
  take?: (name: string) => Promise<boolean>,
): GatewayAccess {
  let credentials: Credentials | undefined;
  const count = (name: string) => credentials?.bucket(name)?.take(clocks.steady()) ?? true;
  return {
    get verifies() {
      return credentials !== undefined;
    },
    get counts() {
      return credentials && { keys: credentials.keys, tokens: credentials.tokens };
    },
    key: (accessKey) => credentials?.key(accessKey),
    token: (token) => credentials?.token(token),
    now: clocks.wall,
    count,
    take: ({ name, requestsPerSecond }) => requestsPerSecond === undefined || (take ?? count)(name),
    adopt(file) {
      credentials = createCredentials(file, clocks.steady(), defaults, credentials);
    },
  };
}
