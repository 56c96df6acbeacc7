/** Rates between two answers of /status, and quantiles of the request duration. */

/** Longest interval that is one point of a chart, ms; a page that was hidden has a gap. */
const maxIntervalMs = 10_000;

/**
 * An answer and when it came. `at` is of a monotonic clock, ms.
 * @typedef {{ at: number, status: import('./status.js').Status }} Reading
 *
 * Rates per second, and quantiles in seconds. Infinity: above the last bound; undefined: nothing was served.
 * @typedef {{ at: number, requests: number, bytes: number, median: number | undefined,
 *   tail: number | undefined }} Point
 */

/**
 * Rates between two readings.
 * @param {Reading | undefined} before
 * @param {Reading} after
 * @returns {Point | undefined} undefined if the two cannot be compared: the daemon restarted, or too much
 *   time passed
 */
export function pointBetween(before, after) {
  if (before === undefined) return undefined;
  const ms = after.at - before.at;
  const [old, now] = [before.status, after.status];
  const requests = now.requests - old.requests;
  const bytes = now.randomBytes - old.randomBytes;
  if (now.pid !== old.pid || !(ms > 0 && ms <= maxIntervalMs)) return undefined;
  if (!(requests >= 0 && bytes >= 0)) return undefined;
  const { bounds, buckets } = now.serving;
  const counts = buckets.map((count, i) => count - (old.serving.buckets[i] ?? 0));
  return {
    at: after.at,
    requests: (requests * 1000) / ms,
    bytes: (bytes * 1000) / ms,
    median: quantile(bounds, counts, 0.5),
    tail: quantile(bounds, counts, 0.99),
  };
}

/**
 * A quantile of a histogram, interpolated linearly within a bucket like Prometheus' histogram_quantile.
 * @param {readonly number[]} bounds upper bounds, ascending; the lowest bucket begins at 0
 * @param {readonly number[]} counts per bucket, not cumulative; one more than `bounds`
 * @param {number} q 0 to 1
 * @returns {number | undefined} Infinity above the last bound; undefined if all counts are 0
 */
export function quantile(bounds, counts, q) {
  const rank = q * counts.reduce((sum, count) => sum + count, 0);
  if (!(rank > 0)) return undefined;
  let below = 0;
  for (const [i, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const upper = bounds[i];
      if (upper === undefined) return Infinity;
      const lower = bounds[i - 1] ?? 0;
      return lower + ((upper - lower) * (rank - below)) / count;
    }
    below += count;
  }
  return Infinity;
}
