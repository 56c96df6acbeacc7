/** The credentials in force: found by access key or by token, with what each of them may do. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { randomOperations } from '../../apis/operations.js';
import type { CredentialEntry, CredentialsFile } from './credentials-file.js';
import { TokenBucket } from './token-bucket.js';

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
