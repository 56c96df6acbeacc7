/** Uniform integers from random bytes, by rejection sampling. */

import { Readable } from 'node:stream';
import { EntropyError } from '../common/errors.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { abortedOf, listen, type Signals, unlisten } from './call.js';
import { checkedSize, type Fill, type RandomOptions, type StreamOptions } from './options.js';

/** Bytes of a candidate: the widest that a JavaScript number takes whole bytes of. */
const candidateSize = 6;

/** Candidates, all equally likely; the largest range too. */
const candidates = 2 ** (8 * candidateSize);

/**
 * An integer of `min` <= n < `max`, each with the same probability.
 * @param min a safe integer
 * @param max a safe integer above `min`, at most 2^48 above it
 * @param fill called once or, with a probability below a half each time, again
 * @throws EntropyError `ERR_PARAMS` without asking for bytes, and whatever `fill` throws
 */
export async function randomInt(min: number, max: number, fill: Fill): Promise<number> {
  for (const [name, value] of Object.entries({ min, max }))
    if (!Number.isSafeInteger(value))
      throw new EntropyError('ERR_PARAMS', `${name}: want a safe integer`);
  const range = max - min;
  if (range < 1 || range > candidates)
    throw new EntropyError('ERR_PARAMS', 'max: want an integer of min + 1 to min + 2^48');
  // Below the largest multiple of the range every remainder is as frequent as any other. The
  // candidates from there on, 2^48 mod range of them, would favour the small remainders and are
  // drawn again; as range <= 2^48 they are fewer than half of all.
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

// More random bytes than one request gives: pieces of one array, a few of them under way at once.

/**
 * Fills an array of any size.
 * @param fill for one piece
 * @param maxUnderWay pieces at once, 1 or more
 * @throws the first failure, after all pieces under way have settled; `target` is zero then
 */
export async function fillPieces(
  target: Uint8Array,
  fill: Fill,
  maxUnderWay: number,
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
  await Promise.all(Array.from({ length: maxUnderWay }, fillNext));
  if (failure === undefined) return;
  target.fill(0);
  throw failure.reason;
}

// Random bytes as a readable stream that asks for no more than its reader does.

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

// A random UUID, whose bytes are wiped.

/**
 * A UUID of version 4, lower case.
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

// UUIDs of version 4, RFC 9562 section 5.4. Pure.

/** Bytes of a UUID. */
export const uuidSize = 16;

/**
 * Writes random bytes as a UUID: 122 of their bits, version and variant in place of the others.
 * @param bytes 16 of them; left as they are
 * @returns 36 characters, lower case
 */
export function encodeUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, uuidSize).toString('hex');
  const variant = (((bytes[8] as number) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20)}`;
}
