/**
 * A client's connection: requests of one tick leave in one write, answers come back in order. It
 * connects when it is needed, and again after a loss.
 */
import { randomFillSync } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { EntropyError, type ErrorCode } from './errors.js';
import {
  type Answer,
  fixed,
  maxRandomRequestSize,
  type Request,
  readAnswerHeader,
  writeRandomRequest,
} from './protocol.js';
import { MessageScanner } from './scanner.js';

/** One request on its way; settled exactly once. */
export interface Call {
  /** Of a `random`: where its bytes go. Exactly `target` or `method` is there. */
  target?: Uint8Array | undefined;
  predictionResistance?: boolean;
  /** Any other method. */
  method?: string;
  params?: unknown[];
  /** By `performance.now()`. */
  deadline: number;
  /** With the result of any method but `random`. */
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A call in the queue. */
interface Pending extends Call {
  id: number;
  /** Of a `random`, bytes; 0 of any other method. */
  size: number;
  /** Bytes of the answer that have come; -1 until its header has. */
  filled: number;
  /** Connections that were lost under it. */
  losses: number;
  /** Where its answer is still to come, that is dropped. */
  settled: boolean;
}

/** After a loss: this often at most, waiting 25, 50, 100 ... 800 ms with jitter in between. */
const maxReconnects = 12;
const firstBackoffMs = 25;
const maxBackoffMs = 800;

/** Answers of other methods than `random`: noise is the largest, status has the most elements. */
const answerLimits = { size: 4 * 1024 * 1024, elements: 4096 };

/** Ids have 32 bits. */
const idCount = 2 ** 32;

/** Of setTimeout, milliseconds: a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

// libuv reads 64 KiB at a time.
const readSize = 64 * 1024;

type Codec = typeof import('./codec.js');

export class Channel {
  readonly #path: string;
  readonly #scanner = new MessageScanner(answerLimits);
  // Local bytes for the answers of one read: never of the shared slab, wiped after use.
  #local: Uint8Array | undefined;
  #codec: Codec | undefined;
  #socket: Socket | undefined;
  #connected = false;
  #reconnects = 0;
  #backoff: NodeJS.Timeout | undefined;
  /** Written or about to be, in order; the first `#written` have been. */
  #pending: Pending[] = [];
  #written = 0;
  /** Not settled yet. */
  #awaited = 0;
  #flushing = false;
  #nextId = 0;
  #partial: Uint8Array = new Uint8Array(0);
  #sweep: NodeJS.Timeout | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;
  #closed = false;

  /** @param mixLocal XOR what arrives with bytes of this process's generator */
  constructor(path: string, mixLocal: boolean) {
    this.#path = path;
    if (mixLocal) this.#local = new Uint8Array(readSize);
  }

  /**
   * Queues a call; it leaves with all others of this tick.
   * @returns a function that settles it early, with an error
   */
  send(call: Call): (error: Error) => void {
    if (this.#closed) {
      call.reject(new EntropyError('ERR_CLOSED', 'the client is closed'));
      return () => {};
    }
    const pending: Pending = {
      ...call,
      id: this.#nextId,
      size: call.target?.length ?? 0,
      filled: -1,
      losses: 0,
      settled: false,
    };
    this.#nextId = (this.#nextId + 1) % idCount;
    this.#pending.push(pending);
    this.#awaited++;
    this.#watch(pending.deadline);
    if (!this.#flushing) {
      this.#flushing = true;
      process.nextTick(() => this.#flush());
    }
    return (error) => this.#fail(pending, error);
  }

  /** Ends the connection; calls under way are rejected with `ERR_CLOSED`. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#backoff);
    this.#failAll(new EntropyError('ERR_CLOSED', 'the client was closed'));
    this.#socket?.destroy();
  }

  #fail(pending: Pending, error: Error): void {
    if (pending.settled) return;
    // What a late answer would fill is not the caller's any more.
    pending.target = undefined;
    this.#end(pending);
    pending.reject(error);
  }

  #end(pending: Pending): void {
    pending.settled = true;
    if (--this.#awaited === 0) this.#idle();
  }

  #failAll(error: Error): void {
    const all = this.#pending;
    this.#pending = [];
    this.#written = 0;
    for (const pending of all) this.#fail(pending, error);
  }

  /** Nothing is awaited: nothing here keeps the process alive any longer. */
  #idle(): void {
    this.#socket?.unref();
    clearTimeout(this.#backoff);
    this.#backoff = undefined;
    clearTimeout(this.#sweep);
    this.#sweepAt = Number.POSITIVE_INFINITY;
    if (!this.#connected) this.#pending = [];
  }

  #watch(deadline: number): void {
    if (deadline >= this.#sweepAt) return;
    this.#sweepAt = deadline;
    clearTimeout(this.#sweep);
    const delay = Math.max(0, Math.ceil(deadline - performance.now()));
    this.#sweep = setTimeout(() => this.#expire(), Math.min(delay, maxTimerMs)).unref();
  }

  /**
   * Rejects the calls whose time is up. Where no other waits, the connection goes too: a daemon that
   * hangs would let the answers that nobody wants pile up.
   */
  #expire(): void {
    const now = performance.now();
    this.#sweepAt = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending) {
      if (pending.settled) continue;
      if (pending.deadline <= now)
        this.#fail(pending, new EntropyError('ERR_TIMEOUT', `no answer in time on ${this.#path}`));
      else this.#watch(pending.deadline);
    }
    if (this.#awaited === 0) this.#socket?.destroy();
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#written === this.#pending.length || this.#closed) return;
    if (this.#socket === undefined && this.#backoff === undefined) this.#connect();
    if (!this.#connected) return;
    const socket = this.#socket as Socket;
    // Its 'close' is about to come, and a new connection with it.
    if (socket.destroyed) return;
    socket.ref();
    socket.cork();
    while (this.#written < this.#pending.length) {
      const pending = this.#pending[this.#written] as Pending;
      if (isPlainRandom(pending)) {
        socket.write(this.#encodeRun());
      } else if (this.#codec !== undefined) {
        socket.write(this.#codec.encodeRequest(toRequest(pending)));
        this.#written++;
      } else {
        void this.#loadCodec().then(() => this.#flush());
        break;
      }
    }
    socket.uncork();
  }

  /** Encodes the next requests of the fixed shape, which come in runs. */
  #encodeRun(): Uint8Array {
    const out = Buffer.allocUnsafe((this.#pending.length - this.#written) * maxRandomRequestSize);
    let at = 0;
    for (; this.#written < this.#pending.length; this.#written++) {
      const pending = this.#pending[this.#written] as Pending;
      if (!isPlainRandom(pending)) break;
      at = writeRandomRequest(out, at, pending.id, pending.size);
    }
    return out.subarray(0, at);
  }

  async #loadCodec(): Promise<Codec> {
    this.#codec ??= await import('./codec.js');
    return this.#codec;
  }

  #connect(): void {
    const socket = createConnection(this.#path);
    this.#socket = socket;
    let failure: NodeJS.ErrnoException | undefined;
    socket.on('connect', () => {
      this.#connected = true;
      this.#flush();
    });
    socket.on('data', (data) => {
      this.#reconnects = 0;
      try {
        this.#read(data);
      } catch (error) {
        this.#failAll(error as Error);
        socket.destroy();
      }
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      const wasConnected = this.#connected;
      this.#socket = undefined;
      this.#connected = false;
      this.#partial = new Uint8Array(0);
      this.#scanner.reset();
      if (wasConnected || this.#reconnects > 0) this.#lost();
      else this.#failAll(connectError(this.#path, failure));
    });
  }

  /**
   * The connection is gone. Requests are idempotent: where nothing of an answer has come, the call
   * goes out again on the next connection, once.
   */
  #lost(): void {
    const kept: Pending[] = [];
    const closed = new EntropyError(
      'ERR_CLOSED',
      `the daemon closed the connection: ${this.#path}`,
    );
    for (const [index, pending] of this.#pending.entries()) {
      if (pending.settled) continue;
      if (index < this.#written) pending.losses++;
      if (pending.losses > 1 || pending.filled >= 0) this.#fail(pending, closed);
      else kept.push(pending);
    }
    this.#pending = kept;
    this.#written = 0;
    if (kept.length === 0 || this.#reconnects === maxReconnects) {
      this.#reconnects = 0;
      this.#failAll(closed);
      return;
    }
    this.#reconnects++;
    const backoff = Math.min(firstBackoffMs * 2 ** (this.#reconnects - 1), maxBackoffMs);
    const pause = backoff * (0.5 + Math.random() / 2);
    this.#backoff = setTimeout(() => {
      this.#backoff = undefined;
      this.#flush();
    }, pause);
  }

  #read(data: Buffer): void {
    let bytes: Uint8Array = data;
    if (this.#partial.length > 0) {
      bytes = Buffer.concat([this.#partial, data]);
      this.#partial = new Uint8Array(0);
    }
    // One draw for the whole read: an answer's byte at i is mixed with the local byte at i.
    const local = this.#draw(bytes.length);
    try {
      const done = this.#take(bytes, local);
      this.#pending.splice(0, done);
      this.#written -= done;
    } finally {
      local?.fill(0, 0, bytes.length);
    }
  }

  #draw(size: number): Uint8Array | undefined {
    if (this.#local === undefined) return undefined;
    if (this.#local.length < size) this.#local = new Uint8Array(size);
    return randomFillSync(this.#local, 0, size);
  }

  /** Takes all answers in `bytes`: how many calls of the queue are done with. */
  #take(bytes: Uint8Array, local: Uint8Array | undefined): number {
    const end = bytes.length;
    let at = 0;
    let head = 0;
    while (at < end) {
      const pending = head < this.#written ? this.#pending[head] : undefined;
      if (pending === undefined) throw unexpected('an answer to no request');
      if (pending.filled < 0) {
        const body = pending.size === 0 ? 0 : readAnswerHeader(bytes, at, end);
        if (body === 0) {
          const next = this.#other(bytes, at, pending);
          if (next === 0) break;
          at = next;
          head++;
          continue;
        }
        if (fixed.id !== pending.id || fixed.size !== pending.size)
          throw unexpected('an answer that does not fit its request');
        this.#scanner.reset();
        pending.filled = 0;
        at = body;
      }
      const { target } = pending;
      const size = Math.min(pending.size - pending.filled, end - at);
      if (target !== undefined) copy(bytes, at, size, target, pending.filled, local);
      at += size;
      pending.filled += size;
      if (pending.filled < pending.size) break;
      head++;
      if (!pending.settled) {
        this.#end(pending);
        pending.resolve(target);
      }
    }
    return head;
  }

  /** Takes an answer of any other shape: its end, or 0 and a copy of what is there of it. */
  #other(bytes: Uint8Array, at: number, pending: Pending): number {
    const end = this.#scanner.scan(bytes, at, bytes.length);
    if (end === 0) {
      this.#partial = sliced(bytes, at, bytes.length);
      return 0;
    }
    this.#scanner.reset();
    const message = sliced(bytes, at, end);
    void this.#loadCodec().then(({ decodeAnswer }) => {
      try {
        this.#settle(pending, decodeAnswer(message));
      } catch (error) {
        this.#fail(pending, error as Error);
      }
    });
    return end;
  }

  #settle(pending: Pending, { id, error, result }: Answer): void {
    if (pending.settled) return;
    // Id 0 with an error may answer a message that the daemon could not read.
    const fits = id === pending.id || (id === 0 && error !== null);
    if (fits && isFailure(error)) {
      this.#fail(pending, new EntropyError(...error));
    } else if (!fits || error !== null || pending.size > 0) {
      this.#fail(pending, unexpected('an answer that does not fit its request'));
    } else {
      this.#end(pending);
      pending.resolve(result);
    }
  }
}

function isPlainRandom({ size, predictionResistance = false }: Pending): boolean {
  return size > 0 && !predictionResistance;
}

function toRequest({ id, size, method = 'random', params = [] }: Pending): Request {
  if (size === 0) return { id, method, params };
  return { id, method, params: [size, { predictionResistance: true }] };
}

/** Codes that only a later daemon knows pass. */
function isFailure(error: unknown): error is [code: ErrorCode, message: string] {
  return (
    Array.isArray(error) &&
    error.length === 2 &&
    typeof error[0] === 'string' &&
    typeof error[1] === 'string'
  );
}

/** A copy: a Buffer's own `slice` is none. */
function sliced(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

function unexpected(what: string): EntropyError {
  return new EntropyError('ERR_MESSAGE', `the daemon sent ${what}`);
}

function connectError(path: string, cause: NodeJS.ErrnoException | undefined): EntropyError {
  const reason = cause?.code ?? 'closed';
  return new EntropyError(
    'ERR_CONNECT',
    `no daemon on ${path} (${reason}); start one with: entropyd --socket ${path}`,
    { cause },
  );
}

/** Copies answer bytes into their target, XORed with this process's own where there are any. */
function copy(
  from: Uint8Array,
  at: number,
  size: number,
  to: Uint8Array,
  offset: number,
  local: Uint8Array | undefined,
): void {
  if (local === undefined) {
    to.set(from.subarray(at, at + size), offset);
    return;
  }
  for (let i = 0; i < size; i++)
    to[offset + i] = (from[at + i] as number) ^ (local[at + i] as number);
}
