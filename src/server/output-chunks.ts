/** The buffers that answers are built in: locked memory, one for all writes that go out at once. */
import { chunkSize } from '../common/unix-socket.js';
import type { Limits } from '../config/config.js';
import type { Generator } from '../generator/interface.js';
import type { User } from './users.js';

/** A buffer of locked memory, and a view of it. */
export interface Chunk {
  bytes: Buffer;
  view: DataView;
}

export function newChunk(generator: Generator, size: number): Chunk {
  const bytes = Buffer.from(generator.allocate(size).buffer);
  return { bytes, view: new DataView(bytes.buffer) };
}

/**
 * Lends chunks. One that the kernel takes whole comes back at once, so that most of the time there
 * is one.
 */
export class OutputChunks {
  readonly #generator: Generator;
  readonly #limits: Pick<Limits, 'unsentBytes'>;
  readonly #free: Chunk[] = [];
  /** Bytes of the chunks that are not back. */
  acquiredBytes = 0;

  /** @param limits read at every use, so that a reload changes it */
  constructor(generator: Generator, limits: Pick<Limits, 'unsentBytes'>) {
    this.#generator = generator;
    this.#limits = limits;
  }

  /**
   * A chunk of `chunkSize`, of zeros or of leftover headers, never of random bytes; undefined at the limit or the
   * user's share of it.
   */
  acquire(user: User): Chunk | undefined {
    if (this.acquiredBytes + chunkSize > this.#limits.unsentBytes || !user.reserve(chunkSize))
      return undefined;
    this.acquiredBytes += chunkSize;
    return this.#free.pop() ?? newChunk(this.#generator, chunkSize);
  }

  /** Takes a chunk back that `user` took and whose random bytes have been wiped. */
  release(chunk: Chunk, user: User): void {
    this.acquiredBytes -= chunkSize;
    user.unreserve(chunkSize);
    if (this.#free.length === 0) this.#free.push(chunk);
  }
}
