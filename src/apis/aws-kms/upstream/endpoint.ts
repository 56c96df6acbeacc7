/** The KMS endpoint that `--upstream` names, and whether requests to it are signed again. */
import { isLoopback } from '../../../common/address.js';
import { EntropyError } from '../../../common/errors.js';

/** Domains of the real service: the DNS suffixes of the partitions in AWS's endpoint rules. */
export const awsDomains: readonly string[] = [
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
];

/** A region after the service's label: kms.REGION, kms-fips.REGION, also behind a VPC endpoint's name. */
const regionInHost = /(?:^|\.)kms(?:-fips)?\.([a-z]{2,8}(?:-[a-z]{2,16}){1,3}-\d{1,2})\./;

/** What {@link upstreamTarget} reads. */
export interface UpstreamTargetOptions {
  /** `https://HOST[:PORT]`, or `http://` for an emulator. */
  readonly url: string;
  /** Whether to sign with credentials of our own; default: if the host is the real service's. */
  readonly resign?: boolean | undefined;
  /** The region to sign for; default: the host's, otherwise the one that each client signed for. */
  readonly region?: string | undefined;
}

/** A checked endpoint. */
export interface UpstreamTarget {
  readonly secure: boolean;
  /** As node:http takes it: an IPv6 address has no brackets. */
  readonly hostname: string;
  readonly port: number;
  /** As the Host header and people write it: with the port unless it is the scheme's own. */
  readonly host: string;
  readonly resign: boolean;
  /** Whether it is not the real service, and sees no signature of ours. */
  readonly isEmulator: boolean;
  /** undefined: the one in the client's own signature. */
  readonly region: string | undefined;
}

/**
 * Reads and checks where requests are sent on. Plain http is for emulators: never for the real service,
 * and with credentials of our own only to this host.
 * @throws EntropyError `ERR_CONFIG`
 */
export function upstreamTarget(options: UpstreamTargetOptions): UpstreamTarget {
  const url = checkedUrl(options.url);
  const secure = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const real = isRealService(hostname);
  const resign = options.resign ?? real;
  if (!secure && (real || (resign && !isThisHost(hostname))))
    throw configError(options.url, 'want https for a service that is not on this host');
  return {
    secure,
    hostname,
    port: Number(url.port) || (secure ? 443 : 80),
    host: url.host,
    resign,
    isEmulator: !real && !resign,
    region: options.region ?? regionInHost.exec(hostname)?.[1],
  };
}

/** The key of the configuration. */
const key = 'gateway.upstream';

/**
 * Refuses an upstream behind an open gateway: whoever reaches the gateway could use the endpoint, and,
 * if requests are signed again, with the gateway's rights.
 * @param upstream undefined: there is none
 * @param verified whether every request's signature is verified
 * @param insecureNetwork whether everyone may use an emulator
 * @throws EntropyError `ERR_CONFIG`
 */
export function checkUpstreamCallers(
  upstream: Pick<UpstreamTarget, 'host' | 'isEmulator'> | undefined,
  verified: boolean,
  insecureNetwork: boolean,
): void {
  if (upstream === undefined || verified) return;
  if (insecureNetwork && upstream.isEmulator) return;
  throw configError(
    upstream.host,
    'want --credentials too: only requests with verified signatures are sent there',
  );
}

function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '')
    throw configError(text, 'want https://HOST[:PORT] or http://HOST[:PORT]');
  if (url.username !== '' || url.password !== '')
    throw new EntropyError('ERR_CONFIG', 'upstream: want a URL without user and password', { key });
  // KMS has one path; emulators differ in what a longer one means.
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw configError(text, 'want no path, query or fragment');
  return url;
}

/** A trailing dot makes a name absolute; it is the same name. */
function isRealService(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  return awsDomains.some((domain) => name === domain || name.endsWith(`.${domain}`));
}

function isThisHost(hostname: string): boolean {
  return hostname === 'localhost' || isLoopback(hostname);
}

function configError(url: string, wanted: string): EntropyError {
  return new EntropyError('ERR_CONFIG', `upstream ${JSON.stringify(url)}: ${wanted}`, { key });
}
