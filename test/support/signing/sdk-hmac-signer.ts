/** SDK-HMAC-SHA256 from its specification, written without the product's code. */
import { createHash, createHmac } from 'node:crypto';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import { queryText, type UnsignedRequest, wire } from './signing.js';

/** Who signs, and when. */
export interface SdkHmacSigning {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Adds X-Security-Token, signed. */
  readonly securityToken?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Header fields to leave unsigned. */
  readonly unsigned?: readonly string[];
  /** Signs with `Credential=` for this region and service, as OTC's SDK for Go does. */
  readonly scope?: readonly [region: string, service: string] | undefined;
  /** The scope's day, if not that of the time: `yyyymmdd`. */
  readonly day?: string;
}

/**
 * Signs a request.
 * @param request its path percent-encoded or not, as it is to be sent
 * @returns the request with X-Sdk-Date and Authorization, for which nothing else is needed
 */
export function signSdkHmac(request: UnsignedRequest, signing: SdkHmacSigning): SignedRequest {
  const date = new Date(signing.time).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const fields = [
    ...request.headers.flatMap(([name, values]) => values.map((value) => [name, value] as const)),
    ['X-Sdk-Date', date] as const,
    ...(signing.securityToken === undefined
      ? []
      : [['X-Security-Token', signing.securityToken] as const]),
  ];
  const fold = (value: string) => (signing.scope ? value.replace(/[ \t]+/g, ' ') : value);
  const signed = fields
    .map(
      ([name, value]) => [name.toLowerCase(), fold(value.replace(/^[ \t]+|[ \t]+$/g, ''))] as const,
    )
    .filter(([name]) => !signing.unsigned?.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(';');
  const isForm = signing.scope && request.method === 'POST' && request.body.length === 0;
  const payload = isForm
    ? [...request.query]
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map((pair) => pair.map((text) => encode(text).replaceAll('%20', '+')).join('='))
        .join('&')
    : request.body;
  const canonical = [
    request.method,
    `${request.path}/`
      .replace(/\/\/$/, '/')
      .split('/')
      .map(decodeURIComponent)
      .map(encode)
      .join('/'),
    (isForm ? [] : request.query)
      .map(([name, value]) => [encode(name), encode(value)] as const)
      .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
      .map((pair) => pair.join('='))
      .join('&'),
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    createHash('sha256').update(payload).digest('hex'),
  ].join('\n');
  const scope = signing.scope && [signing.day ?? date.slice(0, 8), ...signing.scope, 'sdk_request'];
  const stringToSign = [
    'SDK-HMAC-SHA256',
    date,
    ...(scope ? [scope.join('/')] : []),
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const key = scope?.reduce<string | Buffer>(
    (under, part) => createHmac('sha256', under).update(part).digest(),
    `SDK${signing.secretKey}`,
  );
  const signature = createHmac('sha256', key ?? signing.secretKey)
    .update(stringToSign)
    .digest('hex');
  const signer = scope
    ? `Credential=${signing.accessKey}/${scope.join('/')}`
    : `Access=${signing.accessKey}`;
  return {
    method: request.method,
    path: request.path,
    query: queryText(request.query),
    rawHeaders: [
      ...fields.flatMap(([name, value]) => [name, wire(value)]),
      'Authorization',
      `SDK-HMAC-SHA256 ${signer}, SignedHeaders=${names}, Signature=${signature}`,
    ],
    body: request.body,
  };
}

/** RFC 3986: encodeURIComponent leaves five more characters alone. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
