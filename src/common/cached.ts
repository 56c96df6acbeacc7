/** A value that costs more than a request should, made now and then for everybody. */

/** Makes a value at most once in a period; callers share it, also while it is made. */
export class Cached<Value> {
  readonly #ms: number;
  readonly #now: () => number;
  #value: Promise<Value> | undefined;
  #key = '';
  #madeAt = 0;

  /**
   * @param ms for how long a value is used
   * @param now milliseconds since any fixed point
   */
  constructor(ms: number, now: () => number) {
    this.#ms = ms;
    this.#now = now;
  }

  /**
   * @param key a value that was made under another key is not used
   * @param make makes the value; its failure reaches those who wait for it, and is not kept
   */
  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const now = this.#now();
    if (this.#value !== undefined && this.#key === key && now - this.#madeAt < this.#ms)
      return this.#value;
    const value = make();
    this.#value = value;
    this.#key = key;
    this.#madeAt = now;
    value.catch(() => {
      if (this.#value === value) this.#value = undefined;
    });
    return value;
  }
}
