import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { hmacKey } from '../../../src/apis/signing/hmac.js';

t.test('RFC 4231, test cases 1 to 3', async (t) => {
  for (const [key, text, mac] of [
    [
      Buffer.alloc(20, 0x0b),
      'Hi There',
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      Buffer.from('Jefe'),
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      Buffer.alloc(20, 0xaa),
      '\xdd'.repeat(50),
      '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    ],
  ] as const)
    t.equal(hmacKey(key).sign(text), mac);
});

t.test('any key and text, one after the other, are as createHmac has them', async (t) => {
  const text = fc.string({ maxLength: 1200, unit: 'binary-ascii' });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(text), (bytes, texts) => {
        const wanted = (text: string) => createHmac('sha256', bytes).update(text).digest('hex');
        const all = texts.map((text) => [text, wanted(text)] as const);
        const key = hmacKey(Uint8Array.from(bytes));
        return all.every(([text, mac]) => key.sign(text) === mac);
      }),
    ),
  );
});

t.test('the key given is wiped, and a wiped key signs nothing', async (t) => {
  const bytes = Buffer.alloc(32, 1);
  const key = hmacKey(bytes);
  t.ok(bytes.every((byte) => byte === 0));
  key.wipe();
  t.throws(() => key.sign('text'), { message: 'the key was wiped' });
  t.throws(() => hmacKey(Buffer.alloc(65)), RangeError);
});
