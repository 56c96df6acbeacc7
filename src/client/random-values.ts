/** Values made of random bytes: integers, UUIDs, arrays beyond one request, and streams. */
import { Readable } from 'node:stream';
import { EntropyError } from '../common/errors.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { abortedOf, listen, type Signals, unlisten } from './call.js';
import { checkedSize, type Fill, type RandomOptions, type StreamOptions } from './options.js';

/** Bytes of a candidate: the most whole bytes that a JavaScript number holds. */
const candidateSize = 6;

/** Number of candidates, all equally likely; also the largest range. */
const candidates = 2 ** (8 * candidateSize);

/**
 * A uniform integer `min` <= n < `max`, by rejection sampling.
 * @param min a safe integer
 * @param max a safe integer above `min`, at most 2^48 above it
 * @param fill called once, and again with a probability below one half each time
 * @throws EntropyError `ERR_PARAMS` without a call of `fill`, and whatever `fill` throws
 */
export async function randomInt(min: number, max: number, fill: Fill): Promise<number> {
  for (const [name, value] of Object.entries({ min, max }))
    if (!Number.isSafeInteger(value))
      throw new EntropyError('ERR_PARAMS', `${name}: want a safe integer`);
  const range = max - min;
  if (range < 1 || range > candidates)
    throw new EntropyError('ERR_PARAMS', 'max: want an integer of min + 1 to min + 2^48');
  // Below the largest multiple of the range every remainder is equally frequent. The 2^48 mod range
  // candidates above it would favor small remainders and are drawn again; as range <= 2^48, they are
  // fewer than half of all.
  const accepted = candidates - (candidates % range);
  const bytes = new Uint8Array(candidateSize);
  try {
    for (;;) {
      await fill(bytes);
      const candidate = bytes.reduce((value, byte) => value * 256 + byte, 0);
      if (candidate < accepted) return min + (candidate % range);
    }
  } finally {
    bytes.fill(0);
  }
}

/** Bytes of a UUID. */
export const uuidSize = 16;

/**
 * A UUID of version 4, lower case; its bytes are wiped.
 * @throws whatever `fill` throws
 */
export async function randomUuid(fill: Fill): Promise<string> {
  const bytes = new Uint8Array(uuidSize);
  try {
    await fill(bytes);
    return encodeUuid(bytes);
  } finally {
    bytes.fill(0);
  }
}

/**
 * Formats random bytes as a UUID of version 4 (RFC 9562 section 5.4): version and variant replace 6
 * of their 128 bits.
 * @param bytes 16, or more of which the first 16 count; not changed
 * @returns 36 characters, lower case
 */
export function encodeUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, uuidSize).toString('hex');
  const variant = (((bytes[8] as number) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20)}`;
}

/**
 * Fills an array of any size, in pieces of at most one request.
 * @param fill fills one piece
 * @param maxInFlight pieces at a time, 1 or more
 * @throws the first failure, after all pieces in flight have settled; `target` is zero then
 */
export async function fillPieces(
  target: Uint8Array,
  fill: Fill,
  maxInFlight: number,
): Promise<void> {
  let at = 0;
  let failure: { reason: unknown } | undefined;
  const fillNext = async () => {
    while (failure === undefined && at < target.length) {
      const piece = target.subarray(at, at + maxRandomSize);
      at += piece.length;
      try {
        await fill(piece);
      } catch (reason) {
        failure ??= { reason };
      }
    }
  };
  await Promise.all(Array.from({ length: maxInFlight }, fillNext));
  if (failure === undefined) return;
  target.fill(0);
  throw failure.reason;
}

/** Default size of a stream's chunks, bytes: one read of a socket. */
const defaultChunkSize = 65_536;

/** Returns `size` random bytes in a new array, as a client's `random` does. */
export type DrawChunk = (size: number, options: RandomOptions) => Promise<Uint8Array>;

/**
 * Random bytes as a stream, made by `Client.stream`. Data is requested lazily, one chunk at a time:
 * none before there is a reader, then another whenever less than one is buffered.
 */
export class RandomStream extends Readable {
  readonly #draw: DrawChunk;
  readonly #chunkSize: number;
  readonly #options: RandomOptions;
  readonly #signals: Signals;
  readonly #isOver: () => boolean;
  // Ends the request in flight with the stream.
  readonly #ended = new AbortController();
  readonly #onAbort = ({ target }: Event) => this.destroy((target as AbortSignal).reason);
  #left: number;

  /**
   * @param signals each destroys the stream with its reason
   * @param isOver whether nobody wants more; then a failed request destroys it without an error
   * @throws EntropyError `ERR_LENGTH`
   */
  constructor(
    draw: DrawChunk,
    options: StreamOptions,
    signals: Signals,
    isOver: () => boolean = () => false,
  ) {
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
    this.#isOver = isOver;
    listen(signals, this.#onAbort);
    const aborted = abortedOf(signals);
    if (aborted !== undefined) this.destroy(aborted.reason);
  }

  override _read(): void {
    // A reader may ask again within the event of the last chunk, before the end is pushed.
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
      if (this.#isOver()) this.destroy();
      else this.destroy(error as Error);
    }
  }
}
