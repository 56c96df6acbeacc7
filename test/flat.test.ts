import t from 'tap';
import { growth, maxGrowthBytes } from './flat.mjs';

const mebibyte = 2 ** 20;
const samples = (at: (i: number) => number): number[] =>
  Array.from({ length: 1000 }, (_, i) => 80 * mebibyte + mebibyte * at(i));

t.test('what only warms up, or goes up and down, is flat; what keeps growing is not', async (t) => {
  for (const [name, at, grown] of [
    ['constant', () => 0, 0],
    ['grows in the first half only', (i) => Math.min(i, 500), 0],
    ['a step of the heap in the first half', (i) => (i < 400 ? 0 : 30), 0],
    ['a sawtooth', (i) => i % 40, 0],
    ['slow growth', (i) => i / 100, 5],
    ['a leak', (i) => i / 20, 25],
    ['a leak below a sawtooth', (i) => i / 20 + (i % 40), 25],
    ['a leak that begins late', (i) => Math.max(0, i - 500) / 10, 50],
    ['shrinks', (i) => -i / 100, -5],
  ] as const satisfies readonly [string, (i: number) => number, number][]) {
    const found = growth(samples(at)) / mebibyte;
    t.ok(Math.abs(found - grown) < 1, `${name}: ${found}`);
  }
  t.ok(growth(samples((i) => i / 20)) > maxGrowthBytes);
  t.ok(growth(samples((i) => i / 100)) < maxGrowthBytes);
});
