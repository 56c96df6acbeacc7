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
    // In local variables: fields would be loaded and stored for every request.
    let count = 0;
    let firstEnd = 0;
    let next = at;
    let size = 0;
    let payload = 0;
    while (size < chunkSize - maxAnswerHeaderSize && payload < allowance) {
      const behind = readRandomRequest(view, next, end);
      if (behind === 0) break;
      if (count === 0) firstEnd = behind;
      ids[count] = fixed.id;
      sizes[count] = fixed.size;
      count++;
      next = behind;
      payload += fixed.size;
      size += answerHeaderSize(fixed.size) + fixed.size;
    }
    this.#set(count, firstEnd, next, size, payload);
  }

  /** One request that came in another shape and ends at `at`. */
  single(id: number, size: number, at: number): void {
    ids[0] = id;
    sizes[0] = size;
    this.#set(1, at, at, answerHeaderSize(size) + size, size);
  }

  #set(count: number, firstEnd: number, end: number, size: number, payload: number): void {
    this.count = count;
    this.firstEnd = firstEnd;
    this.end = end;
    this.left = Math.max(0, size - chunkSize);
    this.size = size - this.left;
    this.payload = payload - this.left;
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
