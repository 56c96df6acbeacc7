/** A client's calls, each with its time and its signals or else the client's. */
import { Call } from './call.js';
import type { Channel } from './channel.js';
import {
  type CallOptions,
  checkedTimeout,
  type Fill,
  type RandomOptions,
} from './client-options.js';
import { EntropyError } from './common/errors.js';
import { abortedOf, type Signals } from './signals.js';

const noSignals: Signals = [];

/** Turns calls of a channel into promises. */
export class Caller {
  readonly #channel: Pick<Channel, 'send'>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param timeoutMs of calls that have none of their own, milliseconds above 0
   * @param signal ends every call
   */
  constructor(channel: Pick<Channel, 'send'>, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#channel = channel;
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
      this.#channel.send(new Call({ method, params, target, timeoutMs, signals, resolve, reject }));
    });
  }
}
