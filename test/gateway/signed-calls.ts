/** Signers of both schemes, from their specifications alone: for requests without a query. */
import { createHash, createHmac } from 'node:crypto';
import type { GatewayRequest } from '../../src/gateway/route.js';
import { gatewayRequest } from './support.js';

/** Who signs, and when: by default now. */
export interface Signer {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
  readonly time?: number;
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data);
const basicTime = (time: number) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');

/** The request's headers with `added`, lower case and sorted, and what is hashed of them. */
function canonical(added: Record<string, string>) {
  const headers = Object.fromEntries(Object.entries(added).sort(([a], [b]) => (a < b ? -1 : 1)));
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return { headers, lines: lines.join(''), names: Object.keys(headers).join(';') };
}

/**
 * Signature Version 4 for KMS.
 * @param headers all of them are signed
 * @returns the headers to send
 */
export function signAws(
  { accessKey, secretKey, sessionToken, time = Date.now() }: Signer,
  body: string,
  headers: Record<string, string> = {},
): Record<string, string> {
  const date = basicTime(time);
  const scope = `${date.slice(0, 8)}/eu-central-1/kms/aws4_request`;
  const signed = canonical({
    host: 'localhost',
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'TrentService.GenerateRandom',
    'x-amz-date': date,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
    ...headers,
  });
  const request = ['POST', '/', '', signed.lines, signed.names, sha256(body)].join('\n');
  let key: string | Buffer = `AWS4${secretKey}`;
  for (const part of scope.split('/')) key = hmac(key, part).digest();
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(request)].join('\n');
  const signature = hmac(key, toSign).digest('hex');
  const credential = `Credential=${accessKey}/${scope}`;
  return {
    ...signed.headers,
    authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${signed.names}, Signature=${signature}`,
  };
}

/** SDK-HMAC-SHA256; as {@link signAws}. */
export function signSdkHmac(
  { accessKey, secretKey, sessionToken, time = Date.now() }: Signer,
  path: string,
  body: string,
): Record<string, string> {
  const date = basicTime(time);
  const signed = canonical({
    host: 'localhost',
    'content-type': 'application/json',
    'x-sdk-date': date,
    ...(sessionToken === undefined ? {} : { 'x-security-token': sessionToken }),
  });
  const request = ['POST', `${path}/`, '', signed.lines, signed.names, sha256(body)].join('\n');
  const signature = hmac(secretKey, `SDK-HMAC-SHA256\n${date}\n${sha256(request)}`).digest('hex');
  return {
    ...signed.headers,
    authorization: `SDK-HMAC-SHA256 Access=${accessKey}, SignedHeaders=${signed.names}, Signature=${signature}`,
  };
}

/** Headers of a signature that an open gateway takes: well-formed, by nobody. */
export const unverifiable = signAws({ accessKey: 'any', secretKey: 'any' }, '');

/** A request for GenerateRandom as `signer` sends it. */
export function awsRequest(signer: Signer, body = '{"NumberOfBytes": 32}'): GatewayRequest {
  return gatewayRequest({ headers: signAws(signer, body), body: Buffer.from(body) });
}
