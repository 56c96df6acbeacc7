/** Listen addresses: `HOST:PORT` and `unix:PATH`, parsed and formatted. */
import { BlockList, isIP } from 'node:net';
import { EntropyError } from './errors.js';
import { maxPathBytes } from './unix-socket.js';

/** Where to listen, in the form that `net.Server.listen` takes. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

const unixPrefix = 'unix:';

/** Port numbers have 16 bits (RFC 9293). With 0 the kernel chooses the port. */
const maxPort = 65535;

/** A host name, an IPv4 address, or an IPv6 address in brackets; then the port. */
const hostPort = /^(?:\[(?<ipv6>[^\]]+)\]|(?<name>[\w.-]+)):(?<port>\d{1,5})$/;

// RFC 1122 3.2.1.3 and RFC 4291 2.5.3. BlockList also matches 127/8 mapped into IPv6.
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Parses a listen address.
 * @param text `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`
 * @returns the address; host names are not resolved
 * @throws EntropyError `ERR_CONFIG`
 */
export function parseAddress(text: string): Address {
  if (text.startsWith(unixPrefix)) return { path: checkedPath(text.slice(unixPrefix.length)) };
  const { ipv6, name, port } = hostPort.exec(text)?.groups ?? {};
  const host = ipv6 ?? name;
  if (host === undefined || Number(port) > maxPort || (ipv6 !== undefined && isIP(ipv6) !== 6))
    throw new EntropyError(
      'ERR_CONFIG',
      `listen address ${JSON.stringify(text)}: want HOST:PORT, [IPV6]:PORT (port 0 to ${maxPort}) or unix:PATH`,
    );
  return { host, port: Number(port) };
}

/**
 * Formats an address so that {@link parseAddress} reads it back.
 * @param address an address from the configuration, or one that the kernel bound
 * @returns `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`
 */
export function formatAddress(address: Address): string {
  if ('path' in address) return `${unixPrefix}${address.path}`;
  const { host, port } = address;
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Whether only this host can reach an address.
 * @param ip an IPv4 or IPv6 address; false for names and any other text
 */
export function isLoopback(ip: string): boolean {
  const version = isIP(ip);
  return version !== 0 && loopback.check(ip, version === 4 ? 'ipv4' : 'ipv6');
}

function checkedPath(path: string): string {
  const size = Buffer.byteLength(path);
  if (size === 0 || size > maxPathBytes || path.includes('\0'))
    throw new EntropyError(
      'ERR_CONFIG',
      `listen address ${JSON.stringify(unixPrefix + path)}: want a path of 1 to ${maxPathBytes} bytes without NUL`,
    );
  return path;
}

/** The IPv4 address that a socket for both versions of IP sees mapped into IPv6; any other text as it is. */
export function unmapped(ip: string): string {
  return /^::ffff:([\d.]+)$/i.exec(ip)?.[1] ?? ip;
}

/** A client that has IPv6 usually has a whole /64 network to itself (RFC 6177): four groups of eight. */
const networkGroups = 4;

/**
 * What counts as one client.
 * @param ip an IPv4 or IPv6 address
 * @returns the IPv4 address, or the /64 network's groups; the same text for every way to write it
 */
export function clientNetwork(ip: string): string {
  const address = unmapped(ip);
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = ip.toLowerCase().split('%')[0]?.split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...zeros, ...after].slice(0, networkGroups);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}
