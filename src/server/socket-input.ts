/**
 * Reading connections into one buffer that all of them share, instead of a new one for every read:
 * less work a request, and fewer copies of what clients sent. It rests on two fields of node:net that
 * are not documented, so it is used only where `sharedBufferWorks` has seen it work in this process;
 * elsewhere the 'data' event serves.
 */
import { once } from 'node:events';
import {
  connect,
  createServer,
  type OnReadOpts,
  type Server,
  Socket,
  type SocketConstructorOpts,
} from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { requestSlack } from '../rpc/protocol.js';

// Bytes that a client sent, with the room behind them that the decoder of `random` may look into.

export class ReceiveBuffer {
  readonly bytes: Buffer;
  readonly view: DataView;

  /** @param size bytes of room */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size + requestSlack);
    this.view = new DataView(this.bytes.buffer);
  }

  /** A copy of `parts`, one behind the other. */
  static of(...parts: readonly Uint8Array[]): ReceiveBuffer {
    const input = new ReceiveBuffer(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      input.bytes.set(part, at);
      at += part.length;
    }
    return input;
  }
}

/** What libuv reads at most at a time. */
const bufferSize = 64 * 1024;

/** Takes what a read brought: [0, size) of `input`, which the next read overwrites. */
export type Receive = (input: ReceiveBuffer, size: number) => void;

/** The undocumented fields: the connection itself, and the server that counts it. */
interface Internals {
  _handle: unknown;
  _server: Server | null;
}

const shared = new ReceiveBuffer(bufferSize);

/**
 * Reads a connection the documented way, through the same buffer.
 * @param receive called for every read
 */
export function readByDataEvents(socket: Socket, receive: Receive): Socket {
  return socket.on('data', (data) => {
    const input = data.length <= bufferSize ? shared : new ReceiveBuffer(data.length);
    input.bytes.set(data);
    receive(input, data.length);
  });
}

/**
 * Takes over a connection that a server accepted with `pauseOnConnect`.
 * @param receive called for every read
 * @returns the socket to use instead of `accepted`, half-open; it reads from the next turn of the
 *   event loop on, and reports the end after `resume()`
 */
export function readIntoSharedBuffer(accepted: Socket, server: Server, receive: Receive): Socket {
  const from = accepted as unknown as Internals;
  const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = {
    handle: from._handle,
    readable: true,
    writable: true,
    allowHalfOpen: true,
    onread: {
      buffer: shared.bytes.subarray(0, bufferSize),
      callback(size) {
        receive(shared, size);
        return true;
      },
    },
  };
  from._handle = null;
  from._server = null;
  const socket = new Socket(options);
  // close() and getConnections() of the server go by this.
  (socket as unknown as Internals)._server = server;
  return socket;
}

const selfTestTimeoutMs = 1_000;
const ping = Buffer.from('ping');

/** The life of one connection, seen from both ends; throws where anything is out of the ordinary. */
async function liveOnce(server: Server, signal: AbortSignal): Promise<void> {
  // An abstract name: no file to clean up. Whoever else connects meanwhile is sent four bytes.
  server.listen(`\0entropyd-self-test-${process.pid}-${Math.random()}`);
  await once(server, 'listening', { signal });
  const client = connect(server.address() as string);
  client.on('error', () => {});
  let socket: Socket | undefined;
  try {
    const [accepted] = (await once(server, 'connection', { signal })) as [Socket];
    let received = '';
    const adopted = readIntoSharedBuffer(accepted, server, ({ bytes }, size) => {
      received += bytes.toString('latin1', 0, size);
      adopted.write(ping);
    });
    socket = adopted;
    socket.resume();
    client.write(ping);
    const [answer] = (await once(client, 'data', { signal })) as [Buffer];
    const open = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)));
    if (received !== 'ping' || answer.toString() !== 'ping' || open !== 1)
      throw new Error('not as node:net does without it');
    client.end();
    await once(socket, 'end', { signal });
    socket.end();
    await once(socket, 'close', { signal });
  } finally {
    client.destroy();
    socket?.destroy();
  }
}

/**
 * Whether `adopt` works on this Node: bytes arrive and leave, both ends see the other's end, and the
 * server counts the connection in and out. Takes some milliseconds, a second at most.
 */
export async function sharedBufferWorks(): Promise<boolean> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const signal = AbortSignal.timeout(selfTestTimeoutMs);
  try {
    await liveOnce(server, signal);
    const closed = new Promise((resolve) => server.close(resolve));
    return await Promise.race([
      closed.then(() => true),
      setTimeout(selfTestTimeoutMs, false, { ref: false }),
    ]);
  } catch {
    server.close();
    return false;
  }
}

// The descriptor of a connection, a field of node:net that is not documented and only read here.

/** @returns undefined where there is none; it may be another's once the socket was destroyed */
export function descriptor(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
