/**
 * Consecutive `random` requests of the fixed shape, and where their answers go: the hot path. One
 * generate fills the payloads' places and the headers' between them, which are written over it.
 */
import { chunkSize } from '../common/unix-socket.js';
import {
  fixed,
  maxResponseHeaderSize,
  readRandomRequest,
  responseHeaderSize,
  writeResponseHeader,
} from '../rpc/protocol.js';

/** The smallest answers that begin in one chunk. */
const capacity = Math.ceil(chunkSize / (responseHeaderSize(1) + 1));

export class RandomRun {
  readonly #ids = new Uint32Array(capacity);
  readonly #sizes = new Uint32Array(capacity);
  /** Requests. */
  count = 0;
  /** Where the input goes on behind the first of them, and behind all. */
  firstEnd = 0;
  end = 0;
  /** Of the output, bytes: all of it, and without the headers. */
  size = 0;
  payload = 0;
  /** Bytes of the last answer that are for later chunks. */
  left = 0;

  get firstId(): number {
    return this.#ids[0] as number;
  }

  /**
   * Takes requests from [at, end) as long as their answers begin in one chunk.
   * @param view has `requestSlack` readable bytes behind `end`
   * @param allowance bytes that may be asked for; the request that uses it up is the last
   */
  collect(view: DataView, at: number, end: number, allowance: number): void {
    // In local variables: fields would be loaded and stored for every request.
    const ids = this.#ids;
    const sizes = this.#sizes;
    let count = 0;
    let firstEnd = 0;
    let next = at;
    let size = 0;
    let payload = 0;
    while (size < chunkSize - maxResponseHeaderSize && payload < allowance) {
      const behind = readRandomRequest(view, next, end);
      if (behind === 0) break;
      if (count === 0) firstEnd = behind;
      ids[count] = fixed.id;
      sizes[count] = fixed.size;
      count++;
      next = behind;
      payload += fixed.size;
      size += responseHeaderSize(fixed.size) + fixed.size;
    }
    this.#set(count, firstEnd, next, size, payload);
  }

  /** One request that came in another shape and ends at `at`. */
  single(id: number, size: number, at: number): void {
    this.#ids[0] = id;
    this.#sizes[0] = size;
    this.#set(1, at, at, responseHeaderSize(size) + size, size);
  }

  #set(count: number, firstEnd: number, end: number, size: number, payload: number): void {
    this.count = count;
    this.firstEnd = firstEnd;
    this.end = end;
    this.left = Math.max(0, size - chunkSize);
    this.size = size - this.left;
    this.payload = payload - this.left;
  }

  /**
   * Adds the requests of another run behind these.
   * @param run nothing of its last answer is left for later chunks
   * @param room bytes that all answers may have
   * @returns false, and nothing is added, where they have more
   */
  append(run: RandomRun, room: number): boolean {
    if (this.size + run.size > room) return false;
    for (let i = 0; i < run.count; i++) {
      this.#ids[this.count + i] = run.#ids[i] as number;
      this.#sizes[this.count + i] = run.#sizes[i] as number;
    }
    this.count += run.count;
    this.size += run.size;
    this.payload += run.payload;
    return true;
  }

  clear(): void {
    this.#set(0, 0, 0, 0, 0);
  }

  /** The requests [from, to). */
  ids(from: number, to: number): readonly number[] {
    return Array.from(this.#ids.subarray(from, to));
  }

  /**
   * Writes headers of answers into the output, over what was generated there.
   * @param at where the answer to request `from` begins
   * @returns where the answer to request `to` begins
   */
  writeHeaders(view: DataView, at = 0, from = 0, to = this.count): number {
    const ids = this.#ids;
    const sizes = this.#sizes;
    let next = at;
    for (let i = from; i < to; i++) {
      const size = sizes[i] as number;
      next = writeResponseHeader(view, next, ids[i] as number, size) + size;
    }
    return next;
  }
}

/** One for all connections: what it holds is used before anyone else has a turn. */
export const run = new RandomRun();
