/** The credentials in force: found by access key or by token, with what each of them may do. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { randomOperations } from '../../apis/operations.js';
import { createDerivedKeys, type DerivedKeys } from '../../apis/signing/sigv4.js';
import type { CredentialEntry, CredentialsFile } from './credentials-file.js';

/** Who asks. */
export interface Credential {
  /** The operator's, unique among all. */
  readonly name: string;
  readonly allow: ReadonlySet<string>;
  /** Milliseconds since 1970; Infinity: never. */
  readonly expiresAt: number;
  /** undefined: of every project. */
  readonly projectId: string | undefined;
  /** undefined: as often as wanted. */
  readonly bucket: TokenBucket | undefined;
}

/** Who signs. */
export interface Key extends Credential {
  readonly secretKey: string;
  /** Of the session token; undefined: the key is not temporary and there must be none. */
  readonly sessionDigest: Buffer | undefined;
}

/** Finds credentials. What differs between a hit and a miss tells nothing about a token. */
export interface Credentials {
  readonly keys: number;
  readonly tokens: number;
  key(accessKey: string): Key | undefined;
  token(token: string): Credential | undefined;
  named(name: string): Credential | undefined;
}

/** What signatures of unknown access keys are verified with: as much work as for known ones. */
export const nobodysSecretKey = randomBytes(30).toString('base64');

/**
 * Tokens are compared and looked up by digests under a key of this process. A search that ends
 * early then tells of a value that nobody outside can compute.
 */
const digestKey = randomBytes(32);
const digest = (token: string) => createHmac('sha256', digestKey).update(token).digest();

/**
 * Puts a file in force.
 * @param file as checked
 * @param nowMs milliseconds of a clock that never goes back
 * @param before what was in force: rates go on where a name stays
 */
export function createCredentials(
  file: CredentialsFile,
  nowMs: number,
  before?: Credentials,
): Credentials {
  const credential = (entry: CredentialEntry): Credential => ({
    name: entry.name,
    allow: new Set<string>(entry.allow ?? randomOperations),
    expiresAt: entry.expires?.getTime() ?? Number.POSITIVE_INFINITY,
    projectId: entry.project_id,
    bucket:
      entry.requests_per_second === undefined
        ? undefined
        : new TokenBucket(entry.requests_per_second, nowMs, before?.named(entry.name)?.bucket),
  });
  const keys = new Map(
    file.key.map((entry): [string, Key] => [
      entry.access_key,
      {
        ...credential(entry),
        secretKey: entry.secret_key,
        sessionDigest: entry.session_token === undefined ? undefined : digest(entry.session_token),
      },
    ]),
  );
  const tokens = new Map(
    file.token.map((entry) => [digest(entry.token).toString('hex'), credential(entry)]),
  );
  const names = new Map([...keys.values(), ...tokens.values()].map((each) => [each.name, each]));
  return {
    keys: keys.size,
    tokens: tokens.size,
    key: (accessKey) => keys.get(accessKey),
    token: (token) => tokens.get(digest(token).toString('hex')),
    named: (name) => names.get(name),
  };
}

/**
 * Whether a request carries the session token of its key, or none where the key has none.
 * @param given of the request
 */
export function isSessionOf({ sessionDigest }: Key, given: string | undefined): boolean {
  // Whether a key is temporary is no secret: its name tells.
  if (sessionDigest === undefined || given === undefined)
    return sessionDigest === undefined && given === undefined;
  return timingSafeEqual(digest(given), sessionDigest);
}

// A token bucket: so many requests a second, in bursts of at most one second's worth.

/** A bucket that starts full. */
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

  /** Takes a token for a request; false where there is none. */
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

// Who is known to the gateway, for all APIs: the credentials in force, or nobody. How a request
// proves whose it is, and how it is refused, is each API's own: apis/.

/** What authentication depends on. Changed by {@link Access.adopt} alone. */
export interface Access {
  /** undefined: open. Any well-formed signature or token will do, and nobody is known. */
  readonly credentials: Credentials | undefined;
  /** Kept for the credentials in force. */
  readonly derivedKeys: DerivedKeys;
  /** Scopes of signatures for AWS; none: any. */
  readonly regions: readonly string[];
  /** Milliseconds since 1970. */
  now(): number;
  /** Whether a credential has a request left in this second; takes it. */
  take(credential: Credential): boolean;
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
 * @param regions scopes of signatures for AWS; none: any
 */
export function createAccess(regions: readonly string[] = [], clocks = systemClocks): Access {
  let credentials: Credentials | undefined;
  const derivedKeys = createDerivedKeys();
  return {
    get credentials() {
      return credentials;
    },
    derivedKeys,
    regions,
    now: clocks.wall,
    take: ({ bucket }) => bucket?.take(clocks.steady()) ?? true,
    adopt(file) {
      credentials = createCredentials(file, clocks.steady(), credentials);
      derivedKeys.clear();
    },
  };
}
