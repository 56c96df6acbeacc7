import { randomBytes } from 'node:crypto';
import t from 'tap';
import { validate, version } from 'uuid';
import { encodeUuid } from '../../src/formats/uuid.js';

t.test('version and variant replace their bits, all others are the bytes’', async (t) => {
  for (const [hex, uuid] of [
    ['00000000000000000000000000000000', '00000000-0000-4000-8000-000000000000'],
    ['ffffffffffffffffffffffffffffffff', 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
    ['00112233445566778899aabbccddeeff', '00112233-4455-4677-8899-aabbccddeeff'],
    ['123456789abcdef0f0debc9a78563412', '12345678-9abc-4ef0-b0de-bc9a78563412'],
  ] as const) {
    const bytes = Buffer.from(hex, 'hex');
    t.equal(encodeUuid(bytes), uuid);
    t.equal(bytes.toString('hex'), hex, 'left as they are');
  }
});

t.test('a part of a larger array is encoded alone', async (t) => {
  const bytes = randomBytes(48);
  t.equal(encodeUuid(bytes.subarray(16)), encodeUuid(Buffer.from([...bytes.subarray(16, 32)])));
});

t.test('each is a version 4 of RFC 9562, lower case', async (t) => {
  for (let i = 0; i < 200; i++) {
    const uuid = encodeUuid(randomBytes(16));
    t.ok(validate(uuid) && version(uuid) === 4 && uuid === uuid.toLowerCase(), uuid);
  }
});
