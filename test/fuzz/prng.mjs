/** Choices that a seed repeats: Chris Doty-Humphrey's sfc32, from PractRand. Nothing secret. */
export class Prng {
  #a;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #count = 1;

  /** @param seed an integer of 32 bits */
  constructor(seed) {
    this.#a = seed | 0;
    // PractRand's own number of rounds for seeds of 32 bits.
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 0 to 2^32 - 1. */
  next() {
    const value = (this.#a + this.#b + this.#count++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + value) | 0;
    return value >>> 0;
  }

  /** 0 to n - 1. */
  below(n) {
    return Math.floor((this.next() / 2 ** 32) * n);
  }

  /** low to high, both included. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  /** 1 to 2^bits, small ones as often as large ones. */
  magnitude(bits) {
    return Math.ceil(2 ** ((this.next() / 2 ** 32) * bits));
  }

  chance(probability) {
    return this.next() < probability * 2 ** 32;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  bytes(size) {
    return Buffer.from({ length: size }, () => this.next() >>> 24);
  }
}

/**
 * A choice among `[weight, value]` pairs.
 * @returns a function of a Prng to one of the values
 */
export function weighted(list) {
  let total = 0;
  const sums = list.map(([weight]) => (total += weight));
  return (prng) => {
    const drawn = (prng.next() / 2 ** 32) * total;
    return list[sums.findIndex((sum) => drawn < sum)][1];
  };
}
