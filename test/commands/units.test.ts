import fc from 'fast-check';
import t from 'tap';
import { bytes, count, duration, perSecond } from '../../src/commands/units.js';

t.test('counts are whole up to 9999, then three digits and a prefix', async (t) => {
  for (const [value, text] of [
    [0, '0'],
    [9999, '9999'],
    [10_000, '10.0 k'],
    [12_345, '12.3 k'],
    [99_949, '99.9 k'],
    [99_950, '100 k'],
    [999_499, '999 k'],
    [999_999, '1.00 M'],
    [4_560_000, '4.56 M'],
    [Number.MAX_SAFE_INTEGER, '9.01 P'],
    [1e24, '1.00 Y'],
  ] as const)
    t.equal(count(value), text, String(value));
});

t.test('sizes are in powers of 1024', async (t) => {
  for (const [value, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [12_595, '12.3 KiB'],
    [1_048_575, '1.00 MiB'],
    [65_536, '64.0 KiB'],
    [4.56 * 2 ** 30, '4.56 GiB'],
    [2 ** 53, '8.00 PiB'],
  ] as const)
    t.equal(bytes(value), text, String(value));
});

t.test('rates have digits where they are small', async (t) => {
  for (const [value, text] of [
    [0, '0/s'],
    [0.251, '0.25/s'],
    [9.99, '9.99/s'],
    [12.34, '12.3/s'],
    [345.6, '346/s'],
    [12_345, '12.3 k/s'],
  ] as const)
    t.equal(perSecond(value), text, String(value));
});

t.test('times have the two units that matter', async (t) => {
  for (const [value, text] of [
    [0, '0 s'],
    [0.000_005, '5 µs'],
    [0.000_05, '50 µs'],
    [0.000_999_9, '1 ms'],
    [0.001, '1 ms'],
    [0.0123, '12.3 ms'],
    [0.5, '500 ms'],
    [1, '1 s'],
    [59.4, '59 s'],
    [59.5, '1 min 0 s'],
    [185, '3 min 5 s'],
    [3600, '1 h 0 min'],
    [14_530, '4 h 2 min'],
    [86_400, '1 d 0 h'],
    [1_047_600, '12 d 3 h'],
    [1e9, '11.6 k d 1 h'],
  ] as const)
    t.equal(duration(value), text, String(value));
});

t.test('what is no amount is a question mark, and no amount is wide', async (t) => {
  for (const value of [undefined, null, '5', -1, Number.NaN, Number.POSITIVE_INFINITY, {}])
    for (const unit of [bytes, count, duration, perSecond]) t.equal(unit(value), '?');
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2 ** 64, noNaN: true }), (value) =>
      [bytes, count, duration, perSecond].every((unit) => unit(value).length <= 15),
    ),
  );
});
