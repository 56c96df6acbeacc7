import { readFileSync } from 'node:fs';
import t from 'tap';
import { addon } from './addon.js';

interface CutoffRow {
  W: number;
  H: number;
  alphaLog2: number;
  rct: number;
  apt90b: number;
  aptCorrected: number;
}

const table = JSON.parse(
  readFileSync(new URL('../vectors/health-cutoffs.json', import.meta.url), 'utf8'),
) as { rows: CutoffRow[] };

t.test('every cutoff follows from alpha and H (SP 800-90B 4.4.1, 4.4.2)', async (t) => {
  for (const { W, H, alphaLog2, rct, apt90b, aptCorrected } of table.rows) {
    const name = `W ${W}, H ${H}, alpha 2^${alphaLog2}`;
    t.equal(addon.repetitionCutoff(H, alphaLog2), rct, `RCT ${name}`);
    t.equal(addon.adaptiveProportionCutoff(W, H, alphaLog2), apt90b, `APT ${name}`);
    // The first sample of a window always matches itself.
    const corrected = Math.min(W, 2 + addon.criticalBinomial(W - 1, H, alphaLog2));
    t.equal(corrected, aptCorrected, `APT without the first sample, ${name}`);
  }
});

const permanent = 2;
const intermittent = 1;

t.test('a fault of a 64-bit source is detected as early as possible', async (t) => {
  const cases: [fault: string, test: string, at: number, severity: number][] = [
    ['allOnes', 'constant word', 8, permanent],
    ['zeros', 'constant word', 8, permanent],
    ['stuckWord', 'equal words', 16, permanent],
    ['twice', 'equal words', 16, intermittent],
    ['cycle64', 'repeated word', 64 + 8, intermittent],
    ['cycle1K', 'repeated word', 1024 + 8, intermittent],
    ['cycle4K', 'repeated word', 4096 + 8, intermittent],
    ['cycle32K', 'repeated word', 32768 + 8, intermittent],
    ['zeroWords', 'constant word', 80, intermittent],
    ['bias55', 'bit lanes', 8192, intermittent],
    ['bit7', 'bit lanes', 8192, intermittent],
  ];
  for (const [fault, test, at] of cases)
    t.match(addon.testSamples(addon.samples(fault, at + 8), true), { test, at }, fault);
  for (const [fault, , , severity] of cases)
    t.ok(addon.testSamples(addon.samples(fault, 65536), true).severity >= severity, fault);
});

t.test('a stuck byte is detected after 6', async (t) => {
  const verdict = { test: 'repetition count', at: 6 };
  t.match(addon.testSamples(addon.samples('stuckByte', 1024), false), verdict, 'byte source');
  t.match(addon.testSamples(addon.samples('stuckByte', 1024), true), verdict, '64-bit source');
});

t.test('five equal bytes pass, ten are permanent', async (t) => {
  const filler = Buffer.from([1, 2, 3, 4, 5, 6]);
  const run = (length: number) => Buffer.concat([filler, Buffer.alloc(length, 0xaa), filler]);
  for (const [length, severity] of [
    [5, 0],
    [6, intermittent],
    [9, intermittent],
    [10, permanent],
  ] as const)
    t.equal(addon.testSamples(run(length), false).severity, severity, `${length} in a row`);
});

t.test('the cutoffs are those of the source’s H', async (t) => {
  // Every 16th byte is the first of its window of 512: 32 of a value, and no two in a row.
  const spread = Buffer.from(
    Array.from({ length: 512 }, (_, i) => (i % 16 === 0 ? 0 : 1 + (i % 250))),
  );
  const run = Buffer.concat([Buffer.from([1, 2, 3]), Buffer.alloc(60, 7), Buffer.from([1, 2, 3])]);
  for (const [samples, bits, severity] of [
    [spread, 7, permanent],
    [spread, 4, 0],
    [run, 4, permanent],
    [run, 0.5, 0],
    [Buffer.alloc(61, 7), 0.5, intermittent],
    [Buffer.alloc(121, 7), 0.5, permanent],
  ] as const)
    t.equal(
      addon.testSamples(samples, false, bits).severity,
      severity,
      `${samples.length} at ${bits}`,
    );
  // Healthy at H = 4: a false alarm has a probability of 2^-18 in 2^12 samples.
  const nibbles = addon.samples('nibbles', 1 << 18);
  const few = nibbles.subarray(0, 1 << 12);
  t.equal(addon.testSamples(few, false, 4).severity, 0, 'uniform 4-bit samples, H = 4');
  t.equal(addon.testSamples(nibbles, false, 7).severity, permanent, 'the same, H = 7');
});

t.test('a counter fails the adaptive proportion test within 64 bytes', async (t) => {
  const verdict = addon.testSamples(addon.samples('counter', 1024), false);
  t.match(verdict, { test: 'adaptive proportion' });
  t.ok(verdict.at <= 64, `at ${verdict.at}`);
});

t.test('faults that the tests do not detect, so that nobody claims it', async (t) => {
  for (const [fault, why] of [
    ['cycle64K', 'a cycle of 64 KiB is longer than the 4096 remembered words'],
    ['splitmix', 'a fixed-seed generator has no entropy and passes every statistical test'],
  ] as const)
    t.equal(addon.testSamples(addon.samples(fault, 1 << 20), true).severity, 0, why);
});

t.test('healthy samples raise no alarm (probability of a false one below 2^-20)', async (t) => {
  const samples = addon.samples('none', 1 << 22);
  t.equal(addon.testSamples(samples, true).severity, 0, '4 MiB as words');
  t.equal(addon.testSamples(samples, false).severity, 0, '4 MiB as bytes');
});
