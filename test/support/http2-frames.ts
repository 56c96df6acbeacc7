/** HTTP/2 by the frame (RFC 9113 4.1), to send what no client would. */
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Test } from 'tap';
import { until } from './until.js';

export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** RFC 9113 6. */
export const types = {
  ...{ data: 0, headers: 1, priority: 2, reset: 3, settings: 4, push: 5, ping: 6, goAway: 7 },
  ...{ windowUpdate: 8, continuation: 9 },
} as const;
export type Type = keyof typeof types;

/** END_STREAM or ACK, and END_HEADERS. */
export const flags = { end: 1, endHeaders: 4 } as const;

/** A frame as it is sent. */
export function frame(
  type: Type | number,
  flag = 0,
  stream = 0,
  payload: Uint8Array | string = '',
) {
  const bytes = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = typeof type === 'number' ? type : types[type];
  head[4] = flag;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, bytes]);
}

export const uint32 = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    }),
  );

/** An integer of HPACK with a prefix of 7 bits (RFC 7541 5.1). */
function length(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  let rest = value - 127;
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/** A header block of literals that nobody indexes (RFC 7541 6.2.2), one character a byte. */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0, ...length(name.length)]),
      Buffer.from(name, 'latin1'),
      Buffer.from(length(value.length)),
      Buffer.from(value, 'latin1'),
    ]),
  );
}

/** The fields of a request. */
export function fieldsOf(
  path: string,
  more: readonly (readonly [string, string])[] = [],
  method = 'GET',
): (readonly [string, string])[] {
  const pseudo = { ':method': method, ':scheme': 'http', ':path': path, ':authority': 'x' };
  return [...Object.entries(pseudo), ...more];
}

/** A request without a body. */
export function get(stream: number, path = '/'): Buffer {
  return frame('headers', flags.end | flags.endHeaders, stream, block(fieldsOf(path)));
}

/** A request whose body follows. */
export function post(stream: number, path = '/', more: [string, string][] = []): Buffer {
  return frame('headers', flags.endHeaders, stream, block(fieldsOf(path, more, 'POST')));
}

/** What a client sends first. */
export function hello(...settings: (readonly [id: number, value: number])[]): Buffer {
  const payload = settings.map(([id, value]) =>
    Buffer.concat([Buffer.from([0, id]), uint32(value)]),
  );
  return Buffer.concat([Buffer.from(preface), frame('settings', 0, 0, Buffer.concat(payload))]);
}

/** A frame as it was received. */
export interface Received {
  readonly type: Type;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** One side of a connection by the frame. */
export class RawSession {
  readonly socket: Socket;
  readonly frames: Received[] = [];
  closed = false;
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket
      .on('error', () => {})
      .once('close', () => {
        this.closed = true;
      });
    socket.on('data', (data: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, data]);
      this.#read();
    });
  }

  #read(): void {
    for (;;) {
      const size = this.#bytes.length < 9 ? Infinity : 9 + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < size) return;
      const head = this.#bytes;
      this.#bytes = head.subarray(size);
      this.frames.push({
        type: Object.keys(types)[head[3] as number] as Type,
        flags: head[4] as number,
        stream: head.readUInt32BE(5),
        payload: head.subarray(9, size),
      });
    }
  }

  /** Frames of a type, and of a stream. */
  of(type: Type, stream?: number): Received[] {
    return this.frames.filter(
      (each) => each.type === type && (stream ?? each.stream) === each.stream,
    );
  }

  /** The error codes of frames that reset a stream, or end the session. */
  codes(type: 'reset' | 'goAway', stream?: number): number[] {
    return this.of(type, stream).map(({ payload }) =>
      payload.readUInt32BE(type === 'reset' ? 0 : 4),
    );
  }

  /** A stream's body so far. */
  body(stream: number): string {
    return Buffer.concat(this.of('data', stream).map(({ payload }) => payload)).toString('latin1');
  }

  /** Whether a stream has ended, from the other side. */
  ended(stream: number): boolean {
    return this.frames.some(
      (each) =>
        each.stream === stream && (each.type === 'reset' || (each.flags & flags.end) === flags.end),
    );
  }

  write(...bytes: (Uint8Array | string)[]): void {
    for (const each of bytes) if (!this.socket.destroyed) this.socket.write(each);
  }

  /** Waits for the end of streams. */
  async until(...streams: number[]): Promise<void> {
    await until(() => streams.every((stream) => this.ended(stream)), `streams ${streams} end`);
  }
}

/** Connects, and sends what a client sends first. */
export async function openSession(
  t: Test,
  to: NetConnectOpts,
  first: Uint8Array | string = hello(),
): Promise<RawSession> {
  const socket = connect(to);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const session = new RawSession(socket);
  session.write(first);
  return session;
}
