/** The listener on a Unix socket: binds, accepts, keeps track of connections, closes. */
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { EntropyError } from '../errors.js';
import { removeStaleSocket } from '../stale-socket.js';
import { Connection, type ConnectionContext } from './connection.js';
import { nobody, type Peer } from './peer.js';
import { adopt, type Receive, staticReadWorks } from './static-read.js';

/** How long close() waits for answers to be read. */
const closeGraceMs = 5_000;

export interface ListenOptions {
  path: string;
  /** Of the socket file. */
  mode: number;
  /** Tells administrators; default: there are none. */
  identify?: (socket: Socket) => Peer;
  /** Whether connections may be read into one buffer; default: what the self-test finds. */
  staticRead?: Promise<boolean>;
}

export interface SocketServer {
  /** Takes no more requests, answers those that were read (at most 5 s), removes the socket file. */
  close(): Promise<void>;
}

// Limits of sockaddr_un: 108 bytes with the terminating zero (unix(7)).
const maxPathBytes = 107;

async function bind(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new EntropyError('ERR_LISTEN', `socket path: at most ${maxPathBytes} bytes: ${path}`);
  const listening = once(server, 'listening');
  server.listen(path);
  await listening;
}

function listenError(path: string, error: NodeJS.ErrnoException): EntropyError {
  const reason =
    error.code === 'EACCES'
      ? `permission denied, or ${dirname(path)} does not exist`
      : error.message;
  return new EntropyError('ERR_LISTEN', `cannot listen on ${path}: ${reason}`, { cause: error });
}

/**
 * Listens on a Unix socket. A socket file that nobody answers on is replaced, a live one is not.
 * @throws EntropyError `ERR_LISTEN`
 */
export async function listen(
  options: ListenOptions,
  context: ConnectionContext,
): Promise<SocketServer> {
  const { path, mode } = options;
  const { counters } = context;
  const connections = new Map<Socket, Connection>();
  let staticRead = false;
  // Half-open: a client may end its side and still wants its answers.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    counters.connections++;
    counters.connectionsOpen++;
    const receive: Receive = (bytes, size) => connection.receive(bytes, size);
    const socket = staticRead
      ? adopt(accepted, server, receive)
      : accepted.on('data', (data) => receive(data, data.length));
    const connection = new Connection(socket, context, options.identify?.(socket) ?? nobody);
    connections.set(socket, connection);
    socket.on('close', () => {
      counters.connectionsOpen--;
      connections.delete(socket);
    });
    socket.resume();
  });
  try {
    await bind(server, path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error;
      await removeStaleSocket(path);
      await bind(server, path);
    });
    await chmod(path, mode);
    // The first connections need not wait for it.
    void (options.staticRead ?? staticReadWorks()).then((works) => {
      staticRead = works;
    });
  } catch (error) {
    server.close();
    throw error instanceof EntropyError ? error : listenError(path, error as NodeJS.ErrnoException);
  }
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of connections.values()) connection.finish();
      const deadline = setTimeout(() => {
        for (const socket of connections.keys()) socket.destroy();
      }, closeGraceMs);
      await closed;
      clearTimeout(deadline);
    },
  };
}
