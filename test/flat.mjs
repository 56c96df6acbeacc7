/** Whether a process's memory stays flat over a long run. */

/**
 * Most that it may grow over the second half. The lows of the daemon's resident memory wander by a
 * few MiB; a pointer leaked with each of five million frames is 40 MB.
 */
export const maxGrowthBytes = 16 * 2 ** 20;

/** Stretches whose lows are compared: V8 lets its heap rise by 20 MiB and more before it collects. */
const stretches = 10;

/**
 * Growth over the second half of the samples: the straight line of least squares through the lowest
 * one of each stretch. The first half is for code that gets compiled and heaps that find their size.
 * @param samples taken at even intervals, twenty at least
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
