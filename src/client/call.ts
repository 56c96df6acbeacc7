/** One request of a client on its way to the daemon, settled exactly once. */

import { setMaxListeners } from 'node:events';
import { EntropyError } from '../common/errors.js';
import { type CallOptions, checkedTimeout, type Fill, type RandomOptions } from './options.js';

/** What a call asks for, and who waits for it. */
export interface CallRequest {
  /** As in the protocol. */
  method: string;
  /** undefined: `random` of as many bytes as `target` has, and no options. */
  params: unknown[] | undefined;
  /** Of a `random`, 1 to 1,048,576 bytes: where they go. */
  target: Uint8Array | undefined;
  /** From the end of the tick in which it was sent; above 0. */
  timeoutMs: number;
  /** Each of them ends the call. */
  signals: Signals;
  /**
   * With `target`, or with the result of any other method. Both functions are a promise's own: none
   * of the caller's code runs before the channel has done its bookkeeping.
   */
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

/** Made by the client, sent by its channel. */
export class Call {
  readonly method: string;
  readonly params: unknown[] | undefined;
  /** Of a `random`, bytes; 0 of any other method. */
  readonly size: number;
  readonly timeoutMs: number;
  /** Where the bytes of a `random` go; undefined as soon as they are the caller's no more. */
  target: Uint8Array | undefined;
  /** On the wire, 0 to 2^32 - 1. */
  id = 0;
  /** By `performance.now()`; 0 until the channel's tick has ended. */
  deadline = 0;
  /** Bytes of the answer that have come; -1 until its header has. */
  filled = -1;
  /** Connections that were lost under it. */
  losses = 0;
  /** Its answer, where it is still to come, is dropped. */
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
   * The channel takes it; from now on a signal may end it.
   * @param onEnd called once, when it is settled
   */
  start(id: number, onEnd: () => void): void {
    this.id = id;
    this.#onEnd = onEnd;
    listen(this.#signals, this);
  }

  /** Resolves it, unless it is settled. */
  succeed(result: unknown): void {
    if (this.settled) return;
    this.#end();
    this.#resolve(result);
  }

  /** Rejects it, unless it is settled; from now on nothing is written to its target. */
  fail(reason: unknown): void {
    if (this.settled) return;
    this.target = undefined;
    this.#end();
    this.#reject(reason);
  }

  /** Of a signal; the call is its own listener, so that none has to be made for it. */
  handleEvent({ target }: Event): void {
    this.fail((target as AbortSignal).reason);
  }

  #end(): void {
    this.settled = true;
    unlisten(this.#signals, this);
    this.#onEnd?.();
  }
}

// A client's calls, each with its time and its signals or else the client's.

const noSignals: Signals = [];

/** Where calls are sent; fails a call that it cannot take. */
export interface CallQueue {
  send(call: Call): void;
}

/** Turns calls of a queue into promises. */
export class Caller {
  readonly #queue: CallQueue;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param timeoutMs of calls that have none of their own, milliseconds above 0
   * @param signal ends every call
   */
  constructor(channel: CallQueue, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#queue = channel;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
  }

  /** The result of any method but `random`. */
  call(method: string, options: CallOptions, params: unknown[] = []): Promise<unknown> {
    return this.#send(method, params, undefined, options);
  }

  /** Fills `target`, of 1 to 1,048,576 bytes, and resolves with it. */
  fill(target: Uint8Array, options: RandomOptions): Promise<Uint8Array> {
    const params = options.predictionResistance
      ? [target.length, { predictionResistance: true }]
      : undefined;
    return this.#send('random', params, target, options) as Promise<Uint8Array>;
  }

  /**
   * What fills one array after another within the time of one call, which begins now.
   * @throws EntropyError `ERR_PARAMS` where that time is none
   */
  filler(options: RandomOptions): Fill {
    const deadline = performance.now() + checkedTimeout(options.timeoutMs ?? this.#timeoutMs);
    return async (target) => {
      const timeoutMs = deadline - performance.now();
      if (timeoutMs <= 0)
        throw new EntropyError('ERR_TIMEOUT', 'not all of the answers came in time');
      await this.fill(target, { ...options, timeoutMs });
    };
  }

  /** Whatever ends a call with these options. */
  signals({ signal }: CallOptions): Signals {
    if (this.#signal === undefined) return signal === undefined ? noSignals : [signal];
    return signal === undefined ? [this.#signal] : [this.#signal, signal];
  }

  // One promise a call, and nothing else that has to be collected: this is the way of every call.
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

// Abort signals, each of which ends many calls and streams.

export type Signals = readonly AbortSignal[];

/** Its event's target is the signal. */
export type AbortListener = ((event: Event) => void) | { handleEvent(event: Event): void };

/** The first that is aborted already. */
export function abortedOf(signals: Signals): AbortSignal | undefined {
  for (const signal of signals) if (signal.aborted) return signal;
  return undefined;
}

/** Until `unlisten`, `listener` hears of an abort. */
export function listen(signals: Signals, listener: AbortListener): void {
  for (const signal of signals) {
    // More than ten calls may wait at once, and that is no leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', listener);
  }
}

/** Takes back `listen`. */
export function unlisten(signals: Signals, listener: AbortListener): void {
  for (const signal of signals) signal.removeEventListener('abort', listener);
}
