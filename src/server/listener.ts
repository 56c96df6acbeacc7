/** The listener on a Unix socket: binds, accepts within the limits, sweeps, closes. */
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EntropyError } from '../common/errors.js';
import type { Addon } from '../common/package.js';
import {
  listenBacklog as backlog,
  maxPathBytes,
  removeStaleSocket,
} from '../common/unix-socket.js';
import { Connection } from './connection.js';
import type { ConnectionContext } from './context.js';
import {
  descriptor,
  type Receive,
  readByDataEvents,
  readIntoSharedBuffer,
  sharedBufferWorks,
} from './socket-input.js';
import { type AdminRule, identify } from './users.js';

/** How long close() waits for answers to be read. */
const closeGraceMs = 5_000;

const sweepIntervalMs = 1_000;

const selfTestDelayMs = 10;

/** Connections beyond the limit that are kept for administrators. */
const reservedConnections = 16;

export interface ListenOptions {
  path: string;
  /** Of the socket file. */
  mode: number;
  /** A socket on `path` that somebody else opened: it is served, and its file left alone. */
  fd?: number | undefined;
  /** Tells users apart, and sends without detours; without it all are one user. */
  addon?: Addon | undefined;
  /** Who has the administrators' methods here, asked at every connection; default: nobody. */
  adminRule?: () => AdminRule | undefined;
  /** Whether connections may be read into one buffer; default: what the self-test finds. */
  sharedBuffer?: Promise<boolean>;
}

export interface SocketServer {
  /** Takes no more connections and removes its own socket file; those that are there stay. */
  stop(): void;
  /** Takes no more requests, answers those that were read (at most 5 s), ends all connections. */
  close(): Promise<void>;
}

async function bind(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new EntropyError('ERR_LISTEN', `socket path: at most ${maxPathBytes} bytes: ${path}`);
  const listening = once(server, 'listening');
  server.listen({ path, backlog });
  await listening;
}

/** A socket file of ours: a stale one is replaced, a live one is not. */
async function open(server: Server, path: string, mode: number): Promise<void> {
  await bind(server, path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    await removeStaleSocket(path);
    await bind(server, path);
  });
  await chmod(path, mode);
}

/** A socket that was passed; listen(2) once more sets nothing but the backlog. */
async function takeOver(server: Server, fd: number): Promise<void> {
  const listening = once(server, 'listening');
  server.listen({ fd, backlog });
  await listening;
  // node:net knows the address of a TCP socket, and of no other that was passed.
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

/** Connections over the limits that may stay to read what they are told, and for how long. */
const maxTurnedAway = 64;
const turnAwayMs = 500;
let turnedAway = 0;

/**
 * What a connection over the limits is told before it is closed, with id 0: it has asked nothing. Its
 * request may still be on the way, and would fail with EPIPE if the socket were closed, before the
 * client has read why: so it is let in, and dropped.
 */
async function turnAway(socket: Socket, { counters }: ConnectionContext): Promise<void> {
  const { errorResponse: refusal } = await import('./methods.js');
  counters.connectionsRefused++;
  const error = new EntropyError('ERR_BUSY', 'too many connections; try again later');
  socket.end(refusal(0, error, counters));
  if (turnedAway >= maxTurnedAway) {
    socket.destroySoon();
    return;
  }
  turnedAway++;
  const deadline = setTimeout(() => socket.destroy(), turnAwayMs);
  socket.on('close', () => {
    turnedAway--;
    clearTimeout(deadline);
  });
  // Half-open sockets end with their second half.
  socket.resume();
}

/**
 * Listens on a Unix socket: one of its own, or one that was passed.
 * @throws EntropyError `ERR_LISTEN`
 */
export async function listen(
  options: ListenOptions,
  context: ConnectionContext,
): Promise<SocketServer> {
  const { path, mode, fd: passed, addon, adminRule } = options;
  const { counters, limits, users } = context;
  const connections = new Map<Socket, Connection>();
  let sharedBuffer = false;
  // Half-open: a client may end its side and still wants its answers.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    accepted.on('error', () => {});
    const peer = identify(accepted, addon, adminRule?.());
    const room = limits.connections + (peer.admin ? reservedConnections : 0);
    const user = counters.connectionsOpen < room ? users.enter(peer.uid) : undefined;
    if (user === undefined) {
      turnAway(accepted, context).catch(() => accepted.destroy());
      return;
    }
    counters.connections++;
    counters.connectionsOpen++;
    const receive: Receive = (input, size) => connection.receive(input, size);
    const socket = sharedBuffer
      ? readIntoSharedBuffer(accepted, server, receive)
      : readByDataEvents(accepted, receive);
    const fd = descriptor(socket);
    const connection = new Connection(
      addon === undefined || fd === undefined
        ? { socket, peer, user }
        : {
            socket,
            peer,
            user,
            sendNow: (bytes, offset, size) => addon.sendAndWipe(bytes, offset, size, fd),
          },
      context,
    );
    connections.set(socket, connection);
    socket.on('close', () => {
      counters.connectionsOpen--;
      users.leave(user);
      connections.delete(socket);
    });
    socket.resume();
  });
  try {
    await (passed === undefined ? open(server, path, mode) : takeOver(server, passed));
    // The first connections do without, and need not wait for it.
    void (options.sharedBuffer ?? sleep(selfTestDelayMs).then(sharedBufferWorks)).then((works) => {
      sharedBuffer = works;
    });
  } catch (error) {
    server.close();
    throw error instanceof EntropyError ? error : listenError(path, error as NodeJS.ErrnoException);
  }
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const connection of connections.values()) connection.sweep(now);
    users.sweep();
  }, sweepIntervalMs).unref();
  const closed = new Promise((resolve) => server.once('close', resolve));
  const stop = () => {
    if (server.listening) server.close();
  };
  return {
    stop,
    async close() {
      stop();
      for (const connection of connections.values()) connection.finish();
      const deadline = setTimeout(() => {
        for (const socket of connections.keys()) socket.destroy();
      }, closeGraceMs);
      await closed;
      clearTimeout(deadline);
      clearInterval(sweep);
    },
  };
}
