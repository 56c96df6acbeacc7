import fc from 'fast-check';
import t from 'tap';

const { paths, recent, roundedUp, uprights } = await import(
  new URL('../../page/chart.js', import.meta.url).href
);

t.test('a scale ends at 1, 2 or 5 times a power of ten', async (t) => {
  for (const [value, expected] of [
    [1, 1],
    [1.1, 2],
    [2, 2],
    [4, 5],
    [5.01, 10],
    [99, 100],
    [0.000_05, 0.000_05],
    [0.03, 0.05],
  ] as const)
    t.ok(Math.abs(roundedUp(value) / expected - 1) < 1e-9, `${value}: ${roundedUp(value)}`);
});

t.test('a scale covers its values', async (t) => {
  const value = fc.double({ min: 1e-9, max: 1e15, noNaN: true });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(value, (value) => {
        const top = roundedUp(value);
        return top >= value * (1 - 1e-9) && top <= value * 10;
      }),
    ),
  );
});

const now = recent.ms;
const at = (at: number, value: number | undefined) => ({ at, value });

t.test('a logarithmic axis gives each power of ten the same height', async (t) => {
  const heights = [0, 1e-6, 1e-5, 1e-4, 1, Number.POSITIVE_INFINITY].map((value) => {
    const [, y] = /^M[\d.]+ ([\d.]+)h0$/.exec(paths([at(now, value)], now, 1e-4, 1e-6).line) ?? [];
    return Number(y);
  });
  t.strictSame(heights, [80, 80, 41.5, 3, 3, 3]);
});

t.test('a line goes from two minutes ago at the left to now at the right', async (t) => {
  for (const [name, points, line, area] of [
    ['no point', [], '', ''],
    ['one point', [at(now, 0)], 'M300.0 80.0h0', ''],
    [
      'two points',
      [at(now - 4_000, 0), at(now, 10)],
      'M290.0 80.0L300.0 3.0',
      'M290.0 80L290.0 80.0L300.0 3.0V80Z',
    ],
    [
      'a gap in time',
      [at(0, 5), at(1_000, 5), at(now, 10)],
      'M0.0 41.5L2.5 41.5M300.0 3.0h0',
      'M0.0 80L0.0 41.5L2.5 41.5V80Z',
    ],
    [
      'a gap in values',
      [at(0, 5), at(1_000, undefined), at(2_000, 5)],
      'M0.0 41.5h0M5.0 41.5h0',
      '',
    ],
    ['above the scale', [at(now, Infinity)], 'M300.0 3.0h0', ''],
    ['below zero', [at(now, -Infinity)], 'M300.0 80.0h0', ''],
  ] as const)
    t.strictSame(paths(points, now, 10), { line, area }, name);
});

t.test('a day has its own scale and gaps', async (t) => {
  const day = { ...recent, ms: 24_000, gapMs: 300 };
  const points = [at(0, 5), at(300, 5), at(601, 10)];
  const { line } = paths(points, 24_000, 10, 0, day);
  t.equal(line, 'M0.0 41.5L3.8 41.5M7.5 3.0h0');
});

t.test('an upright stands at its time; what is outside the chart is left out', async (t) => {
  const day = { ...recent, ms: 1_000 };
  t.equal(uprights([-1, 0, 500, 1_000, 1_001], 1_000, day), 'M0.0 0V80M150.0 0V80M300.0 0V80');
  t.equal(uprights([500], 1_000, day, 70), 'M150.0 70V80');
  t.equal(uprights([Number.NaN, Infinity], 1_000, day), '');
});

t.test('whatever the values, a line stays within the drawing', async (t) => {
  const value = fc.double({ noNaN: true });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(value, value, (value, highest) => {
        const top = roundedUp(Math.max(1, highest));
        const [, y] = /^M300\.0 ([\d.]+)h0$/.exec(paths([at(now, value)], now, top).line) ?? [];
        return Number(y) >= 3 && Number(y) <= 80;
      }),
      { examples: [[Number.POSITIVE_INFINITY, 1.1e308]] },
    ),
  );
});
