/** The client's own bytes in what the daemon sent: one draw for a read, mixed in by machine words. */
import { randomFillSync } from 'node:crypto';

/** Bytes of a BigInt64Array's element, which V8 XORs as one word. */
const wordSize = 8;

/** From this size on, words are faster than bytes: two views have to be made for them. */
const wordsFrom = 256;

/** Bytes of the generator of this process, none of which is used twice. */
export class LocalMix {
  // Never of Node's shared slab.
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;
  #next = 0;

  /** @param readSize bytes that one read has as a rule; more is taken as well */
  constructor(readSize: number) {
    this.#bytes = new Uint8Array(readSize + wordSize);
  }

  /**
   * Draws for one read.
   * @param size bytes of all that comes; the headers in it make up for what alignment skips, but for
   *   the first piece, which may have none
   */
  draw(size: number): void {
    this.#size = size + wordSize - 1;
    this.#next = 0;
    if (this.#bytes.length < this.#size) this.#bytes = new Uint8Array(this.#size);
    randomFillSync(this.#bytes, 0, this.#size);
  }

  /** Copies [at, at + size) of what came to `offset` of `target`, XORed with bytes of the draw. */
  copy(from: Uint8Array, at: number, size: number, target: Uint8Array, offset: number): void {
    const local = this.#bytes;
    if (size >= wordsFrom) {
      // Where both stand the same within a word, one index serves for both.
      const skipped = (target.byteOffset + offset - this.#next) & (wordSize - 1);
      const start = this.#next + skipped;
      target.set(from.subarray(at, at + size), offset);
      mixWords(target, offset, local, start, size);
      this.#next = start + size;
      return;
    }
    const start = this.#next;
    for (let i = 0; i < size; i++)
      target[offset + i] = (from[at + i] as number) ^ (local[start + i] as number);
    this.#next = start + size;
  }

  /** Forgets the draw. */
  wipe(): void {
    this.#bytes.fill(0, 0, this.#size);
  }
}

/** XORs `size` bytes of `local` into `target`; both offsets are alike modulo the word's size. */
function mixWords(
  target: Uint8Array,
  offset: number,
  local: Uint8Array,
  start: number,
  size: number,
): void {
  const head = -(target.byteOffset + offset) & (wordSize - 1);
  const words = Math.floor((size - head) / wordSize);
  mixBytes(target, offset, local, start, head);
  const to = new BigInt64Array(target.buffer, target.byteOffset + offset + head, words);
  const own = new BigInt64Array(local.buffer, local.byteOffset + start + head, words);
  // Four at a time: nearly twice as fast on Node 20.
  const unrolled = words & ~3;
  for (let i = 0; i < unrolled; i += 4) {
    to[i] = (to[i] as bigint) ^ (own[i] as bigint);
    to[i + 1] = (to[i + 1] as bigint) ^ (own[i + 1] as bigint);
    to[i + 2] = (to[i + 2] as bigint) ^ (own[i + 2] as bigint);
    to[i + 3] = (to[i + 3] as bigint) ^ (own[i + 3] as bigint);
  }
  for (let i = unrolled; i < words; i++) to[i] = (to[i] as bigint) ^ (own[i] as bigint);
  const done = head + words * wordSize;
  mixBytes(target, offset + done, local, start + done, size - done);
}

function mixBytes(
  target: Uint8Array,
  offset: number,
  local: Uint8Array,
  start: number,
  size: number,
): void {
  for (let i = 0; i < size; i++)
    target[offset + i] = (target[offset + i] as number) ^ (local[start + i] as number);
}
