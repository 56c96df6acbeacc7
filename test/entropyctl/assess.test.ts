import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Assessment } from '../../src/common/assessment.js';
import type { Addon, LoadResult } from '../../src/common/package.js';
import { assess } from '../../src/entropyctl/assess.js';
import { temporaryFolder } from '../support/paths.js';
import { printedBy } from '../support/program.js';

const folder = join(temporaryFolder(), 'assess');
const input = join(folder, 'samples.bin');
const vectors = fileURLToPath(new URL('../vectors/90b/', import.meta.url));

t.before(() => {
  mkdirSync(folder);
  writeFileSync(input, Buffer.alloc(10_000, 'samples'));
});

const wide: Assessment = {
  bitsPerSymbol: 8,
  distinct: 5,
  estimates: [
    { name: 'Most Common Value', literal: 1.25, bitstring: 0.5 },
    { name: 'Collision', literal: null, bitstring: 0.1234567 },
  ],
  hOriginal: 1.25,
  hBitstring: 0.1234567,
  minEntropy: 0.9876536,
};
const bits: Assessment = {
  bitsPerSymbol: 1,
  distinct: 2,
  estimates: [{ name: 'Collision', literal: 0.75, bitstring: null }],
  hOriginal: 0.75,
  hBitstring: null,
  minEntropy: 0.75,
};

/** An addon with this result, and what it was called with. */
function addonOf(result: Assessment | Error): LoadResult & { calls: [Uint8Array, number][] } {
  const calls: [Uint8Array, number][] = [];
  const addon = {
    async assess(samples: Uint8Array, width: number) {
      calls.push([samples, width]);
      if (result instanceof Error) throw result;
      return result;
    },
  };
  return { addon: addon as unknown as Addon, calls };
}

t.test(
  'the table has a line for each estimator, the result, and what it does not prove',
  async (t) => {
    const addon = addonOf(wide);
    const printed = await printedBy(t, () => assess(undefined, { input }, addon));
    t.equal(
      printed,
      `Estimator              per sample     per bit
Most Common Value        1.250000    0.500000
Collision                       -    0.123457
Least                    1.250000    0.123457

Min-entropy  0.987654 bits per sample of 8 bits: the least of 1.250000 and 8 × 0.123457
Samples      10000, of 5 values
             fewer than the 1000000 consecutive ones that SP 800-90B wants
These are no proof of entropy: AES-256-CTR under a zero key, which has none, gets 7.1 of 8 bits.
`,
    );
    const [[samples, width] = []] = addon.calls;
    t.equal(width, 0, 'the width is that of the largest');
    t.ok(readFileSync(input).equals(samples as Uint8Array));
  },
);

t.test('samples of two values have one column', async (t) => {
  const printed = await printedBy(t, () => assess(undefined, { input }, addonOf(bits)));
  t.match(printed, /^Estimator {14}per sample\nCollision {16}0\.750000\nLeast {20}0\.750000\n\n/);
  t.match(printed, '\nMin-entropy  0.750000 bits per sample of 1 bit: the least estimate\n');
});

t.test('a million samples are enough', async (t) => {
  const million = join(folder, 'million.bin');
  writeFileSync(million, Buffer.alloc(1_000_000));
  const printed = await printedBy(t, () => assess(undefined, { input: million }, addonOf(bits)));
  t.match(printed, '\nSamples      1000000, of 2 values\nThese are no proof');
});

t.test('JSON has all figures in full, and null for what does not apply', async (t) => {
  for (const result of [wide, bits]) {
    const addon = addonOf(result);
    const printed = await printedBy(t, () =>
      assess(undefined, { input, bitsPerSymbol: 8, json: true }, addon),
    );
    t.strictSame(JSON.parse(printed), { input, samples: 10_000, ...result });
    t.equal(addon.calls[0]?.[1], 8);
  }
});

t.test('what the addon refuses is reported with the file', async (t) => {
  const error = new Error('want at least 6012 samples');
  await t.rejects(assess(undefined, { input }, addonOf(error)), {
    code: 'ERR_INPUT',
    message: `cannot assess ${input}: want at least 6012 samples`,
  });
});

t.test('only a regular file is read, that is neither empty nor too large', async (t) => {
  const path = (name: string) => join(folder, name);
  writeFileSync(path('empty'), '');
  writeFileSync(path('large'), '');
  truncateSync(path('large'), 2 ** 27 + 1);
  execFileSync('mkfifo', [path('fifo')]);
  const addon = addonOf(wide);
  for (const [name, code, message] of [
    [path('empty'), 'ERR_INPUT', /: it is empty$/],
    [path('large'), 'ERR_INPUT', /: want at most 134217728 bytes, one for each sample: 134217729$/],
    [path('fifo'), 'ERR_INPUT', /: want a regular file$/],
    ['/dev/zero', 'ERR_INPUT', /^cannot assess \/dev\/zero: want a regular file$/],
    [folder, 'ERR_INPUT', /: want a regular file$/],
    [path('none'), 'ENOENT', /^cannot read .*none: ENOENT: no such file or directory/],
    [join(input, 'x'), 'ENOTDIR', /^cannot read /],
  ] as const)
    await t.rejects(assess(undefined, { input: name }, addon), { code, message }, name);
  t.equal(addon.calls.length, 0);
});

t.test('without the addon there is no assessment', async (t) => {
  await t.rejects(assess(undefined, { input }, { reason: 'not built' }), {
    code: 'ERR_ADDON',
    message: 'assess needs the native addon: not built',
  });
});

t.test('the product’s addon meets NIST’s figures', async (t) => {
  const { figures } = JSON.parse(readFileSync(join(vectors, 'figures.json'), 'utf8'));
  for (const name of ['rand1_short.bin', 'rand8_short.bin']) {
    const file = join(vectors, name);
    const printed = await printedBy(t, () => assess(undefined, { input: file, json: true }));
    const { minEntropy, estimates } = JSON.parse(printed);
    t.ok(Math.abs(minEntropy - figures[name].minEntropy) <= 1e-6, `${name}: ${minEntropy}`);
    t.equal(estimates.length, 10);
  }
});
