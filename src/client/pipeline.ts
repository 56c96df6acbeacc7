/**
 * A client's calls in order. The calls of one tick leave in one write, responses come back in order,
 * and a call whose connection was lost is sent once more.
 */
import { EntropyError } from '../common/errors.js';
import type { Call, CallQueue } from './call.js';
import { lostError, ReconnectingSocket, systemTimers, type Timers } from './reconnecting-socket.js';
import { RequestWriter, ResponseReader } from './wire.js';

export interface PipelineOptions {
  /** Path of the daemon's socket. */
  path: string;
  /** XOR random bytes with bytes of this process's generator. */
  mixLocal: boolean;
  /** Most calls in the queue, 1 or more; settled calls count until their response has come. */
  maxPending: number;
  /** Send calls together at the end of the tick (default), or of the turn of the event loop. */
  coalesce?: 'tick' | 'turn';
  timers?: Timers;
}

/** Message ids have 32 bits. */
const idCount = 2 ** 32;

/** Keeps the process alive while a call waits, and no longer. */
export class Pipeline implements CallQueue {
  readonly #path: string;
  readonly #maxPending: number;
  readonly #soon: (run: () => void) => void;
  readonly #timers: Timers;
  readonly #socket: ReconnectingSocket;
  readonly #reader: ResponseReader;
  readonly #writer = new RequestWriter();
  readonly #deadlines: DeadlineTimer;
  /**
   * In the order of their requests, the first `#written` of which have been sent. Settled calls stay
   * until their response has come or the connection is lost.
   */
  #calls: Call[] = [];
  #written = 0;
  /** Calls that are not settled. */
  #awaited = 0;
  #flushing = false;
  #nextId = 0;
  #closed = false;
  // One function for all calls and ticks.
  readonly #onEnd = () => {
    if (--this.#awaited === 0) this.#idle();
  };
  readonly #onSoon = () => {
    this.#flushing = false;
    this.#setDeadlines();
    this.#flush();
  };

  constructor(options: PipelineOptions) {
    const { path, mixLocal, maxPending, coalesce = 'tick', timers = systemTimers } = options;
    this.#path = path;
    this.#maxPending = maxPending;
    this.#soon = coalesce === 'turn' ? setImmediate : process.nextTick;
    this.#timers = timers;
    this.#reader = new ResponseReader(mixLocal);
    this.#deadlines = new DeadlineTimer((now) => this.#expire(now), timers);
    this.#socket = new ReconnectingSocket(
      path,
      {
        connected: () => this.#flush(),
        data: (data) => this.#read(data),
        lost: () => this.#lost(),
        failed: (error) => this.#failAll(error),
      },
      timers,
    );
  }

  /**
   * Queues a call, which leaves with all others of this tick or turn. It fails at once with
   * `ERR_CLOSED` after `close`, and with `ERR_BUSY` if the queue is full.
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
          `this client has ${this.#maxPending} calls in flight, as many as maxPending allows`,
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

  /** Ends the connection and rejects calls in flight with `ERR_CLOSED`. */
  close(): void {
    this.#closed = true;
    this.#failAll(new EntropyError('ERR_CLOSED', 'the client was closed'));
    this.#socket.drop();
  }

  /** Reads the clock once for all calls of a tick, which are the last in the queue. */
  #setDeadlines(): void {
    const now = this.#timers.now();
    for (let i = this.#calls.length - 1; i >= 0; i--) {
      const call = this.#calls[i] as Call;
      if (call.deadline !== 0) break;
      call.deadline = now + call.timeoutMs;
      if (!call.settled) this.#deadlines.watch(call.deadline);
    }
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
   * The connection is gone. Requests are idempotent: those that were sent are sent once more on the
   * next connection, and a partial response is replaced by a whole one.
   * @returns whether a call waits for the next connection
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
    this.#replaceQueue(kept);
    return kept.length > 0;
  }

  /**
   * Rejects the calls whose time is up. If no other call waits, the connection goes too: the
   * responses of a daemon that hangs would pile up, wanted by nobody.
   */
  #expire(now: number): void {
    for (const call of this.#calls) {
      if (call.settled) continue;
      if (call.deadline <= now)
        call.fail(new EntropyError('ERR_TIMEOUT', `no answer in time on ${this.#path}`));
      else this.#deadlines.watch(call.deadline);
    }
    if (this.#awaited === 0) this.#socket.drop();
  }

  #failAll(error: Error): void {
    const all = this.#calls;
    this.#replaceQueue([]);
    for (const call of all) call.fail(error);
  }

  #replaceQueue(calls: Call[]): void {
    this.#calls = calls;
    this.#written = 0;
  }

  /** No call waits. Those that were not sent are dropped. */
  #idle(): void {
    this.#deadlines.stop();
    this.#socket.idle();
    this.#calls.length = this.#written;
  }
}

/** Longest delay of setTimeout, milliseconds: a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** One timer for many deadlines; it fires at the earliest and keeps no process alive. */
export class DeadlineTimer {
  readonly #onDue: (now: number) => void;
  readonly #timers: Timers;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  /**
   * @param onDue called at the earliest deadline, up to a millisecond early as timers are, or long
   *   before a deadline that is weeks away; it MUST watch again every deadline that is not due
   */
  constructor(onDue: (now: number) => void, timers: Timers = systemTimers) {
    this.#onDue = onDue;
    this.#timers = timers;
  }

  /** @param deadline by the timers' clock; infinite: never */
  watch(deadline: number): void {
    if (deadline >= this.#dueAt) return;
    this.stop();
    this.#dueAt = deadline;
    const delay = Math.max(0, Math.ceil(deadline - this.#timers.now()));
    this.#timer = this.#timers.set(() => this.#fire(), Math.min(delay, maxTimerMs)).unref();
  }

  /** Forgets every deadline. */
  stop(): void {
    this.#timers.clear(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#onDue(this.#timers.now());
  }
}
