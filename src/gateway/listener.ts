/** Puts a server on an address, or says in one line why not. Judges safety by what was really bound. */
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { type Address, formatAddress, isLoopback } from '../common/address.js';
import { EntropyError } from '../common/errors.js';
import { listenBacklog, type PassedSocket, removeStaleSocket } from '../common/unix-socket.js';

/** The gateway's user and group connect; put a web server that forwards to it into the group. */
const socketMode = 0o660;

/** What bind(2) and getaddrinfo(3) say, in words. libuv turns a missing directory into EACCES. */
const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'already in use; --listen chooses another',
  EACCES: 'permission denied, or the directory does not exist',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'the name is unknown',
};

/**
 * Listens. A Unix socket file gets mode 0660; one that nobody answers is replaced, and the file goes
 * when the server closes. What the service manager opened is its own, file and mode.
 * @param server not yet listening; closed again when this throws
 * @param address where
 * @param missing what it would take to be reached by other hosts; none: they may
 * @returns the address bound, as `--listen` takes it, with the port that the kernel chose for 0
 * @throws EntropyError `ERR_LISTEN`
 */
export async function listen(
  server: Server,
  address: Address | PassedSocket,
  missing: readonly string[],
): Promise<string> {
  try {
    await bind(server, address);
    return safeAddress(server, address, missing);
  } catch (error) {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
    if (error instanceof EntropyError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    const reason = reasons[code] ?? message;
    const name = 'fd' in address ? passedName(address) : formatAddress(address);
    throw new EntropyError('ERR_LISTEN', `cannot listen on ${name}: ${reason}`, { cause: error });
  }
}

/** Of a Unix socket; what is on the network tells its own address. */
function passedName({ fd, path }: PassedSocket): string {
  return path === undefined ? `descriptor ${fd}` : formatAddress({ path });
}

async function bind(server: Server, address: Address | PassedSocket): Promise<void> {
  if ('fd' in address) {
    server.listen({ fd: address.fd, backlog: listenBacklog });
    await once(server, 'listening');
    return;
  }
  if (!('path' in address)) return start(server, address);
  try {
    await start(server, address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await removeStaleSocket(address.path);
    await start(server, address);
  }
  await chmod(address.path, socketMode);
}

async function start(server: Server, address: Address): Promise<void> {
  server.listen(address);
  await once(server, 'listening');
}

/** Runs before any event since bind(2) is handled, so where it throws nobody has been answered. */
function safeAddress(
  server: Server,
  wanted: Address | PassedSocket,
  missing: readonly string[],
): string {
  const bound = server.address() as AddressInfo | string | null;
  // node:net knows the address of every listening socket but a Unix one that was passed.
  if (bound === null) return passedName(wanted as PassedSocket);
  if (typeof bound === 'string') return formatAddress({ path: bound });
  const address = formatAddress({ host: bound.address, port: bound.port });
  if (missing.length === 0 || isLoopback(bound.address)) return address;
  throw new EntropyError(
    'ERR_LISTEN',
    `refusing to listen on ${address}: other hosts can reach it, which takes ${missing.join(' and ')}; otherwise use a loopback address or unix:PATH`,
  );
}
