/** Durations counted into buckets: a histogram in plain numbers, cheap enough for the hot path. */

/** What was counted so far. */
export interface DurationCounts {
  /** Upper bounds of the buckets, seconds, ascending. */
  bounds: readonly number[];
  /** Samples in each bucket, not cumulative. One more than `bounds`: the last counts all above. */
  buckets: readonly number[];
  /** Sum of all samples, seconds. */
  seconds: number;
  count: number;
}

/** Counts durations. */
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

  /** Counts one duration. */
  add(seconds: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
    (this.#buckets[bucket] as number)++;
    this.#seconds += seconds;
    this.#count++;
  }

  /** @returns a copy, owned by the caller */
  counts(): DurationCounts {
    return {
      bounds: this.#bounds,
      buckets: [...this.#buckets],
      seconds: this.#seconds,
      count: this.#count,
    };
  }
}

/** What a histogram knows of a quantile. */
export interface Bound {
  /** The quantile is at most this, seconds; with `above`, it is more. */
  seconds: number;
  above: boolean;
}

/**
 * Finds the bucket that a quantile lies in.
 * @param times counts from another process, perhaps of another version: checked
 * @param share 0 to 1; 0.99 is the 99th percentile
 * @returns undefined without samples, or if `times` is not a histogram
 */
export function quantile(
  times: Partial<DurationCounts> | undefined,
  share: number,
): Bound | undefined {
  const { bounds, buckets } = times ?? {};
  if (!isNumbers(bounds) || !isNumbers(buckets) || bounds.length === 0) return undefined;
  const wanted = share * buckets.reduce((sum, samples) => sum + samples, 0);
  if (!(wanted > 0)) return undefined;
  let samples = 0;
  for (const [index, seconds] of bounds.entries()) {
    samples += buckets[index] ?? 0;
    if (samples >= wanted) return { seconds, above: false };
  }
  return { seconds: bounds[bounds.length - 1] as number, above: true };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'number' && each >= 0);
}
