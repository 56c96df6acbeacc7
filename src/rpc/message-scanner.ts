/**
 * Finds the end of a MessagePack message without decoding it: resumable, bounded, not recursive.
 * Only vetted messages reach msgpackr, whose unpacker builds more than plain data from extensions.
 */
import { EntropyError } from '../common/errors.js';

/** Bounds of a message. One that exceeds them is refused as soon as a header says so. */
export interface MessageLimits {
  /** Bytes. */
  size: number;
  /** Elements of all arrays and maps together; a map entry counts as two. */
  elements: number;
}

/** Nesting of arrays and maps, including the message; a request needs 3. */
export const maxDepth = 8;

/** Elements that a request may have; it needs about 10. */
export const maxRequestElements = 64;

function invalid(reason: string): EntropyError {
  return new EntropyError('ERR_MESSAGE', `not a valid message: ${reason}`);
}

/** Scans one message at a time; call `reset` before the next. */
export class MessageScanner {
  readonly #limits: MessageLimits;
  // Values still expected at each depth; depth 0 is the message itself.
  readonly #open = new Uint32Array(maxDepth + 1);
  #depth = 0;
  #elements = 0;
  #at = 0;

  constructor(limits: MessageLimits) {
    this.#limits = limits;
    this.reset();
  }

  reset(): void {
    this.#open[0] = 1;
    this.#depth = 0;
    this.#elements = 0;
    this.#at = 0;
  }

  /**
   * Continues where the last call stopped: each byte is read once, however slowly bytes arrive.
   * @param bytes holds the message so far in [start, end); it may have moved since the last call
   * @returns the end of the message, or 0 if more bytes are needed
   * @throws EntropyError `ERR_MESSAGE`, `ERR_TOO_LARGE`
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const size = end - start;
    for (;;) {
      while (this.#open[this.#depth] === 0) {
        if (this.#depth === 0) return this.#at <= size ? start + this.#at : 0;
        this.#depth--;
      }
      if (this.#at >= size) return 0;
      if (!this.#value(bytes, start + this.#at, size - this.#at)) return 0;
    }
  }

  /** Steps over a value's header, and over the bytes of a str or bin; false if cut short. */
  #value(bytes: Uint8Array, at: number, available: number): boolean {
    const type = bytes[at] as number;
    if (this.#at === 0 && !(type >= 0x90 && type <= 0x9f) && type !== 0xdc && type !== 0xdd)
      throw invalid('want an array');
    const extra = headerExtra(type);
    if (available < 1 + extra) return false;
    let count = 0;
    for (let i = 1; i <= extra; i++) count = count * 256 + (bytes[at + i] as number);

    (this.#open[this.#depth] as number)--;
    this.#at += 1 + extra;
    if (type >= 0x80 && type <= 0x8f) this.#enter(2 * (type & 0x0f));
    else if (type >= 0x90 && type <= 0x9f) this.#enter(type & 0x0f);
    else if (type >= 0xa0 && type <= 0xbf) this.#at += type & 0x1f;
    else if (type === 0xdc || type === 0xdd) this.#enter(count);
    else if (type === 0xde || type === 0xdf) this.#enter(2 * count);
    else if ((type >= 0xc4 && type <= 0xc6) || (type >= 0xd9 && type <= 0xdb)) this.#at += count;
    if (this.#at > this.#limits.size)
      throw new EntropyError('ERR_TOO_LARGE', `a message has at most ${this.#limits.size} bytes`);
    return true;
  }

  #enter(elements: number): void {
    this.#elements += elements;
    if (this.#elements > this.#limits.elements)
      throw invalid(`more than ${this.#limits.elements} elements`);
    if (this.#depth === maxDepth) throw invalid(`deeper than ${maxDepth}`);
    this.#open[++this.#depth] = elements;
  }
}

/** Bytes of a header after its type byte: a number's value or a length. */
function headerExtra(type: number): number {
  if (type < 0xc0 || type >= 0xe0) return 0;
  switch (type) {
    case 0xc0: // nil, false, true
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xc4: // bin 8, uint 8, int 8, str 8
    case 0xcc:
    case 0xd0:
    case 0xd9:
      return 1;
    case 0xc5: // bin 16, uint 16, int 16, str 16, array 16, map 16
    case 0xcd:
    case 0xd1:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 2;
    case 0xc6: // bin 32, float 32, uint 32, int 32, str 32, array 32, map 32
    case 0xca:
    case 0xce:
    case 0xd2:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 4;
    case 0xcb: // float 64, uint 64, int 64
    case 0xcf:
    case 0xd3:
      return 8;
    default: // 0xc1 is unused; all others are extension types
      throw invalid(`type 0x${type.toString(16)} is not accepted`);
  }
}
