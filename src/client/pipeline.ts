/**
 * A client's queue of calls: those of one tick leave in one write, answers come back in order, and a
 * call whose connection was lost goes out once more.
 */

import { EntropyError } from '../common/errors.js';
import type { Call } from './call.js';
import { lostError, ReconnectingSocket } from './reconnecting-socket.js';
import { RequestWriter, ResponseReader } from './wire.js';

export interface PipelineOptions {
  /** Of the daemon's socket. */
  path: string;
  /** XOR what arrives with bytes of this process's generator. */
  mixLocal: boolean;
  /** Calls in the queue at most, 1 or more; those count too whose late answer is to be dropped. */
  maxPending: number;
  /** Send with all calls of a turn of the event loop, not of a tick; default false. */
  coalesce?: 'tick' | 'turn';
}

/** Ids have 32 bits. */
const idCount = 2 ** 32;

/** Keeps the process alive while a call waits, and no longer. */
export class Pipeline {
  readonly #path: string;
  readonly #maxPending: number;
  readonly #soon: (run: () => void) => void;
  readonly #socket: ReconnectingSocket;
  readonly #reader: ResponseReader;
  readonly #writer = new RequestWriter();
  readonly #timer = new DeadlineTimer((now) => this.#expire(now));
  /**
   * In the order of their requests, the first `#written` of which have been sent. Settled ones stay
   * until their answer has come or the connection is gone.
   */
  #calls: Call[] = [];
  #written = 0;
  /** Not settled yet. */
  #awaited = 0;
  #flushing = false;
  #nextId = 0;
  #closed = false;
  // One for all calls and ticks.
  readonly #onEnd = () => {
    if (--this.#awaited === 0) this.#idle();
  };
  readonly #onSoon = () => {
    this.#flushing = false;
    this.#setDeadlines();
    this.#flush();
  };

  constructor({ path, mixLocal, maxPending, coalesce = 'tick' }: PipelineOptions) {
    this.#path = path;
    this.#maxPending = maxPending;
    this.#soon = coalesce === 'turn' ? setImmediate : process.nextTick;
    this.#reader = new ResponseReader(mixLocal);
    this.#socket = new ReconnectingSocket(path, {
      connected: () => this.#flush(),
      data: (data) => this.#read(data),
      lost: () => this.#lost(),
      failed: (error) => this.#failAll(error),
    });
  }

  /**
   * Queues a call, which leaves with all others of this tick, or turn. It fails at once with `ERR_CLOSED`
   * after `close`, with `ERR_BUSY` where the queue is full.
   */
  send(call: Call): void {
    if (this.#closed) {
      call.fail(new EntropyError('ERR_CLOSED', 'the client is closed'));
      return;
    }
    if (this.#calls.length >= this.#maxPending) {
      call.fail(
        new EntropyError(
          'ERR_BUSY',
          `${this.#maxPending} calls of this client wait for answers, as many as maxPending allows`,
        ),
      );
      return;
    }
    this.#calls.push(call);
    this.#awaited++;
    call.start(this.#nextId, this.#onEnd);
    this.#nextId = (this.#nextId + 1) % idCount;
    if (this.#flushing) return;
    this.#flushing = true;
    this.#soon(this.#onSoon);
  }

  /** Ends the connection; calls under way are rejected with `ERR_CLOSED`. */
  close(): void {
    this.#closed = true;
    this.#failAll(new EntropyError('ERR_CLOSED', 'the client was closed'));
    this.#socket.drop();
  }

  #failAll(error: Error): void {
    const all = this.#calls;
    this.#queue([]);
    for (const call of all) call.fail(error);
  }

  #idle(): void {
    this.#timer.stop();
    this.#socket.idle();
    // What nobody waits for is not asked any more.
    this.#calls.length = this.#written;
  }

  /** What is to be sent on the next connection. */
  #queue(calls: Call[]): void {
    this.#calls = calls;
    this.#written = 0;
  }

  /** One look at the clock for all calls of a tick, which are the last ones. */
  #setDeadlines(): void {
    const now = performance.now();
    for (let i = this.#calls.length - 1; i >= 0; i--) {
      const call = this.#calls[i] as Call;
      if (call.deadline !== 0) break;
      call.deadline = now + call.timeoutMs;
      if (!call.settled) this.#timer.watch(call.deadline);
    }
  }

  /**
   * Rejects the calls whose time is up. Where no other waits, the connection goes too: a daemon that
   * hangs would let the answers that nobody wants pile up.
   */
  #expire(now: number): void {
    for (const call of this.#calls) {
      if (call.settled) continue;
      if (call.deadline <= now)
        call.fail(new EntropyError('ERR_TIMEOUT', `no answer in time on ${this.#path}`));
      else this.#timer.watch(call.deadline);
    }
    if (this.#awaited === 0) this.#socket.drop();
  }

  #flush(): void {
    if (this.#written === this.#calls.length) return;
    this.#socket.open();
    const { socket } = this.#socket;
    if (socket === undefined) return;
    socket.ref();
    socket.cork();
    while (this.#written < this.#calls.length) {
      const bytes = this.#writer.write(this.#calls, this.#written);
      if (bytes === undefined) {
        void this.#writer.load().then(() => this.#flush());
        break;
      }
      socket.write(bytes);
      this.#written = this.#writer.next;
    }
    socket.uncork();
  }

  #read(data: Buffer): void {
    try {
      const done = this.#reader.read(data, this.#calls, this.#written);
      this.#calls.splice(0, done);
      this.#written -= done;
    } catch (error) {
      this.#failAll(error as Error);
      this.#socket.drop();
    }
  }

  /**
   * The connection is gone. Requests are idempotent: what was sent goes out again on the next
   * connection, once, and its whole answer takes the place of what has come of the first.
   */
  #lost(): boolean {
    this.#reader.reset();
    const kept: Call[] = [];
    for (const [index, call] of this.#calls.entries()) {
      if (call.settled) continue;
      if (index < this.#written) call.losses++;
      call.filled = -1;
      if (call.losses > 1) call.fail(lostError(this.#path));
      else kept.push(call);
    }
    this.#queue(kept);
    return kept.length > 0;
  }
}

// One timer for many deadlines: it goes off at the earliest.

/** Of setTimeout, milliseconds: a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** Keeps no process alive. */
export class DeadlineTimer {
  readonly #onDue: (now: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  /**
   * @param onDue called with `performance.now()` at the earliest deadline, or up to a millisecond
   *   before, as timers do, or long before where it is weeks away; it watches again what is not due
   */
  constructor(onDue: (now: number) => void) {
    this.#onDue = onDue;
  }

  /** @param deadline by `performance.now()`; infinite: never */
  watch(deadline: number): void {
    if (deadline >= this.#dueAt) return;
    this.stop();
    this.#dueAt = deadline;
    const delay = Math.max(0, Math.ceil(deadline - performance.now()));
    this.#timer = setTimeout(() => this.#fire(), Math.min(delay, maxTimerMs)).unref();
  }

  /** Forgets every deadline. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#onDue(performance.now());
  }
}
