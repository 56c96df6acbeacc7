/** Where frames of HTTP/2 begin and end (RFC 9113 4.1): node:http2 does not report a frame that is not whole. */

/** Length, type, flags and stream. */
const headBytes = 9;

const dataType = 0;
const headersType = 1;
const goAwayType = 7;
const continuationType = 9;
const endHeaders = 4;

/** Follows one direction of a connection. */
export class Frames {
  readonly #head = Buffer.alloc(headBytes);
  /** Bytes of this frame's head so far. */
  #had = 0;
  /** Bytes of its payload that have not come yet. */
  #left = 0;
  /** Whether a field block goes on in CONTINUATION. */
  #isBlockOpen = false;
  /** Whole frames so far; a field block with its CONTINUATION counts as one. */
  whole = 0;
  readonly #onData: (stream: number) => void;
  /** The error code of the last GOAWAY. */
  goAway = 0;
  /** Whether the last whole frame was a GOAWAY. */
  endsWithGoAway = false;

  /** @param onData a stream has, or gets, some of a body */
  constructor(onData: (stream: number) => void = () => {}) {
    this.#onData = onData;
  }

  /** Whether something has begun and not ended. Not a body's DATA: bodies have a time of their own. */
  get isOpen(): boolean {
    return this.#isBlockOpen || (this.#had > 0 && !this.#isData);
  }

  get #isData(): boolean {
    return this.#had === headBytes && this.#head[3] === dataType;
  }

  /** @returns how many bytes were read: none behind a GOAWAY, which is to be read by itself */
  read(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length || (this.#had === headBytes && this.#left === 0)) {
      if (this.#had < headBytes) {
        const size = bytes.copy(this.#head, this.#had, at, at + headBytes - this.#had);
        this.#had += size;
        at += size;
        if (this.#had < headBytes) return at;
        this.#left = this.#head.readUIntBE(0, 3);
        // Ours leaves node:http2 in one piece.
        if (this.#head[3] === goAwayType && at + 8 <= bytes.length)
          this.goAway = bytes.readUInt32BE(at + 4);
      }
      const size = Math.min(this.#left, bytes.length - at);
      if (size > 0 && this.#isData) this.#onData(this.#head.readUInt32BE(5));
      at += size;
      this.#left -= size;
      if (this.#left > 0) return at;
      if (this.#ended() === goAwayType) return at;
    }
    return at;
  }

  /** @returns the frame's type */
  #ended(): number {
    this.#had = 0;
    const [type, flags] = this.#head.subarray(3) as unknown as [number, number];
    this.endsWithGoAway = type === goAwayType;
    if (type === headersType || type === continuationType)
      this.#isBlockOpen = (flags & endHeaders) === 0;
    if (!this.#isBlockOpen) this.whole++;
    return type;
  }
}
