/** The buffers that answers are built in: locked memory, one for all writes that go out at once. */
import type { Generator } from '../generator.js';

/** Bytes that one write sends at most; larger writes were measured slower. */
export const chunkSize = 128 * 1024;

/** Buffers that the kernel has not taken yet, over all connections: 64 MiB. */
const maxBuffers = (64 * 1024 * 1024) / chunkSize;

/**
 * Lends buffers of `chunkSize`. A write that the kernel takes whole gives its buffer back at once,
 * so that most of the time there is one.
 */
export class OutputBuffers {
  readonly #generator: Generator;
  readonly #free: Buffer[] = [];
  #lent = 0;

  constructor(generator: Generator) {
    this.#generator = generator;
  }

  /** A buffer of zeros or of leftover headers, never of random bytes; undefined at the limit. */
  take(): Buffer | undefined {
    if (this.#lent === maxBuffers) return undefined;
    this.#lent++;
    const buffer = this.#free.pop();
    if (buffer !== undefined) return buffer;
    return Buffer.from(this.#generator.allocate(chunkSize).buffer);
  }

  /** Wipes the first `used` bytes and takes the buffer back. */
  release(buffer: Buffer, used: number): void {
    this.#generator.wipe(buffer, 0, used);
    this.#lent--;
    if (this.#free.length === 0) this.#free.push(buffer);
  }
}
