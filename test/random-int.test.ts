import fc from 'fast-check';
import t from 'tap';
import { randomInt } from '../src/random-int.js';

/** Gives candidates of 48 bits one after another; fails where there are no more. */
function script(...candidates: number[]) {
  const targets: Uint8Array[] = [];
  const fill = async (target: Uint8Array) => {
    targets.push(target);
    const candidate = candidates.shift();
    if (candidate === undefined) throw new Error('no more candidates');
    Buffer.from(target.buffer).writeUIntBE(candidate, 0, 6);
  };
  return { fill, left: candidates, targets };
}

const all = 2 ** 48;

t.test(
  'candidates below the largest multiple of the range are taken, others drawn again',
  async (t) => {
    for (const [name, min, max, candidates, wanted] of [
      ['the first', 0, 10, [0], 0],
      ['by its remainder', 0, 10, [27], 7],
      // 2^48 = 28,147,497,671,065 * 10 + 6
      ['the last taken', 0, 10, [all - 7], 9],
      ['the first of the rest', 0, 10, [all - 6, 3], 3],
      ['the last of the rest', 0, 10, [all - 1, all - 3, all - 7], 9],
      ['a power of two has no rest', 0, 256, [all - 1], 255],
      ['one number', 5, 6, [all - 1], 5],
      ['the largest range', 0, all, [all - 1], all - 1],
      ['one less', 0, all - 1, [all - 1, all - 2], all - 2],
      ['the most rejections: just over a half', 0, all / 2 + 1, [all / 2 + 1, all / 2], all / 2],
      ['below zero', -5, 5, [0], -5],
      ['across zero', -5, 5, [9], 4],
      ['at the low end', Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER + 3, [4], -(2 ** 53) + 2],
      ['at the high end', 2 ** 53 - 4, 2 ** 53 - 1, [5], 2 ** 53 - 2],
    ] as const) {
      const { fill, left, targets } = script(...candidates);
      t.equal(await randomInt(min, max, fill), wanted, name);
      t.equal(left.length, 0, `${name}: as many as needed`);
      t.strictSame(targets.at(-1), new Uint8Array(6), `${name}: wiped`);
    }
  },
);

t.test('every remainder has as many candidates as any other', async (t) => {
  // The rule of the bound, in exact integers.
  const range = fc.integer({ min: 1, max: all });
  const property = fc.asyncProperty(range, async (max) => {
    const accepted = (BigInt(all) / BigInt(max)) * BigInt(max);
    const last = script(Number(accepted - 1n));
    const isTaken = (await randomInt(0, max, last.fill)) === max - 1;
    if (accepted === BigInt(all)) return isTaken;
    const first = script(Number(accepted), 0);
    return isTaken && (await randomInt(0, max, first.fill)) === 0 && first.left.length === 0;
  });
  await t.resolves(fc.assert(property));
});

t.test('arguments out of range are refused without a draw', async (t) => {
  const notSafe = (name: string) => `${name}: want a safe integer`;
  const range = 'max: want an integer of min + 1 to min + 2^48';
  for (const [min, max, message] of [
    [0, 0, range],
    [0, -1, range],
    [5, 5, range],
    [0, all + 1, range],
    [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, range],
    [0, 1.5, notSafe('max')],
    [0, 2 ** 53, notSafe('max')],
    [0, Number.NaN, notSafe('max')],
    [0, '5', notSafe('max')],
    [0.5, 5, notSafe('min')],
    [Number.NEGATIVE_INFINITY, 5, notSafe('min')],
  ] as const) {
    const { fill, targets } = script(0);
    await t.rejects(
      randomInt(min, max as number, fill),
      { code: 'ERR_PARAMS', message },
      `${min}, ${max}`,
    );
    t.equal(targets.length, 0);
  }
});

t.test('a draw that fails ends it', async (t) => {
  const { fill, targets } = script(all - 1);
  await t.rejects(randomInt(0, 10, fill), { message: 'no more candidates' });
  t.strictSame(targets.at(-1), new Uint8Array(6), 'wiped');
});
