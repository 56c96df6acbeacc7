/** Seeded choices: Chris Doty-Humphrey's sfc32, from PractRand. Not for secrets. */
export class Prng {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #count = 1;

  /** @param seed a 32-bit integer */
  constructor(seed: number) {
    this.#a = seed | 0;
    // PractRand's own number of warm-up rounds for 32-bit seeds.
    for (let i = 0; i < 12; i++) this.next();
  }

  /** An integer, 0 to 2^32 - 1. */
  next(): number {
    const value = (this.#a + this.#b + this.#count++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + value) | 0;
    return value >>> 0;
  }

  /** An integer, 0 to n - 1. */
  below(n: number): number {
    return Math.floor((this.next() / 2 ** 32) * n);
  }

  /** An integer, low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** An integer, 1 to 2^bits; every order of magnitude is equally likely. */
  magnitude(bits: number): number {
    return Math.ceil(2 ** ((this.next() / 2 ** 32) * bits));
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  /** @param list not empty */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.next() >>> 24));
  }
}

/**
 * Prepares a weighted choice.
 * @param list pairs of weight and value
 * @returns a function that picks one of the values
 */
export function weighted<T>(list: readonly (readonly [weight: number, value: T])[]) {
  let total = 0;
  const sums = list.map(([weight]) => {
    total += weight;
    return total;
  });
  return (prng: Prng): T => {
    const drawn = (prng.next() / 2 ** 32) * total;
    return (list[sums.findIndex((sum) => drawn < sum)] as readonly [number, T])[1];
  };
}
