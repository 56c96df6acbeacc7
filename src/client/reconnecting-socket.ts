/** A client's socket: connects on demand, and reconnects with backoff after a loss. */
import { createConnection, type Socket } from 'node:net';
import { EntropyError } from '../common/errors.js';
import { chunkSize, howToStart } from '../common/unix-socket.js';

/** The source of time and chance. */
export interface Timers {
  /** Milliseconds, monotonic. */
  now(): number;
  set(callback: () => void, delayMs: number): NodeJS.Timeout;
  clear(timer: NodeJS.Timeout | undefined): void;
  /** 0 to 1, excluding 1. */
  random(): number;
}

export const systemTimers: Timers = {
  now: () => performance.now(),
  set: (callback, delayMs) => setTimeout(callback, delayMs),
  clear: (timer) => clearTimeout(timer),
  random: Math.random,
};

/** Events of a socket, for its one user. */
export interface SocketEvents {
  /** `socket` is there. */
  connected(): void;
  /** Bytes arrived; they are the listener's until it returns. */
  data(data: Buffer): void;
  /**
   * The connection was lost, or an attempt to reconnect failed.
   * @returns whether to try again
   */
  lost(): boolean;
  /** There is no connection and no further attempt. */
  failed(error: EntropyError): void;
}

/** Attempts after a loss, with pauses of 25, 50, 100 ... 800 ms in between, less jitter. */
const maxReconnects = 12;
const firstBackoffMs = 25;
const maxBackoffMs = 800;

/** One connection at a time, and none before `open`. */
export class ReconnectingSocket {
  readonly #path: string;
  readonly #events: SocketEvents;
  readonly #timers: Timers;
  #socket: Socket | undefined;
  /** The same socket, once it is connected. */
  #connected: Socket | undefined;
  #reconnects = 0;
  #backoff: NodeJS.Timeout | undefined;
  readonly #buffer = Buffer.alloc(chunkSize);

  constructor(path: string, events: SocketEvents, timers: Timers = systemTimers) {
    this.#path = path;
    this.#events = events;
    this.#timers = timers;
  }

  /** The connected socket; undefined if there is none, or if its loss is about to be reported. */
  get socket(): Socket | undefined {
    return this.#connected?.destroyed ? undefined : this.#connected;
  }

  /** Connects, unless it is connected, connecting or in backoff. */
  open(): void {
    if (this.#socket === undefined && this.#backoff === undefined) this.#connect();
  }

  /** Nothing is awaited: the socket keeps the process alive no longer. */
  idle(): void {
    this.#socket?.unref();
    this.#stopBackoff();
  }

  /** Ends the connection, whose loss is reported later, or the backoff. */
  drop(): void {
    this.#stopBackoff();
    this.#socket?.destroy();
  }

  #stopBackoff(): void {
    this.#timers.clear(this.#backoff);
    this.#backoff = undefined;
  }

  #connect(): void {
    const socket = createConnection({
      path: this.#path,
      // One buffer for all reads: it is wiped after each, and a read leaves no garbage.
      onread: {
        buffer: this.#buffer,
        callback: (size, buffer) => {
          const data = (buffer as Buffer).subarray(0, size);
          this.#reconnects = 0;
          this.#events.data(data);
          data.fill(0);
          return true;
        },
      },
    });
    this.#socket = socket;
    let failure: NodeJS.ErrnoException | undefined;
    socket.on('connect', () => {
      this.#connected = socket;
      this.#events.connected();
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      const isFirst = this.#connected === undefined && this.#reconnects === 0;
      this.#socket = undefined;
      this.#connected = undefined;
      // Without a failure it was dropped while it was connecting. Whoever has called since waits for
      // the next connection.
      if (isFirst && failure !== undefined) this.#events.failed(connectError(this.#path, failure));
      else if (!this.#events.lost()) this.#reconnects = 0;
      else this.#reconnect();
    });
  }

  #reconnect(): void {
    if (this.#reconnects === maxReconnects) {
      this.#reconnects = 0;
      this.#events.failed(lostError(this.#path));
      return;
    }
    const backoffMs = Math.min(firstBackoffMs * 2 ** this.#reconnects++, maxBackoffMs);
    this.#backoff = this.#timers.set(
      () => {
        this.#backoff = undefined;
        this.#connect();
      },
      backoffMs * (0.5 + this.#timers.random() / 2),
    );
  }
}

/** `ERR_CLOSED`: the daemon on `path` closed the connection. */
export function lostError(path: string): EntropyError {
  return new EntropyError('ERR_CLOSED', `the daemon closed the connection: ${path}`);
}

/**
 * `ERR_CONNECT`: says what is wrong and what helps.
 * @param cause the socket's error
 */
export function connectError(path: string, cause: NodeJS.ErrnoException): EntropyError {
  const reason = cause.code;
  // connect(2): EACCES concerns the socket file or a directory on the way, whether or not a daemon
  // listens.
  const message =
    reason === 'EACCES'
      ? `no permission to connect to ${path} (${reason}); ` +
        'it takes write permission on the socket and search permission on its directories'
      : `no daemon on ${path} (${reason}); start one with: ${howToStart(path)}`;
  return new EntropyError('ERR_CONNECT', message, { cause });
}
