import fc from 'fast-check';
import t from 'tap';

const words = await import(new URL('../../page/words.js', import.meta.url).href);

t.test('numbers have the unit that keeps them short', async (t) => {
  for (const [name, value, expected] of [
    ['count', 1234567, '1,234,567'],
    ['bits', 4, '4'],
    ['bits', 0.5, '0.5'],
    ['bits', 1.23456, '1.235'],
    ['bytes', 0, '0 B'],
    ['bytes', 999, '999 B'],
    ['bytes', 999.4, '999 B'],
    ['bytes', 999.6, '1,000 B'],
    ['bytes', 1023.6, '1 KiB'],
    ['bytes', 1_234_567, '1.18 MiB'],
    ['bytes', 2 ** 60, '1,020 PiB'],
    ['byteRate', 4_500_000, '4.29 MiB/s'],
    ['rate', 0.5, '0.5 /s'],
    ['rate', 999.7, '1 k/s'],
    ['rate', 12_345, '12.3 k/s'],
    ['shortTime', 0.000_075_4, '75 µs'],
    ['shortTime', 0.000_996, '1 ms'],
    ['shortTime', 0.01, '10 ms'],
    ['shortTime', 12, '12 s'],
    ['duration', -3, '0 s'],
    ['duration', 0.9, '0 s'],
    ['duration', 59.9, '59 s'],
    ['duration', 60, '1 min'],
    ['duration', 3_661, '1 h 1 min'],
    ['duration', 7_205, '2 h'],
    ['duration', 90_061, '1 d 1 h'],
    ['duration', 864_000, '10 d'],
  ] as const)
    t.equal(words[name](value).replaceAll('\u00a0', ' '), expected, `${name} ${value}`);
});

t.test('a number and its unit stay on one line', async (t) => {
  for (const text of [words.bytes(5), words.duration(0), words.duration(5)])
    t.match(text, /^\d+\u00a0\w+$/);
});

t.test('a cause is a reason without what the state says already', async (t) => {
  for (const [reason, cause] of [
    ['serving: hwrng lost', 'hwrng lost'],
    ['not serving: serving: x', 'serving: x'],
    ['serving untested bytes', 'serving untested bytes'],
    ['hwrng lost', 'hwrng lost'],
    ['', ''],
  ] as const)
    t.equal(words.cause(reason), cause);
});

t.test('no value is shown as 1,000 of a unit if there is a larger unit', async (t) => {
  const value = fc.double({ min: 0, max: 1e12, noNaN: true });
  t.doesNotThrow(() =>
    fc.assert(fc.property(value, (value) => !/^1,000\s[kMG]?\/s$/.test(words.rate(value / 1e4)))),
  );
});

t.test('times are in the reader’s time zone', async (t) => {
  const time = new Date(2026, 10, 2, 3, 4, 5);
  t.match(words.clock(time), /^03:04:05 \S+$/);
  t.match(words.dateAndClock(time), /^2026-11-02 03:04:05 \S+$/);
  t.match(words.hour(time), /^2026-11-02 03:00 \S+$/);
  t.match(words.dateAndClock(new Date(Number.NaN)), /NaN/, 'nothing is thrown');
  const { TZ } = process.env;
  process.env.TZ = 'Asia/Kolkata';
  t.equal(words.clock(new Date('2026-11-02T03:04:05Z')), '08:34:05 GMT+5:30', 'and it is named');
  if (TZ === undefined) delete process.env.TZ;
  else process.env.TZ = TZ;
});
