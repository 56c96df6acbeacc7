/** Durations counted into buckets: a histogram in plain numbers, for paths that must cost nothing. */

/** What was counted. */
export interface DurationCounts {
  /** Upper bounds, seconds, ascending. */
  bounds: readonly number[];
  /** Samples by bucket, not cumulative; one more than `bounds`, for what is above. */
  buckets: readonly number[];
  /** Sum of all samples, seconds. */
  seconds: number;
  count: number;
}

/** Starts with nothing counted. */
export class Durations {
  readonly #bounds: readonly number[];
  readonly #buckets: number[];
  #seconds = 0;
  #count = 0;

  /** @param bounds upper bounds of the buckets, seconds, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#buckets = new Array(bounds.length + 1).fill(0);
  }

  /** Counts one. */
  add(seconds: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
    (this.#buckets[bucket] as number)++;
    this.#seconds += seconds;
    this.#count++;
  }

  /** A copy. */
  counts(): DurationCounts {
    return {
      bounds: this.#bounds,
      buckets: [...this.#buckets],
      seconds: this.#seconds,
      count: this.#count,
    };
  }
}
