/** Signs requests again (AWS Signature Version 4), with the gateway's own credentials. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { EntropyError } from '../../../common/errors.js';
import type { ApiRequest } from '../../api.js';
import type { UpstreamTarget } from './endpoint.js';
import { unsignedHeaders } from './headers.js';

/** What signs; its provider knows when to get new ones. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Gives credentials for each request; caches and renews them as it sees fit. */
export type CredentialProvider = () => Promise<AwsCredentials>;

/**
 * The region of a credential's scope, key/date/region/kms/aws4_request, in a header or, with its
 * slashes encoded, in a query. Every part is bounded, and none can hold a slash.
 */
const scopedRegion =
  /Credential=[^/%,&\s]{1,128}(?:\/|%2[Ff])\d{8}(?:\/|%2[Ff])([a-z0-9-]{1,32})(?:\/|%2[Ff])kms(?:\/|%2[Ff])aws4_request/;

/**
 * A signer for one endpoint. The signing library and the default provider are loaded with the first
 * request.
 * @param provider default: the AWS SDK's chain (environment, files, SSO, web identity, container and
 *   instance metadata)
 * @returns a function that gives the headers to send, `Host` among them and none of the client's own
 *   authentication. It throws whatever the provider throws, and EntropyError `ERR_UPSTREAM` if neither
 *   the endpoint nor the client's signature names a region
 */
export function createSigner(
  { host, hostname, secure, region }: UpstreamTarget,
  provider?: CredentialProvider,
): (request: ApiRequest) => Promise<Record<string, string>> {
  let loading: Promise<Signer> | undefined;
  return async (request) => {
    const signingRegion = region ?? clientRegion(request);
    if (signingRegion === undefined)
      throw new EntropyError('ERR_UPSTREAM', `no region to sign for ${host} with`);
    loading ??= loadSigner(provider);
    const signer = await loading;
    const { headers } = await signer.sign(
      {
        method: 'POST',
        protocol: secure ? 'https:' : 'http:',
        hostname,
        path: '/',
        headers: { ...unsignedHeaders(request.headers, request.body.length), host },
        body: request.body,
      },
      { signingRegion },
    );
    return headers;
  };
}

function clientRegion({ headers, query }: ApiRequest): string | undefined {
  return scopedRegion.exec(headers.authorization ?? query)?.[1];
}

type Signer = Awaited<ReturnType<typeof loadSigner>>;

async function loadSigner(provider?: CredentialProvider) {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const credentials =
    provider ?? (await import('@aws-sdk/credential-provider-node')).defaultProvider();
  return new SignatureV4({
    service: 'kms',
    region: '', // each request has its own
    credentials,
    sha256: Sha256,
  });
}

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** SHA-256, or with a key its HMAC, in the form that the signing library takes. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(key?: Bytes) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', toBuffer(key));
  }

  update(data: Bytes): void {
    this.#hash.update(toBuffer(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function toBuffer(data: Bytes): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data);
}
