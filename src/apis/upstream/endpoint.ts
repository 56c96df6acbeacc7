/** The endpoint that an option such as `--upstream` names, and whether requests to it are signed again. */
import { isLoopback } from '../../common/address.js';
import { EntropyError } from '../../common/errors.js';

/** The real service of an API, and where its upstream is configured. */
export interface UpstreamService {
  /** The key of the configuration. */
  readonly key: `gateway.${string}`;
  /** DNS domains that are its provider's alone. */
  readonly domains: readonly string[];
}

/** What {@link upstreamTarget} reads. */
export interface UpstreamTargetOptions {
  /** `https://HOST[:PORT]`, or `http://` for an emulator. */
  readonly url: string;
  /** Whether to sign with credentials of our own; default: if the host is the real service's. */
  readonly resign?: boolean | undefined;
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
}

/**
 * Reads and checks where requests are sent on. Plain http is for emulators: never for the real service,
 * and with credentials of our own only to this host.
 * @throws EntropyError `ERR_CONFIG`
 */
export function upstreamTarget(
  { key, domains }: UpstreamService,
  options: UpstreamTargetOptions,
): UpstreamTarget {
  const url = checkedUrl(options.url, key);
  const secure = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const real = isWithin(hostname, domains);
  const resign = options.resign ?? real;
  if (!secure && (real || (resign && !isThisHost(hostname))))
    throw configError(key, options.url, 'want https for a service that is not on this host');
  return {
    secure,
    hostname,
    port: Number(url.port) || (secure ? 443 : 80),
    host: url.host,
    resign,
    isEmulator: !real && !resign,
  };
}

/**
 * Refuses an upstream behind an open gateway: whoever reaches the gateway could use the endpoint, and,
 * if requests are signed again, with the gateway's rights.
 * @param upstream undefined: there is none
 * @param verified whether every request's signature is verified
 * @param insecureNetwork whether everyone may use an emulator
 * @throws EntropyError `ERR_CONFIG`
 */
export function checkUpstreamCallers(
  { key }: UpstreamService,
  upstream: Pick<UpstreamTarget, 'host' | 'isEmulator'> | undefined,
  verified: boolean,
  insecureNetwork: boolean,
): void {
  if (upstream === undefined || verified) return;
  if (insecureNetwork && upstream.isEmulator) return;
  throw configError(
    key,
    upstream.host,
    'want --credentials too: only requests with verified signatures are sent there',
  );
}

function checkedUrl(text: string, key: string): URL {
  // First, and by the text: what URL cannot read may have a password all the same.
  if (text.includes('@'))
    throw new EntropyError('ERR_CONFIG', 'upstream: want a URL without user and password', { key });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url !== undefined && ['http:', 'https:'].includes(url.protocol);
  if (!isHttp || url.hostname === '' || url.port === '0')
    throw configError(key, text, 'want https://HOST[:PORT] or http://HOST[:PORT]');
  // A request's path is the API's own; emulators differ in what one before it means.
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw configError(key, text, 'want no path, query or fragment');
  return url;
}

/** A trailing dot makes a name absolute; it is the same name. */
function isWithin(hostname: string, domains: readonly string[]): boolean {
  const name = hostname.replace(/\.$/, '');
  return domains.some((domain) => name === domain || name.endsWith(`.${domain}`));
}

function isThisHost(hostname: string): boolean {
  return hostname === 'localhost' || isLoopback(hostname);
}

function configError(key: string, url: string, wanted: string): EntropyError {
  return new EntropyError('ERR_CONFIG', `upstream ${JSON.stringify(url)}: ${wanted}`, { key });
}
