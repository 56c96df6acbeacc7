/** A token bucket: so many requests a second, in bursts of at most one second's worth. */

/** A bucket that starts full. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  /**
   * @param perSecond requests, 1 or more
   * @param nowMs milliseconds of a clock that never goes back
   * @param before whose tokens are taken over, so that no reload grants a new burst
   */
  constructor(perSecond: number, nowMs: number, before?: TokenBucket) {
    this.#perSecond = perSecond;
    this.#filledAt = nowMs;
    this.#tokens = before === undefined ? perSecond : Math.min(perSecond, before.#level(nowMs));
  }

  /** Takes a token for a request; false where there is none. */
  take(nowMs: number): boolean {
    const level = this.#level(nowMs);
    this.#filledAt = nowMs;
    const taken = level >= 1;
    this.#tokens = taken ? level - 1 : level;
    return taken;
  }

  #level(nowMs: number): number {
    const filled = ((nowMs - this.#filledAt) / 1000) * this.#perSecond;
    return Math.min(this.#perSecond, this.#tokens + filled);
  }
}
