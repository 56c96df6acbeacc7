/** Writes MessagePack values in any of the encodings that hold them, as a seed chooses. */

/** Of all encoders: one writes its stream from beginning to end before the next begins. */
const buffer = Buffer.allocUnsafe(2 ** 19);

/** Each form of an integer: the range that it holds, its type byte and how its value is written. */
const integerForms = [
  [-128n, 127n, 0xd0, 1, (b, v, at) => b.writeInt8(Number(v), at)],
  [-32_768n, 32_767n, 0xd1, 2, (b, v, at) => b.writeInt16BE(Number(v), at)],
  [-(2n ** 31n), 2n ** 31n - 1n, 0xd2, 4, (b, v, at) => b.writeInt32BE(Number(v), at)],
  [-(2n ** 63n), 2n ** 63n - 1n, 0xd3, 8, (b, v, at) => b.writeBigInt64BE(v, at)],
  [0n, 255n, 0xcc, 1, (b, v, at) => b.writeUInt8(Number(v), at)],
  [0n, 65_535n, 0xcd, 2, (b, v, at) => b.writeUInt16BE(Number(v), at)],
  [0n, 2n ** 32n - 1n, 0xce, 4, (b, v, at) => b.writeUInt32BE(Number(v), at)],
  [0n, 2n ** 64n - 1n, 0xcf, 8, (b, v, at) => b.writeBigUInt64BE(v, at)],
  // Floats that have every integer up to here.
  [-(2n ** 24n), 2n ** 24n, 0xca, 4, (b, v, at) => b.writeFloatBE(Number(v), at)],
  [-(2n ** 53n), 2n ** 53n, 0xcb, 8, (b, v, at) => b.writeDoubleBE(Number(v), at)],
];

/**
 * Narrow form, where there is one, and the first of the wide ones with its length's size in bytes; the
 * next wide form has the next type byte and twice the size, up to 4.
 */
const forms = {
  str: { narrow: 0xa0, narrowMax: 31, wide: 0xd9, wideSize: 1 },
  bin: { narrow: 0, narrowMax: -1, wide: 0xc4, wideSize: 1 },
  array: { narrow: 0x90, narrowMax: 15, wide: 0xdc, wideSize: 2 },
  map: { narrow: 0x80, narrowMax: 15, wide: 0xde, wideSize: 2 },
};

export class Encoder {
  #prng;
  #at = 0;
  #wide;

  /** @param wide probability of a form that is not the shortest, 0 to 1 */
  constructor(prng, wide) {
    this.#prng = prng;
    this.#wide = wide;
  }

  /** Bytes so far. */
  get size() {
    return this.#at;
  }

  /** A copy of all bytes so far. */
  take() {
    return Buffer.from(buffer.subarray(0, this.#at));
  }

  raw(bytes) {
    for (const byte of bytes) buffer[this.#at++] = byte;
  }

  nil() {
    this.raw([0xc0]);
  }

  boolean(value) {
    this.raw([value ? 0xc3 : 0xc2]);
  }

  /** @param value number or, beyond 2^53, bigint; -2^63 to 2^64 - 1 */
  integer(value) {
    const fixed = value >= -32 && value <= 127;
    if (!this.#prng.chance(this.#wide)) {
      if (fixed) return this.raw([Number(value) & 0xff]);
      if (value >= 0 && value < 2 ** 32)
        return this.#uint(value < 256 ? 0xcc : value < 65_536 ? 0xcd : 0xce, value);
    }
    const big = BigInt(value);
    const able = integerForms.filter(([low, high]) => big >= low && big <= high);
    const [, , type, size, write] = this.#prng.pick(able);
    buffer[this.#at] = type;
    write(buffer, big, this.#at + 1);
    this.#at += 1 + size;
  }

  #uint(type, value) {
    const size = 1 << (type - 0xcc);
    buffer[this.#at] = type;
    buffer.writeUIntBE(value, this.#at + 1, size);
    this.#at += 1 + size;
  }

  float(value) {
    buffer[this.#at] = 0xcb;
    buffer.writeDoubleBE(value, this.#at + 1);
    this.#at += 9;
  }

  /** @param text string (UTF-8) or bytes */
  str(text) {
    this.#content(forms.str, text);
  }

  bin(bytes) {
    this.#content(forms.bin, bytes);
  }

  #content(form, content) {
    const bytes = Buffer.from(content);
    this.#header(form, bytes.length);
    this.#at += bytes.copy(buffer, this.#at);
  }

  /** Its `count` values follow. */
  array(count) {
    this.#header(forms.array, count);
  }

  /** Its `count` keys and values follow. */
  map(count) {
    this.#header(forms.map, count);
  }

  #header({ narrow, narrowMax, wide, wideSize }, length) {
    const wider = this.#prng.chance(this.#wide);
    if (length <= narrowMax && !wider) return this.raw([narrow + length]);
    let type = wide;
    let size = wideSize;
    while (size < 4 && (length >= 2 ** (8 * size) || (wider && this.#prng.chance(0.5)))) {
      type++;
      size *= 2;
    }
    buffer[this.#at] = type;
    buffer.writeUIntBE(length, this.#at + 1, size);
    this.#at += 1 + size;
  }

  /** Any value that a request may hold, of at most `depth` arrays and maps within each other. */
  any(depth) {
    const prng = this.#prng;
    switch (prng.below(depth > 0 ? 9 : 7)) {
      case 0:
        return this.nil();
      case 1:
        return this.boolean(prng.chance(0.5));
      case 2:
        return this.integer(prng.below(1000) - 500);
      case 3:
        return this.integer((BigInt(prng.next()) << 32n) + BigInt(prng.next()));
      case 4:
        return this.float(prng.next() / 1024);
      case 5:
        return this.str(prng.bytes(prng.below(40)));
      case 6:
        return this.bin(prng.bytes(prng.below(40)));
      case 7: {
        const count = prng.below(4);
        this.array(count);
        for (let i = 0; i < count; i++) this.any(depth - 1);
        return;
      }
      default: {
        const count = prng.below(3);
        this.map(count);
        for (let i = 0; i < count; i++) {
          if (prng.chance(0.8)) this.str(prng.bytes(prng.below(20)));
          else this.any(0);
          this.any(depth - 1);
        }
      }
    }
  }
}
