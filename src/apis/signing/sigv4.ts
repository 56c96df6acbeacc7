/**
 * AWS Signature Version 4, verified: in the Authorization header or in the query.
 *
 * Source: the IAM User Guide, "Create a signed AWS API request". The scheme has no nonce: whoever
 * sees a request in transit can send it again within its five minutes. TLS prevents that.
 */
import { createHmac } from 'node:crypto';
import {
  canonicalRequest,
  equalSignatures,
  formatBasicTime,
  type HeaderFields,
  parseRequest,
  type SignedRequest,
  sha256,
  signedNames,
} from './canonical-request.js';
import { type HmacKey, hmacKey } from './hmac.js';
import {
  badCredential,
  badScope,
  badSignedHeaders,
  expired,
  notSigned,
  notYetCurrent,
  scopeFaults,
  unsupportedAlgorithm,
} from './sigv4-errors.js';
import { readSignatureParts, type SignatureParts, windowMs } from './sigv4-parameters.js';

const algorithm = 'AWS4-HMAC-SHA256';
const terminator = 'aws4_request';

/** Regions are labels of host names: RFC 1035 2.3.4. It also bounds what signing keys are kept by. */
const regionForm = /^[a-z\d-]{1,63}$/;

/** Makes the API's own errors; sigv4-errors.ts has those that are the same for every service. */
export interface SigV4Errors {
  /** There is no signature. */
  missing(): Error;
  /** The signature is not that of this request and secret. */
  mismatch(): Error;
}

/** What a signature has to be like. */
export interface SigV4Rules {
  /** The service that the scope must name. */
  readonly service: string;
  /** Regions that a scope may name; undefined: any. */
  readonly regions?: readonly string[] | undefined;
  /** Header fields that must be signed if they are there, in lower case. Host always must. */
  readonly mustSign?: readonly string[];
}

/** What a well-formed signature says about itself. Nothing of it is proven before it is verified. */
export interface SigV4Claim {
  readonly accessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  /** When it was signed: milliseconds since the epoch. */
  readonly time: number;
  /** The same in ISO 8601 basic format. */
  readonly timestamp: string;
  /** How long it is valid: milliseconds, 1000 to 300,000. */
  readonly lifetimeMs: number;
  /** `yyyymmdd/region/service/aws4_request`. */
  readonly scope: string;
  /** Without the payload's hash. */
  readonly canonicalRequest: string;
  /** X-Amz-Content-Sha256. */
  readonly payloadHash: string | undefined;
  readonly signature: string;
}

/**
 * Checks everything that needs no secret: presence, form, scope, and what must be signed, in the order
 * of the live services.
 * @throws `errors.missing()`, `errors.mismatch()`; ServiceError `IncompleteSignatureException`,
 *   `InvalidSignatureException`
 */
export function readSigV4(
  request: SignedRequest,
  errors: SigV4Errors,
  { service, regions, mustSign = [] }: SigV4Rules,
): SigV4Claim {
  const parsed = parseRequest(request);
  const parts = readSignatureParts(parsed, errors.missing);
  const names = checkedNames(parts.signedHeaders, parsed.fields, mustSign, errors);
  if (parts.algorithm !== algorithm) throw unsupportedAlgorithm(parts.algorithm);
  const { accessKey, region, scope } = readCredential(parts, service, regions);
  return {
    accessKey,
    sessionToken: parts.sessionToken,
    region,
    time: parts.time,
    timestamp: parts.timestamp,
    lifetimeMs: parts.lifetimeMs,
    scope,
    // The path is hashed as received. Other services normalize it; that of awsJson1_1 is always `/`. Runs of
    // spaces become one space, and so do tabs, as in the AWS SDKs.
    canonicalRequest: canonicalRequest(parsed, names, { query: parts.query, foldBlanks: true }),
    payloadHash: parsed.fields.get('x-amz-content-sha256')?.[0],
    signature: parts.signature,
  };
}

/** What a signature is verified with. */
export interface SigV4Verification {
  readonly secretKey: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Without it the signing key is derived for this request alone. */
  readonly keys?: SigningKeys;
  readonly errors: Pick<SigV4Errors, 'mismatch'>;
}

/**
 * Verifies time and signature. For an unknown access key call it with a dummy secret all the same, so
 * that the time taken does not tell which access keys exist. Comparing the session token is the
 * caller's task.
 * @param request the one that the claim was read from
 * @throws `errors.mismatch()`; ServiceError `InvalidSignatureException` for a time out of its window
 */
export function verifySigV4(
  request: SignedRequest,
  claim: SigV4Claim,
  { secretKey, now, keys, errors }: SigV4Verification,
): void {
  checkTime(claim, now);
  const payloadHash = sha256(request.body);
  const requestHash = sha256(claim.canonicalRequest + payloadHash);
  const stringToSign = `${algorithm}\n${claim.timestamp}\n${claim.scope}\n${requestHash}`;
  const key = keys?.get(secretKey, claim.scope) ?? hmacKey(deriveKey(secretKey, claim.scope));
  const signature = key.sign(stringToSign);
  if (keys === undefined) key.wipe();
  if (!equalSignatures(signature, claim.signature)) throw errors.mismatch();
  // UNSIGNED-PAYLOAD fails here as well: it would let the body be changed.
  if (claim.payloadHash !== undefined && claim.payloadHash !== payloadHash) throw errors.mismatch();
}

/**
 * The signed headers' names. Which fields must be among them is the caller's to say: [S] KMS accepts
 * signatures of Host and X-Amz-Target alone. X-Amz-Date is in the string to sign all the same, the session
 * token is compared with the key's own, and X-Amz-Content-Sha256 with the body.
 */
function checkedNames(
  signedHeaders: string,
  fields: HeaderFields,
  mustSign: readonly string[],
  errors: SigV4Errors,
): readonly string[] {
  const names = signedNames(signedHeaders);
  if (names === undefined) throw badSignedHeaders();
  if (!names.includes('host')) throw notSigned('host');
  for (const name of mustSign) if (fields.has(name) && !names.includes(name)) throw notSigned(name);
  // Absent is not empty: otherwise a field with an empty value could be removed.
  if (!names.every((name) => fields.has(name))) throw errors.mismatch();
  return names;
}

function readCredential(
  { credential, timestamp }: SignatureParts,
  service: string,
  regions: readonly string[] | undefined,
): Pick<SigV4Claim, 'accessKey' | 'region' | 'scope'> {
  const [accessKey = '', day = '', region = '', named, end = '', ...rest] = credential.split('/');
  if (accessKey === '' || end === '' || rest.length > 0) throw badCredential(credential);
  const wantedDay = timestamp.slice(0, 'yyyymmdd'.length);
  const faults: string[] = [];
  if (!(regions?.includes(region) ?? regionForm.test(region)))
    faults.push(scopeFaults.region(region));
  if (named !== service) faults.push(scopeFaults.service(service));
  if (end !== terminator) faults.push(scopeFaults.terminator(terminator, end));
  if (day !== wantedDay) faults.push(scopeFaults.day(day, wantedDay, timestamp));
  if (faults.length > 0) throw badScope(faults);
  return { accessKey, region, scope: `${day}/${region}/${service}/${terminator}` };
}

function checkTime({ time, timestamp, lifetimeMs }: SigV4Claim, now: number): void {
  const earliest = now - lifetimeMs;
  const latest = now + windowMs;
  if (time < earliest)
    throw expired(
      timestamp,
      formatBasicTime(earliest),
      formatBasicTime(now),
      lifetimeMs === windowMs ? '5 min.' : `${lifetimeMs / 1000} sec.`,
    );
  if (time > latest)
    throw notYetCurrent(timestamp, formatBasicTime(latest), formatBasicTime(now), '5 min.');
}

// Signing keys: derived from the secret, once a day and region.

/** Keys kept at most; a client needs one a day and region. Ours: 1024 keys are 700 KiB. */
export const maxSigningKeys = 1024;

/** A cache of signing keys. */
export interface SigningKeys {
  /**
   * The key that a secret has for a scope.
   * @param scope `yyyymmdd/region/service/aws4_request`
   * @returns it stays the cache's: for use at once, before the next call
   */
  get(secretKey: string, scope: string): HmacKey;
  /** Wipes and forgets all keys. Call it when secrets have changed: it also drops the old ones. */
  clear(): void;
}

/**
 * An empty cache. Keys are found by the secret itself, so a secret that has changed under its access
 * key never meets the old one's key; and unknown access keys, which all share one dummy secret, are as
 * fast as known ones. When it is full all keys are wiped: there is no order to keep, and a client that
 * sends invented regions costs the others at most one derivation each time.
 * @param limit keys kept at most
 */
export function createSigningKeys(limit = maxSigningKeys): SigningKeys {
  const scopesBySecret = new Map<string, Map<string, HmacKey>>();
  let size = 0;

  function clear(): void {
    for (const keys of scopesBySecret.values()) for (const key of keys.values()) key.wipe();
    scopesBySecret.clear();
    size = 0;
  }

  return {
    clear,
    get(secretKey, scope) {
      const kept = scopesBySecret.get(secretKey)?.get(scope);
      if (kept !== undefined) return kept;
      if (size >= limit) clear();
      const key = hmacKey(deriveKey(secretKey, scope));
      const keys = scopesBySecret.get(secretKey) ?? new Map<string, HmacKey>();
      scopesBySecret.set(secretKey, keys.set(scope, key));
      size++;
      return key;
    },
  };
}

/**
 * HMAC over each part of the scope in turn, under the prefix and the secret first.
 * @param scope `yyyymmdd/region/service/aws4_request`
 * @param prefix the scheme's
 * @returns 32 bytes, the caller's to wipe
 */
export function deriveKey(secretKey: string, scope: string, prefix = 'AWS4'): Buffer {
  let key = Buffer.from(`${prefix}${secretKey}`);
  for (const part of scope.split('/')) {
    const next = createHmac('sha256', key).update(part).digest();
    key.fill(0);
    key = next;
  }
  return key;
}
