/** The buffers that responses are built in: chunks of locked memory, one for each write in progress. */
import { chunkSize } from '../common/unix-socket.js';
import type { Limits } from '../config/config.js';
import type { Generator } from '../generator/interface.js';
import type { User } from './users.js';

/** A buffer of locked memory, and a view of all of it. */
export interface Chunk {
  bytes: Buffer;
  view: DataView;
}

/** A user's share of the output. */
type Share = Pick<User, 'reserve' | 'unreserve'>;

/** Allocates a chunk of zeros. */
export function newChunk(generator: Pick<Generator, 'allocate'>, size: number): Chunk {
  const bytes = Buffer.from(generator.allocate(size).buffer);
  return { bytes, view: new DataView(bytes.buffer) };
}

/**
 * Hands out chunks of `chunkSize` bytes within the limits. A chunk that the kernel takes whole is
 * released at once, so one chunk usually serves all connections.
 */
export class OutputChunks {
  readonly #generator: Pick<Generator, 'allocate'>;
  readonly #limits: Pick<Limits, 'unsentBytes'>;
  readonly #free: Chunk[] = [];
  /** Bytes of the chunks in use. */
  acquiredBytes = 0;

  /** @param limits read at every use, so a reload takes effect */
  constructor(generator: Pick<Generator, 'allocate'>, limits: Pick<Limits, 'unsentBytes'>) {
    this.#generator = generator;
    this.#limits = limits;
  }

  /**
   * @returns a chunk that holds zeros or old headers, never random bytes; undefined at the limit of
   *   all users or of this one
   */
  acquire(user: Share): Chunk | undefined {
    if (this.acquiredBytes + chunkSize > this.#limits.unsentBytes || !user.reserve(chunkSize))
      return undefined;
    this.acquiredBytes += chunkSize;
    return this.#free.pop() ?? newChunk(this.#generator, chunkSize);
  }

  /** Takes back a chunk that `user` acquired. Its random bytes MUST have been wiped. */
  release(chunk: Chunk, user: Share): void {
    this.acquiredBytes -= chunkSize;
    user.unreserve(chunkSize);
    if (this.#free.length === 0) this.#free.push(chunk);
  }
}
