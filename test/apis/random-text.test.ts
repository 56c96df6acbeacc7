import fc from 'fast-check';
import t from 'tap';
import { base64, base64url, lowerHex, upperHex, writeAround } from '../../src/apis/random-text.js';

t.test('writes what Buffer writes, of just the view given, between any two texts', async (t) => {
  const encoding = fc.constantFrom(
    { ours: base64, theirs: (bytes: Buffer) => bytes.toString('base64') },
    { ours: base64url, theirs: (bytes: Buffer) => bytes.toString('base64url') },
    { ours: lowerHex, theirs: (bytes: Buffer) => bytes.toString('hex') },
    { ours: upperHex, theirs: (bytes: Buffer) => bytes.toString('hex').toUpperCase() },
  );
  const array = fc.uint8Array({ minLength: 1, maxLength: 100 });
  const text = fc.string({ unit: 'grapheme' });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(array, fc.nat(99), encoding, text, text, (array, from, to, before, after) => {
        const bytes = Buffer.from(array).subarray(Math.min(from, array.length));
        const { ours, theirs } = to;
        return String(writeAround(before, bytes, ours, after)) === before + theirs(bytes) + after;
      }),
    ),
  );
});

t.test('the text has memory of its own, all of which filling it wipes', async (t) => {
  for (const encoding of [base64, base64url])
    for (const before of ['', 'a', 'ab']) {
      const text = writeAround(before, new Uint8Array([1, 2, 3, 4]), encoding, '');
      const { buffer } = text;
      t.ok(buffer.byteLength - text.length <= 1, 'not a part of a pool');
      text.fill(0);
      t.ok(new Uint8Array(buffer).every((byte) => byte === 0));
    }
});

t.test('the character behind an odd text says nothing of the bytes', async (t) => {
  const behind = new Set<number | undefined>();
  for (let byte = 0; byte < 256; byte++) {
    const text = writeAround('', new Uint8Array([byte, 255 - byte]), base64url, '');
    t.equal(text.length, 3);
    behind.add(new Uint8Array(text.buffer)[3]);
  }
  t.equal(behind.size, 1);
});
