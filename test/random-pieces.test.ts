import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { fillPieces } from '../src/random-pieces.js';
import { maxRandomSize } from '../src/rpc/protocol.js';

t.test('an array is filled piece by piece, with so many under way at most', async (t) => {
  for (const [size, atOnce, wanted] of [
    [1, 4, [1]],
    [maxRandomSize, 4, [maxRandomSize]],
    [maxRandomSize + 1, 4, [maxRandomSize, 1]],
    [6 * maxRandomSize, 4, Array(6).fill(maxRandomSize)],
    [3 * maxRandomSize + 5, 1, [maxRandomSize, maxRandomSize, maxRandomSize, 5]],
  ] as const) {
    const sizes: number[] = [];
    let underWay = 0;
    let most = 0;
    const target = new Uint8Array(size);
    await fillPieces(
      target,
      async (piece) => {
        sizes.push(piece.length);
        most = Math.max(most, ++underWay);
        await setTimeout(1);
        piece.fill(sizes.length);
        underWay--;
      },
      atOnce,
    );
    t.strictSame(sizes, wanted, `${size} bytes`);
    t.equal(most, Math.min(atOnce, wanted.length));
    t.notOk(target.includes(0), 'all of it');
  }
});

t.test('the first failure is thrown once all have settled, and the array is zero', async (t) => {
  const draws: { resolve(): void; reject(reason: unknown): void }[] = [];
  const target = new Uint8Array(20 * maxRandomSize);
  let isDone = false;
  const fill = (piece: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      piece.fill(0xaa);
      draws.push({ resolve, reject });
    });
  const done = fillPieces(target, fill, 3).finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  draws[2]?.reject(new Error('first'));
  await setTimeout(1);
  draws[0]?.reject(new Error('second'));
  await setTimeout(1);
  t.notOk(isDone, 'one is under way');
  draws[1]?.resolve();
  await t.rejects(done, { message: 'first' });
  t.equal(draws.length, 3, 'nothing is begun after a failure');
  t.notOk(target.some((byte) => byte !== 0));
});

t.test('a failure without a reason is one too', async (t) => {
  const filling = fillPieces(new Uint8Array(8), () => Promise.reject(undefined), 1);
  t.strictSame(await filling.catch((reason) => [reason]), [undefined]);
});
