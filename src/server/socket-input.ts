/**
 * Reads all connections into one shared buffer instead of a new buffer per read: less work per
 * request, and fewer copies of what clients sent. Everything here that node:net does not document is
 * used only after `sharedBufferWorks` has seen it work in this process; otherwise the documented
 * 'data' event serves.
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

/** Received bytes, followed by the slack that the decoder of `random` may read. */
export class ReceiveBuffer {
  readonly bytes: Buffer;
  readonly view: DataView;

  /** @param size bytes of room, without the slack */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size + requestSlack);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Copies `parts`, one after another, into a new buffer. */
  static of(...parts: readonly Uint8Array[]): ReceiveBuffer {
    const buffer = new ReceiveBuffer(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      buffer.bytes.set(part, at);
      at += part.length;
    }
    return buffer;
  }
}

const nothing = new ReceiveBuffer(0);

/** Received bytes that a connection has not taken yet: [at, end) of `buffer`. */
export class PendingInput {
  buffer = nothing;
  at = 0;
  end = 0;

  get empty(): boolean {
    return this.at === this.end;
  }

  /** Appends [0, size) of `read`, which is borrowed until `keep`. */
  append(read: ReceiveBuffer, size: number): void {
    if (this.empty) {
      this.buffer = read;
      this.end = size;
    } else {
      const before = this.buffer.bytes.subarray(this.at, this.end);
      this.buffer = ReceiveBuffer.of(before, read.bytes.subarray(0, size));
      this.end += size - this.at;
    }
    this.at = 0;
  }

  /** Copies the rest of `read`, so that its owner may overwrite it. */
  keep(read: ReceiveBuffer): void {
    if (this.empty) this.buffer = nothing;
    else if (this.buffer === read) {
      this.buffer = ReceiveBuffer.of(read.bytes.subarray(this.at, this.end));
      this.end -= this.at;
      this.at = 0;
    }
  }

  /** Drops everything. */
  clear(): void {
    this.at = this.end;
  }
}

/** Takes the bytes of a read: [0, size) of `input`, which the next read overwrites. */
export type Receive = (input: ReceiveBuffer, size: number) => void;

/** Most bytes that libuv reads at a time. */
const maxReadSize = 64 * 1024;

const shared = new ReceiveBuffer(maxReadSize);

/**
 * Reads a connection as documented, through the same buffer.
 * @param receive called for every read
 */
export function readByDataEvents(socket: Socket, receive: Receive): Socket {
  return socket.on('data', (data) => {
    const input = data.length <= maxReadSize ? shared : new ReceiveBuffer(data.length);
    input.bytes.set(data);
    receive(input, data.length);
  });
}

/** Undocumented fields of node:net: the connection's handle, and the server that counts it. */
interface Internals {
  _handle: { fd?: unknown } | null;
  _server: Server | null;
}

/**
 * Takes over a connection that a server accepted with `pauseOnConnect`.
 * @param receive called for every read
 * @returns the half-open socket to use instead of `accepted`; it reads from the next turn of the
 *   event loop on, and emits 'end' after `resume()`
 */
export function readIntoSharedBuffer(accepted: Socket, server: Server, receive: Receive): Socket {
  const from = accepted as unknown as Internals;
  const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = {
    handle: from._handle,
    readable: true,
    writable: true,
    allowHalfOpen: true,
    onread: {
      buffer: shared.bytes.subarray(0, maxReadSize),
      callback(size) {
        receive(shared, size);
        return true;
      },
    },
  };
  from._handle = null;
  from._server = null;
  const socket = new Socket(options);
  // close() and getConnections() of the server rely on this.
  (socket as unknown as Internals)._server = server;
  return socket;
}

/**
 * The file descriptor of a connection, which node:net does not document.
 * @returns undefined if there is none; after the socket is destroyed the number may be another's
 */
export function descriptor(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as Partial<Internals>;
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

const selfTestTimeoutMs = 1_000;
const ping = Buffer.from('ping');

/**
 * Whether `readIntoSharedBuffer` works on this Node: bytes arrive and leave, both ends see the
 * other's end, and the server counts the connection in and out. Takes a few milliseconds, at most
 * twice `timeoutMs`.
 */
export async function sharedBufferWorks(timeoutMs = selfTestTimeoutMs): Promise<boolean> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    await serveOneConnection(server, signal);
    const closed = new Promise((resolve) => server.close(resolve));
    return await Promise.race([
      closed.then(() => true),
      setTimeout(timeoutMs, false, { ref: false }),
    ]);
  } catch {
    server.close();
    return false;
  }
}

/** The life of one connection, seen from both ends; throws if anything is out of the ordinary. */
async function serveOneConnection(server: Server, signal: AbortSignal): Promise<void> {
  // An abstract name leaves no file behind. Anyone else who connects meanwhile is sent four bytes.
  server.listen(`\0entropyd-self-test-${process.pid}-${Math.random()}`);
  await once(server, 'listening', { signal });
  const client = connect(server.address() as string);
  client.on('error', () => {});
  let socket: Socket | undefined;
  try {
    const [accepted] = (await once(server, 'connection', { signal })) as [Socket];
    let received = '';
    const taken = readIntoSharedBuffer(accepted, server, ({ bytes }, size) => {
      received += bytes.toString('latin1', 0, size);
      taken.write(ping);
    });
    socket = taken;
    socket.resume();
    client.write(ping);
    const [response] = (await once(client, 'data', { signal })) as [Buffer];
    const open = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)));
    if (received !== 'ping' || response.toString() !== 'ping' || open !== 1)
      throw new Error('not as node:net behaves without it');
    client.end();
    await once(socket, 'end', { signal });
    socket.end();
    await once(socket, 'close', { signal });
  } finally {
    client.destroy();
    socket?.destroy();
  }
}
