import t, { type Test } from 'tap';
import type { LocalMix as Mix } from '../../src/client/local-mixing.js';

/** A mix that draws the numbers 1, 2 ... 250, 1 ... */
async function counting(t: Test): Promise<{ mix: Mix; draws: Uint8Array[] }> {
  const draws: Uint8Array[] = [];
  const { LocalMix } = await t.mockImport<typeof import('../../src/client/local-mixing.js')>(
    '../../src/client/local-mixing.js',
    {
      'node:crypto': {
        randomFillSync(target: Uint8Array, offset: number, size: number) {
          for (let i = 0; i < size; i++) target[offset + i] = (i % 250) + 1;
          draws.push(target);
        },
      },
    },
  );
  return { mix: new LocalMix(64), draws };
}

t.test(
  'every byte is XORed with a byte of the draw, at any source and target offset',
  async (t) => {
    const { mix } = await counting(t);
    for (const size of [1, 7, 8, 9, 255, 256, 257, 263, 1000, 1024])
      for (let at = 0; at < 9; at++)
        for (const offset of [0, 1, 3, 7, 8]) {
          const from = new Uint8Array(at + size).fill(0xff);
          const target = new Uint8Array(offset + size + 3);
          mix.draw(from.length);
          mix.copy(from, at, size, target, offset);
          const mixed = target.subarray(offset, offset + size);
          const first = (mixed[0] as number) ^ 0xff;
          let right = !target.subarray(0, offset).some(Boolean);
          for (let i = 0; i < size; i++)
            right &&= (mixed[i] as number) === (0xff ^ (((first - 1 + i) % 250) + 1));
          right &&= !target.subarray(offset + size).some(Boolean);
          if (!right) t.fail(`${size} bytes from ${at} to ${offset}`);
        }
    t.pass('all sizes and places');
  },
);

t.test('no byte of a draw is used twice, and a draw has enough', async (t) => {
  const { mix } = await counting(t);
  // Zeros become the bytes that they were mixed with; fewer than 250 of them do not repeat.
  const from = new Uint8Array(600);
  const target = new Uint8Array(600);
  mix.draw(240);
  let at = 0;
  const used: number[] = [];
  for (const size of [20, 1, 30, 64, 9, 32]) {
    mix.copy(from, at, size, target, at);
    used.push(...target.subarray(at, at + size));
    at += size + 10;
  }
  t.equal(new Set(used).size, used.length);
  t.notOk(used.includes(0));
});

t.test('a draw has room for what alignment skips', async (t) => {
  const { LocalMix } = await import('../../src/client/local-mixing.js');
  const header = 13;
  for (let offset = 0; offset < 8; offset++) {
    const mix = new LocalMix(64);
    const read = new Uint8Array(20 * (header + 256));
    const target = new Uint8Array(300);
    mix.draw(read.length);
    // The first piece has no header: the read began within its response.
    for (let at = 0; at + 256 <= read.length; at += 256 + header) {
      target.fill(0);
      mix.copy(read, at, 256, target, offset);
      // False alarm: 32 zero bytes in a row, 2^-248.
      t.notOk(Buffer.from(target.subarray(offset, offset + 256)).includes(Buffer.alloc(32)));
    }
  }
});

t.test('a draw is wiped', async (t) => {
  const { mix, draws } = await counting(t);
  mix.draw(1000);
  mix.wipe();
  t.notOk(draws[0]?.some(Boolean));
});
