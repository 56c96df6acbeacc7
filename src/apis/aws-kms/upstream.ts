/** The real AWS KMS as an upstream: its domains, and signing again (AWS Signature Version 4). */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { EntropyError } from '../../common/errors.js';
import type { ApiRequest } from '../api.js';
import type { UpstreamService, UpstreamTarget } from '../upstream/endpoint.js';
import { keptHeaders } from '../upstream/headers.js';
import {
  createUpstream,
  type Signer,
  type Upstream,
  type UpstreamOptions,
} from '../upstream/upstream.js';

/** Domains of the real service: the DNS suffixes of the partitions in AWS's endpoint rules. */
export const awsService: UpstreamService = {
  key: 'gateway.upstream',
  domains: [
    'amazonaws.com',
    'api.aws',
    'amazonaws.com.cn',
    'api.amazonwebservices.com.cn',
    'amazonaws.eu',
    'api.amazonwebservices.eu',
    'c2s.ic.gov',
    'api.aws.ic.gov',
    'sc2s.sgov.gov',
    'api.aws.scloud',
    'cloud.adc-e.uk',
    'api.cloud-aws.adc-e.uk',
    'csp.hci.ic.gov',
    'api.aws.hci.ic.gov',
  ],
};

/** A region after the service's label: kms.REGION, kms-fips.REGION, also behind a VPC endpoint's name. */
const regionInHost = /(?:^|\.)kms(?:-fips)?\.([a-z]{2,8}(?:-[a-z]{2,16}){1,3}-\d{1,2})\./;

/** What an SDK sends besides its signature. */
const kept: readonly string[] = [
  'accept',
  'accept-encoding',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'content-type',
  'user-agent',
  'x-amz-target',
  'x-amz-user-agent',
];

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

/** What signs, and for which region. */
export interface AwsSigning {
  /** Default: the credential provider chain of the AWS SDK. */
  readonly credentials?: CredentialProvider | undefined;
  /** Default: the host's, otherwise the one that each client signed for. */
  readonly region?: string | undefined;
}

/**
 * KMS itself or an emulator of it.
 * @throws EntropyError `ERR_CONFIG`
 */
export function createAwsUpstream(options: UpstreamOptions & AwsSigning): Upstream {
  const kind = {
    ...awsService,
    requestIdHeader: 'x-amzn-requestid',
    createSigner: (target: UpstreamTarget) => createSigner(target, options),
  };
  return createUpstream(kind, options);
}

/**
 * A signer for one endpoint. The signing library and the default provider are loaded with the first
 * request.
 * @param signing without credentials: the AWS SDK's chain (environment, files, SSO, web identity, container
 *   and instance metadata)
 * @returns a signer that throws whatever the provider throws, and EntropyError `ERR_UPSTREAM` if neither
 *   the endpoint nor the client's signature names a region
 */
export function createSigner(
  { host, hostname, secure }: UpstreamTarget,
  { credentials, region = regionInHost.exec(hostname)?.[1] }: AwsSigning = {},
): Signer {
  let loading: Promise<SignatureV4> | undefined;
  return async (request) => {
    const signingRegion = region ?? clientRegion(request);
    if (signingRegion === undefined)
      throw new EntropyError('ERR_UPSTREAM', `no region to sign for ${host} with`);
    loading ??= loadSigner(credentials);
    const signer = await loading;
    const { headers } = await signer.sign(
      {
        method: 'POST',
        protocol: secure ? 'https:' : 'http:',
        hostname,
        path: '/',
        headers: { ...keptHeaders(request.headers, kept, request.body.length), host },
        body: request.body,
      },
      { signingRegion },
    );
    return { path: '/', headers };
  };
}

function clientRegion({ headers, query }: ApiRequest): string | undefined {
  return scopedRegion.exec(headers.authorization ?? query)?.[1];
}

type SignatureV4 = Awaited<ReturnType<typeof loadSigner>>;

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
