/** The restart tests of SP 800-90B 3.1.4 beside NIST's ea_restart, and data that must fail. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { loadAddon } from '../../src/common/package.js';
import {
  assessRestarts,
  byColumns,
  highestCount,
  sanityCutoff,
} from '../../src/entropyctl/restarts.js';
import { prng } from '../native/assess_sequences.js';

const { addon } = loadAddon();
if (addon === undefined) throw new Error('the addon is not built');

/** As NIST's tool computes it: 1 - 0.99^(1/2000). */
const alpha = 1 - 0.99 ** (1 / 2000);

t.test('cutoffs are those that NIST’s tool simulates, or at most one lower', async (t) => {
  // H, the exact cutoff, and what the tool's five million simulations gave.
  for (const [minEntropy, exact, simulated] of [
    [7.2, 25, 25],
    [4.5, 80, 80],
    // P(X > 769) = 4.64e-6 and P(X > 768) = 6.49e-6 for X ~ Binomial(1000, 2^-0.5).
    [0.5, 769, 770],
    [1, 572, undefined],
    [8, 19, undefined],
    [0, 1000, undefined],
  ] as const) {
    const cutoff = sanityCutoff(1000, minEntropy, alpha);
    t.equal(cutoff, exact, `H = ${minEntropy}`);
    if (simulated !== undefined) t.ok(Math.abs(cutoff - simulated) <= 1);
  }
});

t.test(
  'a cutoff is the smallest count of small samples that enough outcomes stay within',
  async (t) => {
    // Three throws of a coin: at most 1, 2 or 3 times the same side with 0, 3/4 or 1.
    t.equal(sanityCutoff(3, 1, 0.26), 2);
    t.equal(sanityCutoff(3, 1, 0.24), 3);
    // Two of four equally likely values differ with 3/4.
    t.equal(sanityCutoff(2, 2, 0.26), 1);
    t.equal(sanityCutoff(2, 2, 0.24), 2);
    // Three equally likely values: 2^-log2(3) is not exactly a third.
    t.equal(sanityCutoff(2, Math.log2(3), 0.34), 1);
  },
);

t.test('rows become columns, and counts are those of one row', async (t) => {
  const data = Uint8Array.from([1, 2, 3, 1, 1, 9]);
  t.strictSame([...byColumns({ data, restarts: 2, samples: 3 })], [1, 1, 2, 1, 3, 9]);
  t.equal(highestCount(data, 3), 2);
  t.equal(highestCount(data, 2), 1);
  t.equal(highestCount(data, 6), 3);
});

const size = 100;
const random = prng(7);
const uniform = Uint8Array.from({ length: size * size }, () => Math.floor(random() * 16));

t.test('a source that starts anew each time passes', async (t) => {
  const data = { data: uniform, restarts: size, samples: size };
  const found = await assessRestarts(addon, data, 4, 3);
  t.strictSame(found.failures, []);
  t.equal(found.passed, true);
  t.equal(found.minEntropy, Math.min(3, found.hRows, found.hColumns));
  t.equal(found.rows.hBitstring, null, 'estimated per sample only');
});

t.test('a source whose starts are alike fails in its columns', async (t) => {
  const start = uniform.subarray(0, size);
  const data = Uint8Array.from({ length: size * size }, (_, i) => start[i % size] as number);
  const found = await assessRestarts(addon, { data, restarts: size, samples: size }, 4, 3);
  t.equal(found.highest.column, size);
  t.equal(found.passed, false);
  t.equal(found.minEntropy, 0);
  t.match(found.failures, [
    /^sanity check: a value occurs 100 times in a column, more than \d+$/,
    /^validation test: 0\.\d{6} is less than half of the initial 3\.000000$/,
  ]);
});

t.test('a source that keeps one value after some starts fails in its rows', async (t) => {
  const data = uniform.slice();
  data.fill(5, 10 * size, 11 * size);
  const found = await assessRestarts(addon, { data, restarts: size, samples: size }, 4, 3);
  t.equal(found.highest.row, size);
  t.ok(found.highest.column <= found.cutoff.column);
  t.equal(found.passed, false);
  t.match(found.failures[0], /^sanity check: a value occurs 100 times in a row, /);
});

t.test('data of less than half the initial estimate fail, though no count is high', async (t) => {
  const data = Uint8Array.from(uniform, (_, i) => (i + Math.floor(i / size)) % 16);
  const found = await assessRestarts(addon, { data, restarts: size, samples: size }, 4, 3);
  t.equal(found.passed, false);
  t.equal(found.failures.length, 1);
  t.match(found.failures[0], /^validation test: /);
});

t.test('a million samples get the figures of NIST’s ea_restart', async (t) => {
  const next = prng(90);
  const data = Uint8Array.from({ length: 1_000_000 }, () => Math.floor(next() ** 2 * 16));
  const hash = createHash('sha256').update(data).digest('hex');
  t.equal(hash, '21c4076d520bd3edb3ce21beb8e1c66a95af5848cd7a4f2b8f30a9f3617d6a16');
  const found = await assessRestarts(addon, { data, restarts: 1000, samples: 1000 }, 4, 1.9);
  t.equal(found.alpha.toPrecision(15), '0.00000502515530065306');
  t.match(found, {
    cutoff: { row: 335, column: 335 },
    passed: true,
    failures: [],
    minEntropy: 1.9,
  });
  t.equal(Math.max(found.highest.row, found.highest.column), 299);
  // Name, rows, columns: as commit 68ed165 of the tool prints them.
  const figures = [
    ['Most Common Value', 1.993917, 1.993917],
    ['t-Tuple', 1.993497, 1.993917],
    ['LRS', 3.227837, 3.234592],
    ['MultiMCW Prediction', 1.994224, 1.994241],
    ['Lag Prediction', 3.230476, 3.229294],
    ['MultiMMC Prediction', 1.994196, 1.994219],
    ['LZ78Y Prediction', 1.994169, 1.994232],
  ] as const;
  for (const [name, rows, columns] of figures)
    for (const [estimates, wanted] of [
      [found.rows.estimates, rows],
      [found.columns.estimates, columns],
    ] as const)
      t.equal(
        estimates.find((each) => each.name === name)?.literal?.toFixed(6),
        wanted.toFixed(6),
        name,
      );
  t.equal(found.hRows.toFixed(6), '1.993497');
  t.equal(found.hColumns.toFixed(6), '1.993917');
});
