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

/** A bound of a quantile, seconds. */
export interface Bound {
  /** At most these, or, with `above`, more: the histogram knows no more of it. */
  seconds: number;
  above: boolean;
}

/**
 * The bucket that a quantile lies in.
 * @param share 0 to 1: 0.99 for the 99th percentile
 * @returns undefined where there is no sample, or no histogram
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

/** What answers may be another version. */
function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'number' && each >= 0);
}
