/** The estimators of SP 800-90B 6.3: NIST's own figures, sequences of known entropy, and what is refused. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Assessment } from '../../src/common/assessment.js';
import { addon } from './addon.js';
import { prng, sequence, sequences } from './assess_sequences.js';

const vectors = new URL('../vectors/90b/', import.meta.url);
const { figures } = JSON.parse(readFileSync(new URL('figures.json', vectors), 'utf8')) as {
  figures: Record<string, Assessment & { sha256: string }>;
};

/** As NIST's self-test allows. */
const tolerance = 1e-6;

/** All figures of an assessment by name. */
function figuresOf({ estimates, ...rest }: Assessment): [string, number | null][] {
  const { bitsPerSymbol, distinct, hOriginal, hBitstring, minEntropy } = rest;
  return [
    ...Object.entries({ bitsPerSymbol, distinct, hOriginal, hBitstring, minEntropy }),
    ...estimates.flatMap(({ name, literal, bitstring }): [string, number | null][] => [
      [`${name}, literal`, literal],
      [`${name}, bitstring`, bitstring],
    ]),
  ];
}

/** The estimates by name: literal, bitstring. */
async function estimatesOf(samples: Uint8Array, bits = 0) {
  const { estimates } = await addon.assess(samples, bits);
  return Object.fromEntries(
    estimates.map(({ name, literal, bitstring }) => [name, [literal, bitstring] as const]),
  );
}

t.test('every figure of NIST’s tool is met to six digits', async (t) => {
  const names = ['rand1_short.bin', 'rand4_short.bin', 'rand8_short.bin'];
  t.strictSame(Object.keys(figures), [...names, ...Object.keys(sequences)]);
  for (const [name, { sha256, ...wanted }] of Object.entries(figures)) {
    const samples = sequences[name]?.() ?? readFileSync(new URL(name, vectors));
    t.equal(createHash('sha256').update(samples).digest('hex'), sha256, name);
    const found = figuresOf(await addon.assess(samples, 0));
    const far = figuresOf(wanted).filter(([figure, value], i) => {
      const [foundFigure, foundValue] = found[i] ?? [];
      if (foundFigure !== figure || foundValue === undefined) return true;
      if (value === null || foundValue === null) return value !== foundValue;
      return !(Math.abs(value - foundValue) <= tolerance);
    });
    t.strictSame(far, [], name);
    t.equal(found.length, 25);
  }
});

// The sequences are fixed, so nothing here can fail by chance.
t.test('independent biased samples are estimated a little below their min-entropy', async (t) => {
  for (const share of [0.5, 0.75, 0.9, 0.99]) {
    const samples = sequence(100_000, (_, random) => (random() < share ? 1 : 0));
    const entropy = -Math.log2(share);
    for (const [name, [literal]] of Object.entries(await estimatesOf(samples))) {
      // LRS and lags see how often two samples are equal, which is as much as twice the min-entropy.
      const most = ['LRS', 'Lag Prediction'].includes(name) ? 2 * entropy : entropy;
      // Markov has no confidence interval.
      t.ok((literal as number) <= most * 1.05, `${share} ${name}: ${literal} of ${entropy}`);
    }
    const [common] = (await estimatesOf(samples))['Most Common Value'] ?? [];
    t.ok((common as number) > entropy * 0.9 - 0.001, `${share}: ${common}`);
  }
});

t.test('what depends on the sample before is found where the values are even', async (t) => {
  const stay = 0.9;
  const samples = sequence(100_000, (_, random, last) => (random() < stay ? last : 1 - last));
  const estimates = await estimatesOf(samples);
  const rate = -Math.log2(stay);
  t.ok((estimates['Most Common Value']?.[0] as number) > 0.95, 'even values');
  for (const name of ['Markov', 'MultiMMC Prediction', 'LZ78Y Prediction', 't-Tuple']) {
    const found = estimates[name]?.[0] as number;
    t.ok(found > rate * 0.8 && found < rate * 1.1, `${name}: ${found} of ${rate}`);
  }
});

t.test('what repeats has next to no entropy, whatever its values', async (t) => {
  for (const period of [1, 2, 3, 7, 128, 1000]) {
    const random = prng(period);
    const values = Array.from({ length: period }, () => Math.floor(random() * 256));
    values[0] = 255;
    const samples = sequence(20_000, (i) => values[i % period] as number);
    const { minEntropy, hOriginal } = await addon.assess(samples, 0);
    t.ok(minEntropy < 0.01, `period ${period}: ${minEntropy}`);
    t.ok(minEntropy <= hOriginal);
  }
});

t.test('deterministic bytes are not told from random ones', async (t) => {
  const { minEntropy } = await addon.assess(sequences['uniform bytes']?.() as Uint8Array, 0);
  t.ok(minEntropy > 6 && minEntropy < 8, String(minEntropy));
});

t.test('equal samples have no entropy', async (t) => {
  for (const [value, bits] of [
    [0, 1],
    [1, 1],
    [0x41, 7],
    [255, 8],
  ] as const) {
    const found = await addon.assess(new Uint8Array(7000).fill(value), 0);
    t.match(found, { bitsPerSymbol: bits, distinct: 1, hOriginal: 0, minEntropy: 0 });
    t.equal(found.hBitstring, null);
    for (const { literal, bitstring } of found.estimates)
      t.ok(Object.is(literal, 0) && bitstring === null);
  }
});

t.test('two values are bits, whatever they are', async (t) => {
  const bits = sequence(10_000, (_, random) => (random() < 0.7 ? 1 : 0));
  const wide = bits.map((bit) => (bit === 1 ? 200 : 65));
  const { bitsPerSymbol, ...found } = await addon.assess(wide, 0);
  const { bitsPerSymbol: one, ...wanted } = await addon.assess(bits, 0);
  t.strictSame([bitsPerSymbol, one], [8, 1]);
  t.strictSame(found, wanted);
});

t.test('wider samples than they need be have constant bits', async (t) => {
  const samples = readFileSync(new URL('rand4_short.bin', vectors));
  const narrow = await addon.assess(samples, 4);
  const wide = await addon.assess(samples, 8);
  t.strictSame(await addon.assess(samples, 0), narrow);
  t.equal(wide.bitsPerSymbol, 8);
  t.equal(wide.hOriginal, narrow.hOriginal);
  t.ok((wide.hBitstring as number) < (narrow.hBitstring as number));
  t.equal(wide.minEntropy, Math.min(wide.hOriginal, 8 * (wide.hBitstring as number)));
});

t.test('samples that cannot be assessed are refused with the reason', async (t) => {
  const wide = new Uint8Array(10_000).fill(3);
  wide[1234] = 16;
  for (const [samples, bits, message] of [
    [new Uint8Array(0), 0, /^want at least 6012 samples, and 1,000,000 for SP 800-90B: 0$/],
    [new Uint8Array(6011), 0, /^want at least 6012 samples.*: 6011$/],
    [wide, 4, 'the sample at byte 1234 is 16, which takes more than 4 bits'],
    [new Uint8Array(2 ** 26 + 1), 2, /^want at most 134217728 bits: 67108865 samples of 2$/],
  ] as const)
    await t.rejects(addon.assess(samples, bits), { message }, String(message));
  t.match(
    await addon.assess(
      sequence(6012, (i) => (i * i) >> 3),
      0,
    ),
    { bitsPerSymbol: 8 },
  );
});

t.test('arguments of other types and ranges are refused', async (t) => {
  const call = addon.assess as (...args: unknown[]) => unknown;
  const samples = new Uint8Array(7000);
  for (const args of [[], [samples], [[1, 2], 1], [new Uint16Array(7000), 1], [samples, '1']])
    t.throws(() => call(...args), { name: 'TypeError', message: /expected \(Uint8Array/ });
  for (const bits of [-1, 9, 2 ** 32 + 1])
    t.throws(() => call(samples, bits), { name: 'RangeError', message: /1 to 8 bits/ });
});

t.test('a change of the array afterwards changes nothing', async (t) => {
  const samples = readFileSync(new URL('rand1_short.bin', vectors));
  const wanted = await addon.assess(samples, 0);
  const changed = Uint8Array.from(samples);
  const found = addon.assess(changed, 0);
  changed.fill(7);
  structuredClone(changed.buffer, { transfer: [changed.buffer] });
  t.strictSame(await found, wanted);
});
