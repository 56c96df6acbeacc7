import t from 'tap';
import { Cached } from '../../src/common/cached.js';

t.test('a value is made once in a period for each key, and shared while it is made', async (t) => {
  let now = 0;
  let made = 0;
  const cached = new Cached<number>(1_000, () => now);
  const make = async () => ++made;
  t.strictSame(await Promise.all([cached.get('a', make), cached.get('a', make)]), [1, 1]);
  now = 999;
  t.equal(await cached.get('a', make), 1);
  now = 1_000;
  t.equal(await cached.get('a', make), 2);
  t.equal(await cached.get('b', make), 3, 'another key');
});

t.test('a failure is not kept', async (t) => {
  const cached = new Cached<string>(1_000, () => 0);
  await t.rejects(
    cached.get('', () => Promise.reject(new Error('not now'))),
    { message: 'not now' },
  );
  t.equal(await cached.get('', async () => 'now'), 'now');
});
