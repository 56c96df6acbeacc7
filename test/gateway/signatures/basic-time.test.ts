import fc from 'fast-check';
import t from 'tap';
import { formatBasicTime, parseBasicTime } from '../../../src/gateway/signatures/basic-time.js';

t.test('every second of the years 0 to 9999 is written and read', async (t) => {
  const first = Date.parse('0000-01-01T00:00:00Z') / 1000;
  const last = Date.parse('9999-12-31T23:59:59Z') / 1000;
  // Date.UTC takes the years 0 to 99 for the 20th century: they are refused.
  const firstRead = Date.parse('0100-01-01T00:00:00Z') / 1000;
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (second) => {
        const text = formatBasicTime(second * 1000 + 999);
        const wanted = second < firstRead ? undefined : second * 1000;
        return /^\d{8}T\d{6}Z$/.test(text) && parseBasicTime(text) === wanted;
      }),
    ),
  );
  t.equal(formatBasicTime(Date.UTC(2015, 7, 30, 12, 36)), '20150830T123600Z');
  t.equal(parseBasicTime('20150830T123600Z'), Date.UTC(2015, 7, 30, 12, 36));
});

t.test('nothing else is read', async (t) => {
  for (const text of [
    '',
    '20150830T123600',
    '20150830T123600z',
    '20150830t123600Z',
    ' 20150830T123600Z',
    '20150830T123600Z\n',
    '2015-08-30T12:36:00Z',
    '20150830T123600.0Z',
    '20150830T123600+0000',
    '20150230T000000Z',
    '20150229T000000Z',
    '20150001T000000Z',
    '20151301T000000Z',
    '20150100T000000Z',
    '20150132T000000Z',
    '20150830T240000Z',
    '20150830T236000Z',
    '20150830T235960Z',
    '٢٠١٥٠٨٣٠T123600Z',
  ])
    t.equal(parseBasicTime(text), undefined, JSON.stringify(text));
  t.equal(parseBasicTime('20160229T235959Z'), Date.UTC(2016, 1, 29, 23, 59, 59), 'a leap year');
});
