import t from 'tap';
import { randomUuid } from '../src/random-uuid.js';

t.test('a UUID is made of 16 bytes, which are wiped', async (t) => {
  let given: Uint8Array | undefined;
  const fill = async (target: Uint8Array) => {
    given = target.fill(0xaa);
  };
  t.equal(await randomUuid(fill), 'aaaaaaaa-aaaa-4aaa-aaaa-aaaaaaaaaaaa');
  t.strictSame(given, new Uint8Array(16));
});

t.test('what came before a failure is wiped too', async (t) => {
  let given: Uint8Array | undefined;
  const failure = new Error('x');
  const fill = async (target: Uint8Array) => {
    given = target.fill(0xaa);
    throw failure;
  };
  await t.rejects(randomUuid(fill), failure);
  t.strictSame(given, new Uint8Array(16));
});
