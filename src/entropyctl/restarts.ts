/** The restart tests of SP 800-90B 3.1.4: the sanity check, and estimates of the rows and columns. */
import type { Assessment } from '../common/assessment.js';
import type { Addon } from '../common/package.js';

/** Restart data: a matrix of samples, each row from an instance of the source of its own. */
export interface RestartData {
  /** Row by row. */
  readonly data: Uint8Array;
  /** Rows. */
  readonly restarts: number;
  /** Columns. */
  readonly samples: number;
}

/** The result of the restart tests, bits of min-entropy per sample. */
export interface RestartAssessment {
  restarts: number;
  samples: number;
  /** H_I, which the restart data have to confirm. */
  hInitial: number;
  /** Probability of a count above the cutoff, in one row or column. */
  alpha: number;
  /** The highest count of a value that passes, in a row and in a column. */
  cutoff: { row: number; column: number };
  /** The highest count of a value that occurs. */
  highest: { row: number; column: number };
  rows: Assessment;
  columns: Assessment;
  /** The least estimate of the row and of the column dataset. */
  hRows: number;
  hColumns: number;
  passed: boolean;
  /** Why it has not passed, a sentence each. */
  failures: string[];
  /** min(`hInitial`, `hRows`, `hColumns`), or 0 if a test failed. */
  minEntropy: number;
}

/** Type I error of the whole sanity check, which is divided among all rows and columns. */
const sanityError = 0.01;

/** The dataset by columns (SP 800-90B 3.1.4.1). */
export function byColumns({ data, restarts, samples }: RestartData): Uint8Array {
  const columns = new Uint8Array(data.length);
  for (let row = 0; row < restarts; row++)
    for (let column = 0; column < samples; column++)
      columns[column * restarts + row] = data[row * samples + column] as number;
  return columns;
}

/** The highest count of one value in any run of `size` samples. */
export function highestCount(data: Uint8Array, size: number): number {
  const counts = new Uint32Array(256);
  let highest = 0;
  for (let start = 0; start < data.length; start += size) {
    counts.fill(0);
    for (const value of data.subarray(start, start + size)) {
      const count = (counts[value] as number) + 1;
      counts[value] = count;
      if (count > highest) highest = count;
    }
  }
  return highest;
}

/**
 * The highest count of any value that passes the sanity check: the smallest c with
 * P(every value occurs at most c times) >= 1 - alpha, for the distribution of this min-entropy that
 * makes high counts most likely. It has as many values of probability 2^-H as there can be, and
 * perhaps one for the rest. NIST's tool estimates the same c by five million simulations.
 * @param samples in the row or column, 1 or more
 * @param minEntropy H, bits per sample, 0 to 8
 */
export function sanityCutoff(samples: number, minEntropy: number, alpha: number): number {
  const most = 2 ** -minEntropy;
  // Rounding must not leave a value out, as of 2^-log2(3).
  const values = Math.floor(1 / most + 1e-9);
  const rest = Math.max(0, 1 - values * most);
  // Counts of a Poisson number of samples are independent, and a sum of `samples` makes them
  // multinomial: the coefficient of z^samples in a product of truncated Poisson distributions.
  const all = poisson(samples, samples, samples)[samples] as number;
  const within = (cutoff: number) => {
    const each = power(poisson(samples * most, cutoff, samples), values, samples);
    const product = multiply(each, poisson(samples * rest, cutoff, samples), samples);
    return (product[samples] ?? 0) / all;
  };
  let low = 0;
  let high = samples;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (within(middle) >= 1 - alpha) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Probabilities of 0 to min(cutoff, degree) for this mean. */
function poisson(mean: number, cutoff: number, degree: number): Float64Array {
  const masses = new Float64Array(Math.min(cutoff, degree) + 1);
  if (mean === 0) {
    masses[0] = 1;
    return masses;
  }
  // By logarithms: e^-mean alone is 0 from a mean of 745 on.
  let log = -mean;
  for (let i = 0; i < masses.length; i++) {
    if (i > 0) log += Math.log(mean / i);
    const mass = Math.exp(log);
    masses[i] = mass < negligible ? 0 : mass;
  }
  return masses;
}

/** Smaller terms change no cutoff, and denormal numbers would take a hundred times as long. */
const negligible = 1e-200;

/** The product of two polynomials without powers above `degree`. */
function multiply(left: Float64Array, right: Float64Array, degree: number): Float64Array {
  const product = new Float64Array(Math.min(left.length + right.length - 1, degree + 1));
  for (let i = 0; i < left.length; i++) {
    const factor = left[i] as number;
    if (factor < negligible) continue;
    const end = Math.min(right.length, product.length - i);
    for (let j = 0; j < end; j++)
      product[i + j] = (product[i + j] as number) + factor * (right[j] as number);
  }
  return product;
}

function power(base: Float64Array, exponent: number, degree: number): Float64Array {
  let result: Float64Array = Float64Array.of(1);
  let square: Float64Array = base;
  for (let left = exponent; left > 0; left >>= 1) {
    if (left % 2 === 1) result = multiply(result, square, degree);
    if (left > 1) square = multiply(square, square, degree);
  }
  return result;
}

/**
 * Runs the sanity check (3.1.4.3) and the validation test (3.1.4.2). As in NIST's tool, the datasets
 * are estimated per sample only, not per bit.
 * @param restart `restarts` times `samples` bytes, 6012 or more
 * @param bitsPerSymbol as for `Addon.assess`
 * @param hInitial H_I, bits per sample
 * @throws Error of `Addon.assess`
 */
export async function assessRestarts(
  addon: Pick<Addon, 'assess'>,
  restart: RestartData,
  bitsPerSymbol: number,
  hInitial: number,
): Promise<RestartAssessment> {
  const { data, restarts, samples } = restart;
  const alpha = 1 - (1 - sanityError) ** (1 / (restarts + samples));
  const cutoff = {
    row: sanityCutoff(samples, hInitial, alpha),
    column: sanityCutoff(restarts, hInitial, alpha),
  };
  const turned = byColumns(restart);
  const highest = { row: highestCount(data, samples), column: highestCount(turned, restarts) };
  const rows = await addon.assess(data, bitsPerSymbol, true);
  const columns = await addon.assess(turned, bitsPerSymbol, true);
  const [hRows, hColumns] = [rows.hOriginal, columns.hOriginal];
  const least = Math.min(hRows, hColumns);
  const failures: string[] = [];
  for (const where of ['row', 'column'] as const)
    if (highest[where] > cutoff[where])
      failures.push(
        `sanity check: a value occurs ${highest[where]} times in a ${where}, more than ${cutoff[where]}`,
      );
  if (least < hInitial / 2)
    failures.push(
      `validation test: ${least.toFixed(6)} is less than half of the initial ${hInitial.toFixed(6)}`,
    );
  const passed = failures.length === 0;
  return {
    restarts,
    samples,
    hInitial,
    alpha,
    cutoff,
    highest,
    rows,
    columns,
    hRows,
    hColumns,
    passed,
    failures,
    minEntropy: passed ? Math.min(hInitial, least) : 0,
  };
}
