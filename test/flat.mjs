/** Judges whether a process's memory stays flat over a long run. */

/**
 * Largest growth over the second half that counts as flat, bytes. The lows of the daemon's resident
 * memory wander by a few MiB; one pointer leaked per frame is 40 MB after five million frames.
 */
export const maxGrowthBytes = 16 * 2 ** 20;

/** Stretches whose lows are compared: V8 lets its heap grow by 20 MiB and more before it collects. */
const stretches = 10;

/**
 * Growth over the second half of the samples, by a least-squares line through the lowest sample of
 * each stretch. In the first half code is compiled and heaps find their size.
 * @param samples at least twenty, taken at even intervals
 * @returns the growth in the samples' unit
 */
export function growth(samples) {
  const half = samples.slice(samples.length >> 1);
  const size = half.length / stretches;
  const middle = (stretches - 1) / 2;
  let covariance = 0;
  let variance = 0;
  for (let i = 0; i < stretches; i++) {
    const low = Math.min(...half.slice(Math.floor(i * size), Math.floor((i + 1) * size)));
    covariance += (i - middle) * low;
    variance += (i - middle) ** 2;
  }
  return (covariance / variance) * stretches;
}
