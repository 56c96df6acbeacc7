/** One call of a client on its way to the daemon: its time, its signals, its promise. */
import { setMaxListeners } from 'node:events';
import { EntropyError } from '../common/errors.js';
import { type CallOptions, checkedTimeout, type Fill, type RandomOptions } from './options.js';

/** The queue that calls are sent to. */
export interface CallQueue {
  /** Takes a call, or fails it. */
  send(call: Call): void;
  /** Fails the calls that wait, and all later ones, with `ERR_CLOSED`. */
  close(): void;
}

/** Turns calls into promises, each with its own time and signals or else the client's. */
export class Caller {
  readonly #queue: Pick<CallQueue, 'send'>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #now: () => number;

  /**
   * @param timeoutMs for calls that have none of their own, milliseconds above 0
   * @param signal ends every call
   * @param now milliseconds, monotonic
   */
  constructor(
    queue: Pick<CallQueue, 'send'>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#queue = queue;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#now = now;
  }

  /** The result of any method except `random`. */
  call(method: string, options: CallOptions, params: unknown[] = []): Promise<unknown> {
    return this.#send(method, params, undefined, options);
  }

  /** Fills `target`, 1 to 1,048,576 bytes, and resolves with it. */
  fill(target: Uint8Array, options: RandomOptions): Promise<Uint8Array> {
    const params = options.predictionResistance
      ? [target.length, { predictionResistance: true }]
      : undefined;
    return this.#send('random', params, target, options) as Promise<Uint8Array>;
  }

  /**
   * A function that fills one array after another within the time of one call, which begins now.
   * @throws EntropyError `ERR_PARAMS` if `timeoutMs` is not a time
   */
  filler(options: RandomOptions): Fill {
    const deadline = this.#now() + checkedTimeout(options.timeoutMs ?? this.#timeoutMs);
    return async (target) => {
      const timeoutMs = deadline - this.#now();
      if (timeoutMs <= 0)
        throw new EntropyError('ERR_TIMEOUT', 'not all responses arrived in time');
      await this.fill(target, { ...options, timeoutMs });
    };
  }

  /** The signals that end a call with these options. */
  signals({ signal }: CallOptions): Signals {
    if (this.#signal === undefined) return signal === undefined ? noSignals : [signal];
    return signal === undefined ? [this.#signal] : [this.#signal, signal];
  }

  // Hot path: allocates one promise per call and nothing else.
  #send(
    method: string,
    params: unknown[] | undefined,
    target: Uint8Array | undefined,
    options: CallOptions,
  ): Promise<unknown> {
    const signals = this.signals(options);
    const aborted = abortedOf(signals);
    if (aborted !== undefined) return Promise.reject(aborted.reason);
    return new Promise((resolve, reject) => {
      const timeoutMs = checkedTimeout(options.timeoutMs ?? this.#timeoutMs);
      this.#queue.send(new Call({ method, params, target, timeoutMs, signals, resolve, reject }));
    });
  }
}

/** A request, and the promise that waits for its result. */
export interface CallRequest {
  /** Method of the protocol. */
  method: string;
  /** Undefined: `random` of as many bytes as `target` has, without options. */
  params: unknown[] | undefined;
  /** For `random`: receives the bytes, 1 to 1,048,576. */
  target: Uint8Array | undefined;
  /** Counted from the end of the tick in which the call was sent; above 0. */
  timeoutMs: number;
  /** Each of them ends the call. */
  signals: Signals;
  /**
   * Called with `target`, or with the result of any other method. Both functions MUST be a promise's
   * own: then none of the caller's code runs before the pipeline has done its bookkeeping.
   */
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

/** Settled exactly once, whatever happens first. */
export class Call {
  readonly method: string;
  readonly params: unknown[] | undefined;
  /** Bytes of a `random`; 0 for any other method. */
  readonly size: number;
  readonly timeoutMs: number;
  /** Receives the bytes of a `random`; undefined once the caller may use it for something else. */
  target: Uint8Array | undefined;
  /** Message id, 0 to 2^32 - 1. */
  id = 0;
  /** By the pipeline's clock; 0 until its tick has ended. */
  deadline = 0;
  /** Bytes of the response that have arrived; -1 until its header has. */
  filled = -1;
  /** Connections lost while the call was in flight. */
  losses = 0;
  /** A response that is still to come is dropped. */
  settled = false;
  readonly #signals: Signals;
  readonly #resolve: CallRequest['resolve'];
  readonly #reject: CallRequest['reject'];
  #onEnd: (() => void) | undefined;

  constructor(request: CallRequest) {
    this.method = request.method;
    this.params = request.params;
    this.target = request.target;
    this.size = request.target === undefined ? 0 : request.target.length;
    this.timeoutMs = request.timeoutMs;
    this.#signals = request.signals;
    this.#resolve = request.resolve;
    this.#reject = request.reject;
  }

  /**
   * The pipeline has taken the call; from now on a signal can end it.
   * @param onEnd called once, when the call is settled
   */
  start(id: number, onEnd: () => void): void {
    this.id = id;
    this.#onEnd = onEnd;
    listen(this.#signals, this);
  }

  /** Resolves the call unless it is settled. */
  succeed(result: unknown): void {
    if (this.settled) return;
    this.#end();
    this.#resolve(result);
  }

  /** Rejects the call unless it is settled. Its target is zero, and not written to any more. */
  fail(reason: unknown): void {
    if (this.settled) return;
    this.target?.fill(0);
    this.target = undefined;
    this.#end();
    this.#reject(reason);
  }

  /** A signal was aborted. The call is its own listener, so none has to be allocated. */
  handleEvent({ target }: Event): void {
    this.fail((target as AbortSignal).reason);
  }

  #end(): void {
    this.settled = true;
    unlisten(this.#signals, this);
    this.#onEnd?.();
  }
}

/** Abort signals; each may end many calls and streams. */
export type Signals = readonly AbortSignal[];

const noSignals: Signals = [];

/** Receives an event whose target is the signal. */
export type AbortListener = ((event: Event) => void) | { handleEvent(event: Event): void };

/** The first signal that is already aborted. */
export function abortedOf(signals: Signals): AbortSignal | undefined {
  for (const signal of signals) if (signal.aborted) return signal;
  return undefined;
}

/** Calls `listener` when a signal is aborted, until `unlisten`. */
export function listen(signals: Signals, listener: AbortListener): void {
  for (const signal of signals) {
    // More than ten calls may wait at once; that is not a leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', listener);
  }
}

/** Undoes `listen`. */
export function unlisten(signals: Signals, listener: AbortListener): void {
  for (const signal of signals) signal.removeEventListener('abort', listener);
}
