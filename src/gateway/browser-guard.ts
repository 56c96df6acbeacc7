/**
 * Guards against browsers as somebody else's tool: CSRF and DNS rebinding. APIs accept nothing from web
 * pages. Pages answer only under names of this host, so that a name rebound to 127.0.0.1 reads nothing,
 * and to other hosts only under configured names.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../common/address.js';

/** Fetch Metadata, 2.3: an address that a user typed, and a request of our own page. */
const ownSites: readonly unknown[] = [undefined, 'none', 'same-origin'];

/** Host without its port: RFC 3986 3.2.2, an IPv6 address is in brackets. */
const hostPattern = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:]*))(?::\d*)?$/;

/**
 * Whether a request comes from a web page. No SDK sends Origin; every browser sends it with a POST.
 * @param headers as node:http gives them
 * @returns true: an API must refuse it
 */
export function isFromWebPage(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || !ownSites.includes(headers['sec-fetch-site']);
}

/**
 * Whether pages answer under this Host.
 * @param host the header, with or without a port
 * @param pageHosts further names and addresses, IPv6 without brackets; case does not matter
 * @param local the address that the request came to, or `unix`: localhost and loopback addresses
 *   count only if no other host can connect there
 * @param isMapped whether they count wherever a request came to, and any other address too: a container
 *   sees its mapped port's requests come from outside, under an address that it does not know. A
 *   rebound name still reads nothing
 * @returns false: a page must refuse
 */
export function isPageHost(
  host: string | undefined,
  pageHosts: readonly string[],
  local: string,
  isMapped = false,
): boolean {
  const { ipv6, name } = hostPattern.exec(host?.toLowerCase() ?? '')?.groups ?? {};
  const named = ipv6 ?? name;
  if (!named) return false;
  const isOwn = isMapped || local === 'unix' || isLoopback(local);
  return (
    (isOwn && (name === 'localhost' || isLoopback(named))) ||
    (isMapped && isIP(named) !== 0) ||
    pageHosts.some((allowed) => allowed.toLowerCase() === named)
  );
}
