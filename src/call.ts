/** One request of a client on its way to the daemon, settled exactly once. */
import { listen, type Signals, unlisten } from './signals.js';

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
