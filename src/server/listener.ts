/** One Unix socket of the daemon: binds, accepts connections within the limits, sweeps, closes. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { lastDescriptors, reservedConnections } from '../common/descriptors.js';
import { EntropyError } from '../common/errors.js';
import type { Addon } from '../common/package.js';
import { type Every, every } from '../common/timer.js';
import {
  listenBacklog as backlog,
  bindUnixSocket,
  type SocketFile,
} from '../common/unix-socket.js';
import type { Protocol } from '../config/config.js';
import { Connection, type ServedConnection } from './connection.js';
import type { ConnectionContext } from './context.js';
import { EgdConnection } from './egd.js';
import { loadMethods } from './methods-loader.js';
import type { Poller } from './poller.js';
import { RawConnection } from './raw.js';
import { type ClientSocket, descriptor, readByDataEvents } from './socket-input.js';
import { type AdminRule, identify } from './users.js';

/** How long `close` waits for clients to read their responses. */
const defaultCloseGraceMs = 5_000;

const sweepIntervalMs = 1_000;

const served = { rpc: Connection, egd: EgdConnection, raw: RawConnection } as const;

export interface ListenOptions {
  path: string;
  /** Mode of the socket file. */
  mode: number;
  /** A socket on `path` that is open already: it is served, and its file is left alone. */
  fd?: number | undefined;
  /** Tells users apart; without it all clients are one user. */
  addon?: Pick<Addon, 'peerCredentials'> | undefined;
  /** Reads the connections; it must share the listener's context. Without it node:net reads them. */
  poller?: Poller | undefined;
  /** What is spoken here, asked for each connection; default: `rpc`. */
  protocol?: () => Protocol;
  /** Who is an administrator here, asked for each connection; default: nobody. */
  adminRule?: () => AdminRule | undefined;
  /** Default: 5,000. */
  closeGraceMs?: number;
  /** Repeats the sweep; default: real time. */
  timer?: Every;
}

export interface SocketServer {
  /**
   * Changes the mode of its own socket file.
   * @throws EntropyError `ERR_LISTEN` if another file has taken its place
   */
  chmod(mode: number): void;
  /** Accepts no more connections and removes its own socket file; open connections stay. */
  stop(): void;
  /** Reads no more, answers what was read (for at most 5 s), then ends all connections. */
  close(): Promise<void>;
}

/**
 * Listens on a Unix socket: one of its own, or one that is open already.
 * @throws EntropyError `ERR_LISTEN`
 */
export async function listen(
  options: ListenOptions,
  context: ConnectionContext,
): Promise<SocketServer> {
  const { path, mode, fd: passed, addon, poller, adminRule } = options;
  const { counters, limits, users } = context;
  const connections = new Map<ClientSocket, ServedConnection>();
  /** Those who wait for the last connection's end. */
  const whenEmpty: (() => void)[] = [];
  // Half-open: a client may end its side and still gets its responses.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    accepted.on('error', () => {});
    const protocol = options.protocol?.() ?? 'rpc';
    const reserved = context.descriptorLimit() - lastDescriptors;
    if ((descriptor(accepted) ?? 0) >= reserved) {
      refuseDescriptor(accepted, context, protocol);
      return;
    }
    const peer = identify(accepted, addon, adminRule?.());
    const room = limits.connections + (peer.admin ? reservedConnections : 0);
    const user = counters.connectionsOpen < room ? users.enter(peer.uid) : undefined;
    if (user === undefined) {
      turnAway(accepted, context, protocol, maxTurnedAway).catch(() => accepted.destroy());
      return;
    }
    counters.connections++;
    // For all protocols, and for each of the others.
    const counts = protocol === 'rpc' ? [counters] : [counters, counters[protocol]];
    for (const each of counts) each.connectionsOpen++;
    // A duplicate in the reserve is not kept: one after another would use it up.
    const polled = poller?.adopt(accepted, reserved);
    const socket = polled ?? accepted;
    const connection = new served[protocol](
      polled === undefined ? { socket, peer, user } : { socket, peer, user, descriptor: polled.fd },
      context,
    );
    if (polled !== undefined)
      polled.receive = (input, at, end) => connection.receive(input, at, end);
    else
      readByDataEvents(accepted, (input, at, end) => {
        const start = context.now();
        connection.receive(input, at, end);
        counters.served((context.now() - start) / 1000);
      });
    connections.set(socket, connection);
    socket.on('close', () => {
      for (const each of counts) each.connectionsOpen--;
      users.leave(user);
      connections.delete(socket);
      if (connections.size === 0) for (const done of whenEmpty.splice(0)) done();
    });
    socket.resume();
  });
  let file: SocketFile | undefined;
  try {
    if (passed === undefined) file = await bindUnixSocket(server, path, mode);
    else await takeOver(server, passed);
  } catch (error) {
    server.close();
    throw error instanceof EntropyError ? error : listenError(path, error as NodeJS.ErrnoException);
  }
  // libuv reports a connection that accept(2) could not give; unheard, it would end the process.
  server.on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
    counters.acceptErrors++;
    context.warn(`cannot accept a connection: ${message}`, code, { code });
  });
  const stopSweep = (options.timer ?? every)(() => {
    const now = context.now();
    for (const connection of connections.values()) connection.sweep(now);
    users.sweep();
  }, sweepIntervalMs);
  const closed = new Promise((resolve) => server.once('close', resolve));
  const stop = () => {
    if (server.listening) server.close();
  };
  return {
    chmod: (next) => file?.chmod(next),
    stop,
    async close() {
      stop();
      for (const connection of connections.values()) connection.finish();
      const deadline = setTimeout(() => {
        for (const socket of connections.keys()) socket.destroy();
      }, options.closeGraceMs ?? defaultCloseGraceMs);
      await closed;
      if (connections.size > 0) await new Promise<void>((done) => whenEmpty.push(done));
      clearTimeout(deadline);
      stopSweep();
    },
  };
}

/** Serves a socket that is open already; a second listen(2) only sets the backlog. */
async function takeOver(server: Server, fd: number): Promise<void> {
  // As an option node:net would ignore it, and lower the unit's to 511.
  server.listen({ fd }, backlog);
  await once(server, 'listening');
  // For a passed socket, node:net knows an address only if it is TCP.
  if (server.address() !== null)
    throw new EntropyError('ERR_LISTEN', `descriptor ${fd}: want a Unix socket, not a network's`);
}

function listenError(path: string, error: NodeJS.ErrnoException): EntropyError {
  const reason =
    error.code === 'EACCES'
      ? `permission denied, or ${dirname(path)} does not exist`
      : error.message;
  return new EntropyError('ERR_LISTEN', `cannot listen on ${path}: ${reason}`, { cause: error });
}

/** Refused connections that may stay to read the refusal, and for how long. */
const maxTurnedAway = 64;
const turnAwayMs = 500;
let turnedAway = 0;

/**
 * Refuses a connection for which only the last descriptors are left. It does not stay to read the
 * refusal, because those are needed.
 */
function refuseDescriptor(socket: Socket, context: ConnectionContext, protocol: Protocol): void {
  context.counters.connectionsWithoutDescriptor++;
  context.warn(
    'connections are refused: the process has few file descriptors left (RLIMIT_NOFILE)',
    'EMFILE',
    { limit: context.descriptorLimit(), connections: context.counters.connectionsOpen },
  );
  turnAway(socket, context, protocol, 0).catch(() => socket.destroy());
}

/**
 * Refuses a connection over the limits, with id 0 because it has not requested anything. Its first
 * request may be on the way: if the socket were closed at once, the client's write would fail with
 * EPIPE before it has read why. So the request is read and dropped. EGD and byte sockets have no words
 * for it: the connection ends.
 * @param max refused connections that may stay for that
 */
async function turnAway(
  socket: Socket,
  { counters }: ConnectionContext,
  protocol: Protocol,
  max: number,
): Promise<void> {
  counters.connectionsRefused++;
  if (protocol !== 'rpc') {
    counters.error('ERR_BUSY');
    socket.destroy();
    return;
  }
  const { errorResponse } = await loadMethods();
  const error = new EntropyError('ERR_BUSY', 'too many connections; try again later');
  socket.end(errorResponse(0, error, counters));
  if (turnedAway >= max) {
    socket.destroySoon();
    return;
  }
  turnedAway++;
  const deadline = setTimeout(() => socket.destroy(), turnAwayMs);
  socket.on('close', () => {
    turnedAway--;
    clearTimeout(deadline);
  });
  // A half-open socket ends when its other half does.
  socket.resume();
}
