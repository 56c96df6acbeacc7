/** What clients sent, until it is taken; and the sockets that it comes from. */
import type { Socket } from 'node:net';
import { requestSlack } from '../rpc/protocol.js';

/** What a connection uses of its socket: node:net's, or the poller's. */
export interface ClientSocket {
  readonly destroyed: boolean;
  /** Bytes written that the kernel has not taken. */
  readonly writableLength: number;
  isPaused(): boolean;
  /** Reads no more; what has been read already still comes. */
  pause(): unknown;
  resume(): unknown;
  /**
   * Writes at once what the kernel takes, and keeps the rest, which nobody may change until then.
   * @param taken called, never at once, when the kernel has taken everything or the connection is lost
   */
  write(bytes: Uint8Array, taken?: () => void): unknown;
  destroy(): unknown;
  /** Destroys it when everything is written. */
  destroySoon(): void;
  /** `end`: the client has ended its side; `close`, once, after the connection is destroyed. */
  on(event: 'end' | 'error' | 'close', listener: () => void): unknown;
}

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

  /** Appends [at, end) of `read`, which is borrowed until `keep`. */
  append(read: ReceiveBuffer, at: number, end: number): void {
    if (this.empty) {
      this.buffer = read;
      this.at = at;
      this.end = end;
      return;
    }
    const before = this.buffer.bytes.subarray(this.at, this.end);
    this.buffer = ReceiveBuffer.of(before, read.bytes.subarray(at, end));
    this.end = before.length + end - at;
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

/** Takes the bytes of a read: [at, end) of `input`, which later reads overwrite. */
export type Receive = (input: ReceiveBuffer, at: number, end: number) => void;

/** Most bytes that libuv reads at a time. */
const maxReadSize = 64 * 1024;

const shared = new ReceiveBuffer(maxReadSize);

/**
 * Reads a connection as node:net documents it.
 * @param receive called for every read
 */
export function readByDataEvents(socket: Socket, receive: Receive): Socket {
  return socket.on('data', (data) => {
    const input = data.length <= maxReadSize ? shared : new ReceiveBuffer(data.length);
    input.bytes.set(data);
    receive(input, 0, data.length);
  });
}

/**
 * The file descriptor of a connection, which node:net does not document.
 * @returns undefined if there is none; after the socket is destroyed the number may be another's
 */
export function descriptor(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
