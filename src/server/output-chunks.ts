/**
 * The buffers that responses are built in, of locked memory. One whose bytes the kernel takes at once
 * is released at once, so one of each size usually serves all connections.
 */
import { chunkSize } from '../common/unix-socket.js';
import type { Limits } from '../config/config.js';
import type { Generator } from '../generator/interface.js';
import type { User } from './users.js';

/** A buffer of locked memory, and a view of all of it. */
export interface Chunk {
  bytes: Buffer;
  view: DataView;
}

/**
 * Largest piece of a response that is always admitted, bytes: a page. A connection keeps at most one
 * piece, so all small ones together are bounded by the connections, and nobody's unread responses
 * can refuse them.
 */
export const smallSize = 4 * 1024;

/** Chunks beyond `unsentBytes` that are reserved for administrators. */
export const reservedChunks = 16;

/** Who keeps a chunk. */
export interface ChunkOwner {
  user: Pick<User, 'reserve' | 'unreserve'>;
  /** Whether the reserve for administrators is open to it. */
  admin: boolean;
}

/** Allocates a chunk of zeros. */
export function newChunk(generator: Pick<Generator, 'allocate'>, size: number): Chunk {
  const bytes = Buffer.from(generator.allocate(size).buffer);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Hands out chunks: of `smallSize` to everyone, of `chunkSize` within the limits. */
export class OutputChunks {
  readonly #generator: Pick<Generator, 'allocate'>;
  readonly #limits: Pick<Limits, 'unsentBytes'>;
  #freeSmall: Chunk | undefined;
  #freeLarge: Chunk | undefined;
  /** Bytes of the large chunks in use. */
  acquiredBytes = 0;

  /** @param limits read at every use, so a reload takes effect */
  constructor(generator: Pick<Generator, 'allocate'>, limits: Pick<Limits, 'unsentBytes'>) {
    this.#generator = generator;
    this.#limits = limits;
  }

  /**
   * @param size of the piece of a response, at most `chunkSize`
   * @returns a chunk that holds zeros or old headers, never random bytes; undefined for a piece above
   *   `smallSize` at the limit of all users or of this one
   */
  acquire(size: number, { user, admin }: ChunkOwner): Chunk | undefined {
    if (size <= smallSize) {
      const chunk = this.#freeSmall ?? newChunk(this.#generator, smallSize);
      this.#freeSmall = undefined;
      return chunk;
    }
    const limit = this.#limits.unsentBytes + (admin ? reservedChunks * chunkSize : 0);
    if (this.acquiredBytes + chunkSize > limit || !user.reserve(chunkSize)) return undefined;
    this.acquiredBytes += chunkSize;
    const chunk = this.#freeLarge ?? newChunk(this.#generator, chunkSize);
    this.#freeLarge = undefined;
    return chunk;
  }

  /** Takes back a chunk that `user` acquired. Its random bytes MUST have been wiped. */
  release(chunk: Chunk, { user }: ChunkOwner): void {
    if (chunk.bytes.length === smallSize) {
      this.#freeSmall = chunk;
      return;
    }
    this.acquiredBytes -= chunkSize;
    user.unreserve(chunkSize);
    this.#freeLarge = chunk;
  }
}
