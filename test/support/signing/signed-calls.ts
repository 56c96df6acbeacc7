/** Calls of the APIs as clients sign them with either scheme, in few words. */

import type { ApiRequest } from '../../../src/apis/api.js';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import { apiRequest } from '../gateway.js';
import { signSdkHmac as signWithSdkHmac } from './sdk-hmac-signer.js';
import { signWithAws4 } from './sigv4-signers.js';

/** Who signs, and when: by default now. */
export interface Signer {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string | undefined;
  readonly time?: number;
  /** Of SDK-HMAC-SHA256 only: signs with `Credential=` for this region and service. */
  readonly scope?: readonly [region: string, service: string];
  /** Of SigV4 only: what it signs for; default: `kms`. */
  readonly service?: string | undefined;
  /** Header fields to leave unsigned; SigV4 only. */
  readonly unsigned?: readonly string[];
}

/** An unsigned POST; every header is signed. */
const post = (path: string, headers: Record<string, string>, body: string) => ({
  method: 'POST',
  path,
  query: [],
  headers: Object.entries(headers).map(([name, value]) => [name, [value]] as const),
  body: Buffer.from(body),
});

/** The headers to send, by their names in lower case. */
function headersOf({ rawHeaders }: SignedRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers[`${rawHeaders[i]}`.toLowerCase()] = `${rawHeaders[i + 1]}`;
  return headers;
}

/** Signature Version 4, for KMS unless told otherwise. @returns the headers to send */
export function signAws(
  { time = Date.now(), unsigned = [], ...signer }: Signer,
  body: string,
  headers: Record<string, string> = {},
): Record<string, string> {
  const all = {
    host: 'localhost',
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'TrentService.GenerateRandom',
    ...headers,
  };
  const signing = {
    ...signer,
    region: 'eu-central-1',
    time,
    unsigned: ['content-length', ...unsigned],
  };
  const { 'content-length': _, ...signed } = headersOf(signWithAws4(post('/', all, body), signing));
  return signed;
}

/** SDK-HMAC-SHA256; as {@link signAws}. */
export function signSdkHmac(
  { time = Date.now(), sessionToken, ...signer }: Signer,
  path: string,
  body: string,
): Record<string, string> {
  const headers = { host: 'localhost', 'content-type': 'application/json' };
  const signing = { ...signer, securityToken: sessionToken, time };
  return headersOf(signWithSdkHmac(post(path, headers, body), signing));
}

/** Headers of a signature that an open gateway takes: well-formed, by nobody. */
export const unverifiable = signAws({ accessKey: 'any', secretKey: 'any' }, '');

/** A request for GenerateRandom as `signer` sends it. */
export function awsRequest(signer: Signer, body = '{"NumberOfBytes": 32}'): ApiRequest {
  return apiRequest({ headers: signAws(signer, body), body: Buffer.from(body) });
}
