/** Raw MessagePack-RPC on a Unix socket: messages packed by msgpackr, and what comes back. */
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { Packr } from 'msgpackr';
import type { Test } from 'tap';

/** Of one message, as in the daemon. */
export const maxMessageSize = 65_536;

const packr = new Packr({ useRecords: false });

export function pack(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/** A request as clients send it. */
export function message(id: number, method: unknown, params: unknown): Buffer {
  return pack([0, id, method, params]);
}

/** All messages in `bytes`, which end with the last one. */
export function unpackAll(bytes: Uint8Array): unknown[][] {
  return bytes.length === 0 ? [] : (packr.unpackMultiple(bytes) as unknown[][]);
}

/** A connection until the test ends. */
export async function open(t: Test, path: string): Promise<Socket> {
  const socket = netConnect({ path, allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** Sends bytes, ends its side, and returns all that comes back until the other side ends. */
export async function exchange(t: Test, path: string, ...parts: Uint8Array[]): Promise<Buffer> {
  const socket = await open(t, path);
  const collected = collect(socket);
  for (const part of parts) socket.write(part);
  socket.end();
  return collected;
}

/** All bytes until the other side ends or goes. */
export function collect(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (data) => parts.push(data));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

/** The next `size` bytes or more. */
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

/** The next `count` answers. */
export async function takeAnswers(socket: Socket, count: number): Promise<unknown[][]> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    bytes = Buffer.concat([bytes, await take(socket, 1)]);
    try {
      const answers = unpackAll(bytes);
      if (answers.length >= count) return answers;
    } catch {
      // The last one is not whole yet.
    }
  }
}
