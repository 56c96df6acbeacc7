/** Raw MessagePack-RPC on a Unix socket: sends messages packed by msgpackr and reads the answers. */
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { Packr } from 'msgpackr';
import type { Test } from 'tap';

/** Longest message that the daemon accepts, bytes: the default of `limits.message_bytes`. */
export const maxMessageSize = 65_536;

const packr = new Packr({ useRecords: false });

export function pack(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/** A request: `[0, msgid, method, params]`. */
export function message(id: number, method: unknown, params: unknown): Buffer {
  return pack([0, id, method, params]);
}

/**
 * Decodes consecutive messages.
 * @throws Error if the last one is incomplete
 */
export function unpackAll(bytes: Uint8Array): unknown[][] {
  return bytes.length === 0 ? [] : (packr.unpackMultiple(bytes) as unknown[][]);
}

/** Connects; the connection is destroyed when the test ends. */
export async function open(t: Test, path: string): Promise<Socket> {
  const socket = netConnect({ path, allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** Sends bytes, half-closes the connection and returns everything received until the peer ends. */
export async function exchange(t: Test, path: string, ...parts: Uint8Array[]): Promise<Buffer> {
  const socket = await open(t, path);
  const collected = collect(socket);
  for (const part of parts) socket.write(part);
  socket.end();
  return collected;
}

/** Everything received until the peer ends or the connection closes. */
export function collect(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (data) => parts.push(data));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

/**
 * The next bytes, at least `size` of them.
 * @throws Error if the connection closes first
 */
export function take(socket: Socket, size: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const done = () => {
      socket.off('data', onData).off('close', onClose);
      resolve(bytes);
    };
    const onData = (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.length >= size) done();
    };
    const onClose = () => reject(new Error(`closed after ${bytes.length} of ${size} bytes`));
    socket.on('data', onData).on('close', onClose);
  });
}

/** The next answers, at least `count` of them. */
export async function takeAnswers(socket: Socket, count: number): Promise<unknown[][]> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    bytes = Buffer.concat([bytes, await take(socket, 1)]);
    try {
      const answers = unpackAll(bytes);
      if (answers.length >= count) return answers;
    } catch {
      // The last message is still incomplete.
    }
  }
}
