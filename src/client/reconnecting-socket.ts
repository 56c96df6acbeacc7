/** A client's socket: it connects when it is needed, and again after a loss, with backoff. */
import { createConnection, type Socket } from 'node:net';
import { EntropyError } from '../common/errors.js';
import { chunkSize } from '../common/unix-socket.js';

/** Who uses the socket. */
export interface SocketEvents {
  /** `socket` is there. */
  connected(): void;
  /** Bytes came; they are the listener's until it returns. */
  data(data: Buffer): void;
  /**
   * The connection is gone, or the next one after it has failed.
   * @returns whether another is to be tried
   */
  lost(): boolean;
  /** There is no connection, and none is tried any more. */
  failed(error: EntropyError): void;
}

/** After a loss: this often at most, waiting 25, 50, 100 ... 800 ms with jitter in between. */
const maxReconnects = 12;
const firstBackoffMs = 25;
const maxBackoffMs = 800;

/** One socket at a time; none before `open`. */
export class ReconnectingSocket {
  readonly #path: string;
  readonly #events: SocketEvents;
  #socket: Socket | undefined;
  /** The same, once it is connected. */
  #connected: Socket | undefined;
  #reconnects = 0;
  #backoff: NodeJS.Timeout | undefined;
  readonly #buffer = Buffer.alloc(chunkSize);

  constructor(path: string, events: SocketEvents) {
    this.#path = path;
    this.#events = events;
  }

  /** The connected socket; undefined where there is none, and where its end is about to be told. */
  get socket(): Socket | undefined {
    return this.#connected?.destroyed ? undefined : this.#connected;
  }

  /** Connects, unless that is done or under way or waits its time after a loss. */
  open(): void {
    if (this.#socket === undefined && this.#backoff === undefined) this.#connect();
  }

  /** Nothing is awaited: nothing here keeps the process alive any longer. */
  idle(): void {
    this.#socket?.unref();
    clearTimeout(this.#backoff);
    this.#backoff = undefined;
  }

  /** Ends the connection, of which `lost` tells later, or the wait for one. */
  drop(): void {
    clearTimeout(this.#backoff);
    this.#backoff = undefined;
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = createConnection({
      path: this.#path,
      // One buffer for all reads: it is wiped behind each, and none of them leaves garbage.
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
      if (isFirst) this.#events.failed(connectError(this.#path, failure));
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
    this.#backoff = setTimeout(
      () => {
        this.#backoff = undefined;
        this.#connect();
      },
      backoffMs * (0.5 + Math.random() / 2),
    );
  }
}

/** `ERR_CLOSED`: the daemon on `path` went away. */
export function lostError(path: string): EntropyError {
  return new EntropyError('ERR_CLOSED', `the daemon closed the connection: ${path}`);
}

/**
 * `ERR_CONNECT`: what is missing, and what helps.
 * @param cause the socket's error; undefined where it closed without one
 */
export function connectError(path: string, cause: NodeJS.ErrnoException | undefined): EntropyError {
  const reason = cause?.code ?? 'closed';
  // connect(2): EACCES is about the socket's file or a folder on the way, whether or not a daemon
  // listens.
  const message =
    reason === 'EACCES'
      ? `no permission to connect to ${path} (${reason}); ` +
        'it takes write permission on the socket and search permission on its folders'
      : `no daemon on ${path} (${reason}); start one with: entropyd --socket ${path}`;
  return new EntropyError('ERR_CONNECT', message, { cause });
}
