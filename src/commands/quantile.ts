/** Quantiles of the daemon's histogram of serving times. */
import type { ServingTimes } from '../counters.js';

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
  times: Partial<ServingTimes> | undefined,
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
