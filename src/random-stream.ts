/** Random bytes as a readable stream that asks for no more than its reader does. */
import { Readable } from 'node:stream';
import { checkedSize, type RandomOptions, type StreamOptions } from './client-options.js';
import { maxRandomSize } from './rpc/protocol.js';
import { abortedOf, listen, type Signals, unlisten } from './signals.js';

/** Bytes: one read of a socket. */
const defaultChunkSize = 65_536;

/** Where the chunks come from: a client's `random`. */
export type DrawChunk = (size: number, options: RandomOptions) => Promise<Uint8Array>;

/**
 * Made by `Client.stream`. It asks for one chunk at a time: none before there is a reader, and then
 * the next where less than one is buffered.
 */
export class RandomStream extends Readable {
  readonly #draw: DrawChunk;
  readonly #chunkSize: number;
  readonly #options: RandomOptions;
  readonly #signals: Signals;
  // Ends the request under way with the stream.
  readonly #ended = new AbortController();
  readonly #onAbort = ({ target }: Event) => this.destroy((target as AbortSignal).reason);
  #left: number;

  /**
   * @param signals each destroys the stream with its reason
   * @throws EntropyError `ERR_LENGTH`
   */
  constructor(draw: DrawChunk, options: StreamOptions, signals: Signals) {
    const { size, chunkSize = defaultChunkSize } = options;
    super({ highWaterMark: checkedSize('chunkSize', chunkSize, maxRandomSize) });
    this.#left =
      size === undefined
        ? Number.POSITIVE_INFINITY
        : checkedSize('size', size, Number.MAX_SAFE_INTEGER);
    this.#draw = draw;
    this.#chunkSize = chunkSize;
    this.#options = { ...options, signal: this.#ended.signal };
    this.#signals = signals;
    listen(signals, this.#onAbort);
    const aborted = abortedOf(signals);
    if (aborted !== undefined) this.destroy(aborted.reason);
  }

  override _read(): void {
    // A reader may ask again from within the event of the last chunk, before the end is pushed.
    if (this.#left > 0) void this.#push();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    unlisten(this.#signals, this.#onAbort);
    this.#ended.abort();
    callback(error);
  }

  async #push(): Promise<void> {
    try {
      const chunk = await this.#draw(Math.min(this.#left, this.#chunkSize), this.#options);
      if (this.destroyed) {
        chunk.fill(0);
        return;
      }
      this.#left -= chunk.length;
      this.push(chunk);
      if (this.#left === 0) this.push(null);
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}
