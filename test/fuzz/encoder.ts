/** Writes MessagePack values, each in one of the encodings that can hold it, as a seed chooses. */
import type { Prng } from './prng.js';

/** Room for the longest stream of a plan, bytes: 2^18 before its last message begins. */
const capacity = 2 ** 19;

/** How an integer can be encoded: the range that a form holds, its type byte, size and writer. */
type IntegerForm = readonly [
  low: bigint,
  high: bigint,
  type: number,
  size: number,
  write: (buffer: Buffer, value: bigint, at: number) => void,
];

const integerForms: readonly IntegerForm[] = [
  [-128n, 127n, 0xd0, 1, (b, v, at) => b.writeInt8(Number(v), at)],
  [-32_768n, 32_767n, 0xd1, 2, (b, v, at) => b.writeInt16BE(Number(v), at)],
  [-(2n ** 31n), 2n ** 31n - 1n, 0xd2, 4, (b, v, at) => b.writeInt32BE(Number(v), at)],
  [-(2n ** 63n), 2n ** 63n - 1n, 0xd3, 8, (b, v, at) => b.writeBigInt64BE(v, at)],
  [0n, 255n, 0xcc, 1, (b, v, at) => b.writeUInt8(Number(v), at)],
  [0n, 65_535n, 0xcd, 2, (b, v, at) => b.writeUInt16BE(Number(v), at)],
  [0n, 2n ** 32n - 1n, 0xce, 4, (b, v, at) => b.writeUInt32BE(Number(v), at)],
  [0n, 2n ** 64n - 1n, 0xcf, 8, (b, v, at) => b.writeBigUInt64BE(v, at)],
  // Floats, which represent every integer of this range.
  [-(2n ** 24n), 2n ** 24n, 0xca, 4, (b, v, at) => b.writeFloatBE(Number(v), at)],
  [-(2n ** 53n), 2n ** 53n, 0xcb, 8, (b, v, at) => b.writeDoubleBE(Number(v), at)],
];

/**
 * How a length can be encoded. The narrow form, if there is one, is a single byte for lengths up to
 * `narrowMax`. The wide forms begin with the type byte `wide` and a length of `wideSize` bytes; each
 * further one has the next type byte and twice the size, up to 4.
 */
interface LengthForm {
  readonly narrow: number;
  readonly narrowMax: number;
  readonly wide: number;
  readonly wideSize: number;
}

const forms = {
  str: { narrow: 0xa0, narrowMax: 31, wide: 0xd9, wideSize: 1 },
  bin: { narrow: 0, narrowMax: -1, wide: 0xc4, wideSize: 1 },
  array: { narrow: 0x90, narrowMax: 15, wide: 0xdc, wideSize: 2 },
  map: { narrow: 0x80, narrowMax: 15, wide: 0xde, wideSize: 2 },
};

export class Encoder {
  readonly #buffer = Buffer.allocUnsafe(capacity);
  readonly #prng: Prng;
  readonly #wide: number;
  #at = 0;

  /** @param wide the probability of a form that is not the shortest, 0 to 1 */
  constructor(prng: Prng, wide: number) {
    this.#prng = prng;
    this.#wide = wide;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#at;
  }

  /** A copy of all bytes so far. */
  take(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  raw(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#buffer[this.#at++] = byte;
  }

  nil(): void {
    this.raw([0xc0]);
  }

  boolean(value: boolean): void {
    this.raw([value ? 0xc3 : 0xc2]);
  }

  /** @param value -2^63 to 2^64 - 1; a bigint beyond 2^53 */
  integer(value: number | bigint): void {
    const fixed = value >= -32 && value <= 127;
    if (!this.#prng.chance(this.#wide)) {
      if (fixed) {
        this.raw([Number(value) & 0xff]);
        return;
      }
      if (value >= 0 && value < 2 ** 32) {
        this.#uint(value < 256 ? 0xcc : value < 65_536 ? 0xcd : 0xce, Number(value));
        return;
      }
    }
    const big = BigInt(value);
    const able = integerForms.filter(([low, high]) => big >= low && big <= high);
    const [, , type, size, write] = this.#prng.pick(able);
    this.#buffer[this.#at] = type;
    write(this.#buffer, big, this.#at + 1);
    this.#at += 1 + size;
  }

  #uint(type: number, value: number): void {
    const size = 1 << (type - 0xcc);
    this.#buffer[this.#at] = type;
    this.#buffer.writeUIntBE(value, this.#at + 1, size);
    this.#at += 1 + size;
  }

  float(value: number): void {
    this.#buffer[this.#at] = 0xcb;
    this.#buffer.writeDoubleBE(value, this.#at + 1);
    this.#at += 9;
  }

  /** @param text bytes, or a string to be encoded as UTF-8 */
  str(text: string | Buffer): void {
    this.#content(forms.str, text);
  }

  bin(bytes: string | Buffer): void {
    this.#content(forms.bin, bytes);
  }

  #content(form: LengthForm, content: string | Buffer): void {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    this.#header(form, bytes.length);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  /** Begins an array; `count` values must follow. */
  array(count: number): void {
    this.#header(forms.array, count);
  }

  /** Begins a map; `count` keys and values must follow. */
  map(count: number): void {
    this.#header(forms.map, count);
  }

  #header({ narrow, narrowMax, wide, wideSize }: LengthForm, length: number): void {
    const wider = this.#prng.chance(this.#wide);
    if (length <= narrowMax && !wider) {
      this.raw([narrow + length]);
      return;
    }
    let type = wide;
    let size = wideSize;
    while (size < 4 && (length >= 2 ** (8 * size) || (wider && this.#prng.chance(0.5)))) {
      type++;
      size *= 2;
    }
    this.#buffer[this.#at] = type;
    this.#buffer.writeUIntBE(length, this.#at + 1, size);
    this.#at += 1 + size;
  }

  /** Any value that a request may hold, with at most `depth` arrays and maps within each other. */
  any(depth: number): void {
    const prng = this.#prng;
    const kinds: (() => void)[] = [
      () => this.nil(),
      () => this.boolean(prng.chance(0.5)),
      () => this.integer(prng.below(1000) - 500),
      () => this.integer((BigInt(prng.next()) << 32n) + BigInt(prng.next())),
      () => this.float(prng.next() / 1024),
      () => this.str(prng.bytes(prng.below(40))),
      () => this.bin(prng.bytes(prng.below(40))),
      () => this.#anyArray(depth),
      () => this.#anyMap(depth),
    ];
    prng.pick(depth > 0 ? kinds : kinds.slice(0, -2))();
  }

  #anyArray(depth: number): void {
    const count = this.#prng.below(4);
    this.array(count);
    for (let i = 0; i < count; i++) this.any(depth - 1);
  }

  #anyMap(depth: number): void {
    const count = this.#prng.below(3);
    this.map(count);
    for (let i = 0; i < count; i++) {
      if (this.#prng.chance(0.8)) this.str(this.#prng.bytes(this.#prng.below(20)));
      else this.any(0);
      this.any(depth - 1);
    }
  }
}
