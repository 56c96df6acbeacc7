/**
 * SDK-HMAC-SHA256, the signature scheme of Huawei Cloud's and Open Telekom Cloud's API gateways,
 * verified.
 *
 * Source: Huawei Cloud, API Request Signing Guide. The scheme has no nonce: whoever sees a request on
 * its way can send it once more within its fifteen minutes. TLS prevents that.
 */
import { createHmac } from 'node:crypto';
import { authenticationError, genRandomError } from '../huawei-kms/format.js';
import {
  canonicalQuery,
  canonicalRequest,
  equalSignatures,
  formatBasicTime,
  headerFields,
  parseAuthorization,
  parseBasicTime,
  parseQuery,
  percentDecode,
  percentEncode,
  type SignedRequest,
  sha256,
  signedNames,
} from './canonical-request.js';

const algorithm = 'SDK-HMAC-SHA256';

/** API Request Signing Guide: X-Sdk-Date may be 15 minutes off. */
const windowMs = 15 * 60_000;

/** What a well-formed signature says of itself. Nothing of it is proven before it is verified. */
export interface SdkHmacClaim {
  readonly accessKey: string;
  /** X-Security-Token, of a temporary access key. */
  readonly securityToken: string | undefined;
  /** When it was signed: milliseconds since the epoch. */
  readonly time: number;
  /** All but the payload's hash. */
  readonly canonicalRequest: string;
  /** X-Sdk-Content-Sha256. */
  readonly payloadHash: string | undefined;
  readonly signature: string;
}

/**
 * Everything that needs no secret: presence, form, and what must be signed.
 * @throws ServiceError `APIGW.0301`; the service has one text for all of it
 */
export function readSdkHmac(request: SignedRequest): SdkHmacClaim {
  const fields = headerFields(request.rawHeaders);
  /** A field that nobody may read in two ways: not repeated. */
  const single = (name: string): string | undefined => {
    const [value, second] = fields.get(name) ?? [];
    if (second !== undefined) throw genRandomError('APIGW.0301');
    return value;
  };
  const { scheme, parameters, ...faults } = parseAuthorization(single('authorization') ?? '');
  const accessKey = parameters.get('Access') ?? '';
  const signedHeaders = parameters.get('SignedHeaders') ?? '';
  const names = signedNames(signedHeaders);
  const time = parseBasicTime(single('x-sdk-date') ?? '');
  if (
    scheme !== algorithm ||
    faults.malformed !== undefined ||
    faults.repeated !== undefined ||
    accessKey === '' ||
    names === undefined ||
    time === undefined
  )
    throw genRandomError('APIGW.0301');
  const mustBeSigned = [
    'host',
    'x-sdk-date',
    ...(fields.has('x-security-token') ? ['x-security-token'] : []),
  ];
  if (!mustBeSigned.every((name) => names.includes(name))) throw genRandomError('APIGW.0301');
  const lines = names.map((name) => {
    const value = single(name);
    if (value === undefined) throw genRandomError('APIGW.0301');
    return `${name}:${value}\n`;
  });
  return {
    accessKey,
    securityToken: single('x-security-token'),
    time,
    canonicalRequest: canonicalRequest(
      request.method,
      canonicalPath(request.path),
      canonicalQuery(parseQuery(request.query)),
      lines.join(''),
      signedHeaders,
    ),
    payloadHash: single('x-sdk-content-sha256'),
    signature: parameters.get('Signature') ?? '',
  };
}

/**
 * Verifies time and signature. For an unknown access key call it with a dummy secret all the same, so
 * that the time taken does not tell which access keys exist. The security token is the caller's to
 * compare.
 * @param request the one that the claim was read from
 * @param now milliseconds since the epoch
 * @throws ServiceError `APIGW.0301`
 */
export function verifySdkHmac(
  request: SignedRequest,
  claim: SdkHmacClaim,
  secretKey: string,
  now: number,
): void {
  if (Math.abs(now - claim.time) > windowMs) throw authenticationError('expired');
  const payloadHash = sha256(request.body);
  const requestHash = sha256(claim.canonicalRequest + payloadHash);
  const stringToSign = `${algorithm}\n${formatBasicTime(claim.time)}\n${requestHash}`;
  const signature = createHmac('sha256', secretKey).update(stringToSign).digest('hex');
  if (!equalSignatures(signature, claim.signature)) throw genRandomError('APIGW.0301');
  // UNSIGNED-PAYLOAD, which the clouds take, fails here: it would let the body be changed.
  if (claim.payloadHash !== undefined && claim.payloadHash !== payloadHash)
    throw genRandomError('APIGW.0301');
}

/** Every segment encoded, and a slash at the end, whether the path has one or not. */
function canonicalPath(path: string): string {
  const encoded = path
    .split('/')
    .map((segment) => percentEncode(percentDecode(segment)))
    .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}
