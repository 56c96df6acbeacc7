/**
 * SDK-HMAC-SHA256, the signature scheme of Huawei Cloud's and Open Telekom Cloud's API gateways: verified,
 * with `Access=` and with `Credential=` and a scope; and signed, with `Access=`.
 *
 * Sources: Huawei Cloud, API Request Signing Guide, for `Access=`; signer_helper.go of OTC's SDK for Go,
 * gophertelekomcloud 0.9.3, for `Credential=`, which no guide describes.
 *
 * X-Sdk-Date is the only header that must be signed, says the guide, and Huawei's SDK for Go leaves Host
 * out. Then the signature does not say for which host it is: a request to another gateway that knows the key
 * can be sent here as well, and the other way round. Method, path, query, time and body are always covered.
 * Nor has the scheme a nonce: whoever sees a request in transit can send it again within its fifteen
 * minutes. TLS keeps others from seeing it.
 */
import { createHmac } from 'node:crypto';
import {
  type Authorization,
  canonicalRequest,
  compare,
  equalSignatures,
  formatBasicTime,
  parseBasicTime,
  parseQuery,
  parseRequest,
  percentDecode,
  percentEncode,
  type QueryParameter,
  type SignedRequest,
  sha256,
  signedNames,
} from './canonical-request.js';
import { deriveKey } from './sigv4.js';

const algorithm = 'SDK-HMAC-SHA256';

/** API Request Signing Guide: X-Sdk-Date may be 15 minutes off. */
const windowMs = 15 * 60_000;

/** The scope's region and service may be empty: OTC's SDK for Go leaves them so. */
const credentialForm = /^(?<accessKey>[^/]+)\/(?<scope>(?<day>\d{8})\/[^/]*\/[^/]*\/sdk_request)$/;

/** Makes the API's own errors. */
export interface SdkHmacErrors {
  /** For everything but a time out of its window. */
  invalid(): Error;
  expired(): Error;
}

/** What a well-formed signature says about itself. Nothing of it is proven before it is verified. */
export interface SdkHmacClaim {
  readonly accessKey: string;
  /** X-Security-Token, of a temporary access key. With a scope it need not be signed. */
  readonly securityToken: string | undefined;
  /** When it was signed: milliseconds since the epoch. */
  readonly time: number;
  /** `yyyymmdd/region/service/sdk_request`; undefined: signed with `Access=`. */
  readonly scope: string | undefined;
  /** Without the payload's hash. */
  readonly canonicalRequest: string;
  /** What is hashed in place of the body. */
  readonly payload: string | undefined;
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
  const signer = authorization && readSigner(authorization);
  const names = signedNames(authorization?.parameters.get('SignedHeaders') ?? '');
  const date = field('x-sdk-date') ?? '';
  const time = parseBasicTime(date);
  const securityToken = field('x-security-token');
  if (
    authorization?.scheme !== algorithm ||
    authorization.malformed !== undefined ||
    authorization.repeated !== undefined ||
    signer === undefined ||
    names === undefined ||
    time === undefined ||
    singleFields.some(isRepeated) ||
    !names.includes('x-sdk-date') ||
    !names.every((name) => fields.has(name) && !isRepeated(name))
  )
    throw errors.invalid();
  const { accessKey, scope, day } = signer;
  const path = canonicalPath(parsed.path);
  const claim = {
    accessKey,
    securityToken,
    time,
    scope,
    payloadHash: field('x-sdk-content-sha256'),
    signature: authorization.parameters.get('Signature') ?? '',
  };
  if (scope === undefined) {
    if (securityToken !== undefined && !names.includes('x-security-token')) throw errors.invalid();
    return {
      ...claim,
      canonicalRequest: canonicalRequest(parsed, names, { path }),
      payload: undefined,
    };
  }
  if (day !== date.slice(0, 'yyyymmdd'.length)) throw errors.invalid();
  // Without a body that SDK signs the query as if it were the body of a form. So the signature would also
  // fit a request with that body and no query; no JSON object has this form.
  const isForm = parsed.method === 'POST' && request.body.length === 0;
  const query = parseQuery(request.query.replaceAll('+', '%20'));
  return {
    ...claim,
    canonicalRequest: canonicalRequest(parsed, names, {
      path,
      query: isForm ? [] : query,
      foldBlanks: true,
    }),
    payload: isForm ? formOf(query) : undefined,
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
  const payloadHash = sha256(claim.payload ?? request.body);
  const signature = signatureOf({ ...claim, payloadHash }, secretKey);
  if (!equalSignatures(signature, claim.signature)) throw errors.invalid();
  // UNSIGNED-PAYLOAD, which the clouds accept, fails here: it would let the body be changed.
  if (claim.payloadHash !== undefined && claim.payloadHash !== payloadHash) throw errors.invalid();
}

/** Who signs. */
export interface SdkHmacSigner {
  readonly accessKey: string;
  readonly secretKey: string;
}

/**
 * Signs a request, with `Access=`.
 * @param request with X-Sdk-Date. Every header field that it has is signed; none may occur twice
 * @returns the value of Authorization, which the request does not have yet
 */
export function signSdkHmac(
  request: SignedRequest,
  { accessKey, secretKey }: SdkHmacSigner,
): string {
  const parsed = parseRequest(request);
  const names = [...parsed.fields.keys()].sort(compare);
  const signature = signatureOf(
    {
      time: parseBasicTime(parsed.fields.get('x-sdk-date')?.[0] ?? '') ?? Number.NaN,
      scope: undefined,
      canonicalRequest: canonicalRequest(parsed, names, { path: canonicalPath(parsed.path) }),
      payloadHash: sha256(request.body),
    },
    secretKey,
  );
  return `${algorithm} Access=${accessKey}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

/** @returns 64 lower-case hexadecimal digits */
function signatureOf(
  {
    time,
    scope,
    canonicalRequest: withoutPayload,
    payloadHash,
  }: Pick<SdkHmacClaim, 'time' | 'scope' | 'canonicalRequest'> & { payloadHash: string },
  secretKey: string,
): string {
  const lines = [algorithm, formatBasicTime(time), scope, sha256(withoutPayload + payloadHash)];
  const stringToSign = lines.filter((line) => line !== undefined).join('\n');
  const key = scope === undefined ? secretKey : deriveKey(secretKey, scope, 'SDK');
  const signature = createHmac('sha256', key).update(stringToSign).digest('hex');
  if (typeof key !== 'string') key.fill(0);
  return signature;
}

/** Who signed, in either form; undefined: in neither, or in both. */
function readSigner({
  parameters,
}: Authorization): { accessKey: string; scope?: string; day?: string } | undefined {
  const accessKey = parameters.get('Access');
  const credential = parameters.get('Credential');
  if (credential === undefined) return accessKey ? { accessKey } : undefined;
  const { groups } = credentialForm.exec(credential) ?? {};
  if (accessKey !== undefined || groups === undefined) return undefined;
  return groups as { accessKey: string; scope: string; day: string };
}

/** Encodes every segment, and ends with a slash whether the path has one or not. */
function canonicalPath(path: string): string {
  const encoded = path
    .split('/')
    .map((segment) => percentEncode(percentDecode(segment)))
    .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

/** The query as Go's url.Values writes it: sorted by name, values in their order, `+` for a space. */
function formOf(query: readonly QueryParameter[]): string {
  const encode = (text: string) => percentEncode(text).replaceAll('%20', '+');
  return [...query]
    .sort(([name], [other]) => compare(name, other))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}
