/** Requests signed by two clients that know nothing of ours. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import aws4 from 'aws4';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import { byName, queryText, type UnsignedRequest, wire } from './signing.js';

/** Who signs, and when. */
export interface Signing {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string | undefined;
  /** Default: `kms`. */
  readonly service?: string | undefined;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** In the query and not in the header. */
  readonly inQuery?: boolean;
  /** X-Amz-Expires. */
  readonly lifetimeSeconds?: number;
  /** Header fields to leave unsigned. */
  readonly unsigned?: readonly string[];
}

/** Signs as the package aws4 does. */
export function signWithAws4(request: UnsignedRequest, signing: Signing): SignedRequest {
  const timestamp = new Date(signing.time).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const { lifetimeSeconds, inQuery = false, unsigned = [] } = signing;
  const query = [
    ...request.query,
    ...(inQuery ? [['X-Amz-Date', timestamp] as const] : []),
    ...(lifetimeSeconds === undefined ? [] : [['X-Amz-Expires', `${lifetimeSeconds}`] as const]),
  ];
  const signed = aws4.sign(
    {
      service: signing.service ?? 'kms',
      region: signing.region,
      method: request.method,
      path: query.length > 0 ? `${request.path}?${queryText(query)}` : request.path,
      headers: {
        ...Object.fromEntries(
          request.headers.map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
        ),
        ...(inQuery ? {} : { 'X-Amz-Date': timestamp }),
      },
      body: request.body,
      signQuery: inQuery,
      extraHeadersToIgnore: Object.fromEntries(unsigned.map((name) => [name, true])),
    } as never,
    {
      accessKeyId: signing.accessKey,
      secretAccessKey: signing.secretKey,
      ...(signing.sessionToken === undefined ? {} : { sessionToken: signing.sessionToken }),
    },
  );
  const [path = '', ...rest] = (signed.path ?? '').split('?');
  return {
    method: request.method,
    path,
    query: rest.join('?'),
    rawHeaders: rawHeaders(Object.entries(signed.headers ?? {})),
    body: request.body,
  };
}

/** Signs as the AWS SDK for JavaScript v3 does. */
export async function signWithSmithy(
  request: UnsignedRequest,
  signing: Signing,
): Promise<SignedRequest> {
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: signing.accessKey,
      secretAccessKey: signing.secretKey,
      ...(signing.sessionToken === undefined ? {} : { sessionToken: signing.sessionToken }),
    },
    region: signing.region,
    service: signing.service ?? 'kms',
    sha256: Sha256,
  });
  const headers = Object.fromEntries(
    request.headers.map(([name, values]) => [name, values.join(',')]),
  );
  const unsignedRequest = {
    method: request.method,
    protocol: 'http:',
    hostname: 'localhost',
    path: request.path,
    query: byName(request.query),
    headers,
    body: request.body,
  };
  const signingDate = new Date(signing.time);
  const signed = signing.inQuery
    ? await signer.presign(unsignedRequest, {
        signingDate,
        expiresIn: signing.lifetimeSeconds ?? 300,
      })
    : await signer.sign(unsignedRequest, { signingDate });
  const fields = new Map(request.headers);
  return {
    method: signed.method,
    path: signed.path,
    query: queryText(
      Object.entries(signed.query ?? {}).flatMap(([name, value]) =>
        [value ?? ''].flat().map((one) => [name, one] as const),
      ),
    ),
    // What was one field of several values for the signer goes out as several fields.
    rawHeaders: rawHeaders(
      Object.entries(signed.headers).map(([name, value]) => [name, fields.get(name) ?? [value]]),
    ),
    body: request.body,
  };
}

/** The hash that the signer of the SDK wants: keyed or not. */
class Sha256 {
  #hash: Hash | Hmac;
  readonly #key: Uint8Array | string | undefined;
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key =
      key === undefined || typeof key === 'string'
        ? key
        : Buffer.from(key as unknown as Uint8Array);
    this.#hash = this.#start();
  }
  #start(): Hash | Hmac {
    return this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  reset(): void {
    this.#hash = this.#start();
  }
  async digest(): Promise<Uint8Array> {
    return Uint8Array.from(this.#hash.digest());
  }
}

function rawHeaders(entries: readonly (readonly [string, unknown])[]): string[] {
  return entries.flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [name, wire(String(value))]),
  );
}
