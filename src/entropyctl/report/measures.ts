/** What the plots of a report show of the samples. They are descriptions: no verdict follows from them. */

/** How often each of the 256 values occurs. */
export function histogram(samples: Uint8Array): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const value of samples) counts[value] = (counts[value] as number) + 1;
  return counts;
}

/**
 * Correlation of samples with those `lag` before, for lags from 1 on.
 * @param lags how many, below the number of samples
 * @returns -1 to 1 for each lag; 0 for samples that are all equal
 */
export function autocorrelation(samples: Uint8Array, lags: number): number[] {
  const { length } = samples;
  let sum = 0;
  for (const value of samples) sum += value;
  const mean = sum / length;
  const centered = Float64Array.from(samples, (value) => value - mean);
  let variance = 0;
  for (const value of centered) variance += value * value;
  return Array.from({ length: lags }, (_, i) => {
    const lag = i + 1;
    let product = 0;
    for (let at = lag; at < length; at++)
      product += (centered[at] as number) * (centered[at - lag] as number);
    return variance === 0 ? 0 : product / variance;
  });
}

/** One bit of each sample. */
export interface BitPlane {
  /** 0 is the least significant. */
  bit: number;
  /** Share of ones. */
  ones: number;
  /** Share of samples whose bit differs from the one before. */
  changes: number;
}

/** @param bits of a sample, 1 to 8 */
export function bitPlanes(samples: Uint8Array, bits: number): BitPlane[] {
  const { length } = samples;
  return Array.from({ length: bits }, (_, bit) => {
    let ones = 0;
    let changes = 0;
    let last = ((samples[0] ?? 0) >> bit) & 1;
    for (const sample of samples) {
      const value = (sample >> bit) & 1;
      ones += value;
      changes += value ^ last;
      last = value;
    }
    return { bit, ones: ones / length, changes: changes / Math.max(1, length - 1) };
  });
}

/** Beyond it lies the correlation of independent samples once in 370 lags: three deviations. */
export function correlationBound(samples: number): number {
  return 3 / Math.sqrt(samples);
}

const secondsPerYear = 365.25 * 24 * 3600;

/** Health alarms to expect of a source without a fault, at the H that its tests assume. */
export interface FalseAlarms {
  /** Samples that the daemon reads, per second; undefined: no daemon was asked. */
  bytesPerSecond: number | undefined;
  /** Upper bounds: both tests of SP 800-90B 4.4 together. */
  perGibibyte: number;
  perYear: number | undefined;
}

/**
 * An upper bound by the union of both tests: the repetition count test may alarm at each sample, the
 * adaptive proportion test once in a window, each with probability alpha at most.
 * @param alphaLog2 alpha is 2 to this power
 * @param window samples of the adaptive proportion test
 */
export function falseAlarms(
  alphaLog2: number,
  window: number,
  bytesPerSecond: number | undefined,
): FalseAlarms {
  const perByte = 2 ** alphaLog2 * (1 + 1 / window);
  return {
    bytesPerSecond,
    perGibibyte: perByte * 2 ** 30,
    perYear: bytesPerSecond === undefined ? undefined : perByte * bytesPerSecond * secondsPerYear,
  };
}
