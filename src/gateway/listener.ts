/** An open address: binds it, and judges whether what was really bound is safe. */
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { type AddressInfo, isIP, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type Address, formatAddress, isLoopback } from '../common/address.js';
import { EntropyError } from '../common/errors.js';
import { bindUnixSocket, listenBacklog, type PassedSocket } from '../common/unix-socket.js';
import type { MalformedResponse } from './answer.js';
import type { Connections } from './connections.js';
import type { RequestHandler } from './exchange.js';
import { createHttpServer, createHttpsServer, httpLimits } from './http-server.js';
import { finishSessions } from './http2-server.js';
import type { Transport } from './request-head.js';
import type { TlsContext } from './tls-files.js';

/** For the gateway's user and group; put a web server that forwards to it into the group. */
const socketMode = 0o660;

/** What bind(2) and getaddrinfo(3) report, in words. libuv turns a missing directory into EACCES. */
const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'already in use; --listen chooses another',
  EACCES: 'permission denied, or the directory does not exist',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'the name is unknown',
};

/** A server of requests, whoever accepts its connections. */
export interface RequestServer {
  readonly server: HttpServer | TlsServer;
  /** Whether it speaks TLS. */
  readonly isSecure: boolean;
  /** Uses another certificate from now on, if it speaks TLS. */
  renew(tls: TlsContext): void;
}

/** An open address. */
export interface Listener extends RequestServer {
  /** As `--listen` takes it. */
  readonly address: string;
}

/** What all listeners of a gateway have in common. */
export interface ListenerOptions {
  readonly handler: Pick<RequestHandler, 'listener'>;
  readonly malformed: MalformedResponse;
  readonly connections: Pick<Connections, 'accept' | 'secured' | 'acceptFailed' | 'requestsEach'>;
  /** For TCP; a Unix socket has the kernel's protection. */
  readonly tls: TlsContext | undefined;
  /** What other hosts' access would take; none: they may. */
  readonly missing: readonly string[];
}

/** Over what an address is reached. */
export function transportOf(where: Address | PassedSocket): Transport {
  return 'path' in where && where.path !== undefined ? 'unix' : 'tcp';
}

/** A server that does not listen, for connections over TCP or a Unix socket. */
export function createRequestServer(
  transport: Transport,
  { handler, malformed, connections, tls }: Omit<ListenerOptions, 'missing'>,
): RequestServer {
  const handle = handler.listener(transport);
  const limits = { ...httpLimits, streams: connections.requestsEach };
  const secure =
    transport === 'unix' || tls === undefined
      ? undefined
      : createHttpsServer(handle, malformed, tls, limits);
  const server = secure ?? createHttpServer(handle, malformed, limits);
  secure?.on('secureConnection', (socket) => connections.secured(socket));
  return {
    server,
    isSecure: secure !== undefined,
    renew: (next) => secure?.setSecureContext(next),
  };
}

/**
 * Opens an address.
 * @throws EntropyError `ERR_LISTEN`
 */
export async function openListener(
  where: Address | PassedSocket,
  { missing, ...options }: ListenerOptions,
): Promise<Listener> {
  const { connections } = options;
  const made = createRequestServer(transportOf(where), options);
  const { server, isSecure } = made;
  server.on('connection', (socket: Socket) => {
    // node:net remembers these once read: later they may be gone.
    void [socket.remoteAddress, socket.localAddress];
    connections.accept(socket, isSecure);
  });
  const address = await listen(server, where, missing);
  server.on('error', (error) => connections.acceptFailed(address, error));
  return { ...made, address };
}

/**
 * Stops listening at once, and ends all connections after the grace.
 * @param grace resolves when the connections may end
 */
export async function closeListeners(
  listeners: readonly Pick<RequestServer, 'server'>[],
  connections: Pick<Connections, 'destroy'>,
  grace?: Promise<unknown>,
): Promise<void> {
  const closed = listeners.map(({ server }) => new Promise((resolve) => server.close(resolve)));
  for (const { server } of listeners) finishSessions(server);
  await grace;
  await setImmediate(); // by then the kernel has what was sent last
  for (const { server } of listeners) server.closeAllConnections();
  connections.destroy();
  await Promise.all(closed);
}

/**
 * Listens. A Unix socket file gets mode 0660; a stale one is replaced, and the file is removed when the
 * server closes, unless it is another process's by then. The file and mode of a passed socket are the service manager's.
 * @param server not yet listening; closed again when this throws
 * @param missing what other hosts' access would take; none: they may
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

/** For a Unix socket; one on the network knows its own address. */
function passedName({ fd, path }: PassedSocket): string {
  return path === undefined ? `descriptor ${fd}` : formatAddress({ path });
}

async function bind(server: Server, address: Address | PassedSocket): Promise<void> {
  if ('fd' in address) {
    // For a descriptor node:net takes the backlog from here alone, and otherwise lowers the unit's to 511.
    server.listen({ fd: address.fd }, listenBacklog);
    await once(server, 'listening');
    return;
  }
  if ('path' in address) {
    await bindUnixSocket(server, address.path, socketMode);
    return;
  }
  server.listen(address);
  await once(server, 'listening');
}

/** Runs before any event since bind(2) is handled: if it throws, nobody has been answered. */
function safeAddress(
  server: Server,
  wanted: Address | PassedSocket,
  missing: readonly string[],
): string {
  const bound = server.address() as AddressInfo | string | null;
  // node:net knows the address of every listening socket but a Unix one that was passed.
  if (bound === null) return passedName(wanted as PassedSocket);
  if (typeof bound === 'string') return formatAddress({ path: bound });
  const address = { host: bound.address, port: bound.port };
  refuseOthers(address, missing);
  return formatAddress(address);
}

/**
 * Refuses an address that other hosts reach, unless they may.
 * @param address a name counts as one that they do not: what it stands for is known once it is bound
 * @param missing what their access would take; none: they may
 * @throws EntropyError `ERR_LISTEN`
 */
export function refuseOthers(
  { host, port }: { host: string; port: number },
  missing: readonly string[],
): void {
  if (missing.length === 0 || isIP(host) === 0 || isLoopback(host)) return;
  const address = formatAddress({ host, port });
  throw new EntropyError(
    'ERR_LISTEN',
    `refusing to listen on ${address}: other hosts can reach it, which takes ${missing.join(' and ')}; otherwise use a loopback address or unix:PATH`,
  );
}
