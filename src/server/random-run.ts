/**
 * Consecutive `random` requests of the fixed shape, and where their answers go: the hot path. One
 * generate fills the payloads' places and the headers' between them, which are written over it.
 */
import {
  answerHeaderSize,
  fixed,
  maxAnswerHeaderSize,
  readRandomRequest,
  writeAnswerHeader,
} from '../protocol.js';
import { chunkSize } from './output.js';

const capacity = Math.ceil(chunkSize / (answerHeaderSize(1) + 1));

// Of the run's requests. One for all, as is the run: it is used up before anyone else has a turn.
const ids = new Uint32Array(capacity);
const sizes = new Uint32Array(capacity);

class RandomRun {
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
    return ids[0] as number;
  }

  /**
   * Takes requests from [at, end) as long as their answers begin in one chunk.
   * @param view has `requestSlack` readable bytes behind `end`
   * @param allowance bytes that may be asked for; the request that uses it up is the last
   */
  collect(view: DataView, at: number, end: number, allowance: number): void {
    this.#clear(at);
    while (this.size < chunkSize - maxAnswerHeaderSize && this.payload < allowance) {
      const next = readRandomRequest(view, this.end, end);
      if (next === 0) return;
      this.#add(fixed.id, fixed.size, next);
    }
  }

  /** One request that came in another shape and ends at `at`. */
  single(id: number, size: number, at: number): void {
    this.#clear(at);
    this.#add(id, size, at);
  }

  #clear(at: number): void {
    this.count = 0;
    this.end = at;
    this.size = 0;
    this.payload = 0;
    this.left = 0;
  }

  #add(id: number, size: number, end: number): void {
    if (this.count === 0) this.firstEnd = end;
    ids[this.count] = id;
    sizes[this.count] = size;
    this.count++;
    this.end = end;
    this.payload += size;
    this.size += answerHeaderSize(size) + size;
    if (this.size <= chunkSize) return;
    this.left = this.size - chunkSize;
    this.size = chunkSize;
    this.payload -= this.left;
  }

  /** Writes the answers' headers into the output, over what was generated there. */
  writeHeaders(view: DataView): void {
    let at = 0;
    for (let i = 0; i < this.count; i++) {
      const size = sizes[i] as number;
      at = writeAnswerHeader(view, at, ids[i] as number, size) + size;
    }
  }
}

export const run = new RandomRun();
