/**
 * SDK-HMAC-SHA256, the signature scheme of Huawei Cloud's and Open Telekom Cloud's API gateways,
 * verified.
 *
 * Source: Huawei Cloud, API Request Signing Guide. The scheme has no nonce: whoever sees a request in
 * transit can send it again within its fifteen minutes. TLS prevents that.
 */
import { createHmac } from 'node:crypto';
import {
  canonicalRequest,
  equalSignatures,
  formatBasicTime,
  type HeaderFields,
  parseBasicTime,
  parseRequest,
  percentDecode,
  percentEncode,
  type SignedRequest,
  sha256,
  signedNames,
} from './canonical-request.js';

const algorithm = 'SDK-HMAC-SHA256';

/** API Request Signing Guide: X-Sdk-Date may be 15 minutes off. */
const windowMs = 15 * 60_000;

/** Makes the API's own errors. */
export interface SdkHmacErrors {
  /** For everything but a time out of its window. */
  invalid(): Error;
  expired(): Error;
}

/** What a well-formed signature says about itself. Nothing of it is proven before it is verified. */
export interface SdkHmacClaim {
  readonly accessKey: string;
  /** X-Security-Token, of a temporary access key. */
  readonly securityToken: string | undefined;
  /** When it was signed: milliseconds since the epoch. */
  readonly time: number;
  /** Without the payload's hash. */
  readonly canonicalRequest: string;
  /** X-Sdk-Content-Sha256. */
  readonly payloadHash: string | undefined;
  readonly signature: string;
}

/** Fields of which a second one could mean something else to another reader of the request. */
const singleFields = ['authorization', 'x-sdk-date', 'x-security-token', 'x-sdk-content-sha256'];

/**
 * Checks everything that needs no secret: presence, form, and what must be signed.
 * @throws `errors.invalid()`
 */
export function readSdkHmac(request: SignedRequest, errors: SdkHmacErrors): SdkHmacClaim {
  const parsed = parseRequest(request);
  const { fields, authorization } = parsed;
  const field = (name: string) => fields.get(name)?.[0];
  const isRepeated = (name: string) => (fields.get(name)?.length ?? 0) > 1;
  const accessKey = authorization?.parameters.get('Access') ?? '';
  const names = signedNames(authorization?.parameters.get('SignedHeaders') ?? '');
  const time = parseBasicTime(field('x-sdk-date') ?? '');
  if (
    authorization?.scheme !== algorithm ||
    authorization.malformed !== undefined ||
    authorization.repeated !== undefined ||
    accessKey === '' ||
    names === undefined ||
    time === undefined ||
    singleFields.some(isRepeated) ||
    !mustBeSigned(fields).every((name) => names.includes(name)) ||
    !names.every((name) => fields.has(name) && !isRepeated(name))
  )
    throw errors.invalid();
  return {
    accessKey,
    securityToken: field('x-security-token'),
    time,
    canonicalRequest: canonicalRequest(parsed, names, { path: canonicalPath(parsed.path) }),
    payloadHash: field('x-sdk-content-sha256'),
    signature: authorization.parameters.get('Signature') ?? '',
  };
}

/** What a signature is verified with. */
export interface SdkHmacVerification {
  readonly secretKey: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly errors: SdkHmacErrors;
}

/**
 * Verifies time and signature. For an unknown access key call it with a dummy secret all the same, so
 * that the time taken does not tell which access keys exist. Comparing the security token is the
 * caller's task.
 * @param request the one that the claim was read from
 * @throws `errors.expired()`, `errors.invalid()`
 */
export function verifySdkHmac(
  request: SignedRequest,
  claim: SdkHmacClaim,
  { secretKey, now, errors }: SdkHmacVerification,
): void {
  if (Math.abs(now - claim.time) > windowMs) throw errors.expired();
  const payloadHash = sha256(request.body);
  const requestHash = sha256(claim.canonicalRequest + payloadHash);
  const stringToSign = `${algorithm}\n${formatBasicTime(claim.time)}\n${requestHash}`;
  const signature = createHmac('sha256', secretKey).update(stringToSign).digest('hex');
  if (!equalSignatures(signature, claim.signature)) throw errors.invalid();
  // UNSIGNED-PAYLOAD, which the clouds accept, fails here: it would let the body be changed.
  if (claim.payloadHash !== undefined && claim.payloadHash !== payloadHash) throw errors.invalid();
}

function mustBeSigned(fields: HeaderFields): readonly string[] {
  const names = ['host', 'x-sdk-date'];
  return fields.has('x-security-token') ? [...names, 'x-security-token'] : names;
}

/** Encodes every segment, and ends with a slash whether the path has one or not. */
function canonicalPath(path: string): string {
  const encoded = path
    .split('/')
    .map((segment) => percentEncode(percentDecode(segment)))
    .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}
