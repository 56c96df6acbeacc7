import t from 'tap';
import { FallbackGenerator } from '../../src/generator/fallback-generator.js';
import type { GeneratorState } from '../../src/generator/interface.js';

t.test('every report calls it the fallback', async (t) => {
  const seen: [GeneratorState, string][] = [];
  const generator = new FallbackGenerator('not built', (...transition) => seen.push(transition));
  const reason = 'serving untested bytes of node:crypto, without the addon: not built';
  t.strictSame(seen, [['fallback', reason]]);
  t.equal(generator.state(), 'fallback');
  t.strictSame(generator.status(), {
    state: 'fallback',
    healthy: false,
    reason,
    construction: '',
    sources: [],
    reseeds: 0,
    requestsSinceReseed: 0,
    secondsSinceReseed: 0,
    memoryLocked: false,
  });
  t.equal(await generator.selfTest(), false);
});

t.test('it fills, wipes and allocates as the interface says', async (t) => {
  const generator = new FallbackGenerator('not built', () => {});
  const target = new Uint8Array(96).fill(7);
  generator.fill(target, 32, 32);
  t.same(target.subarray(0, 32), new Uint8Array(32).fill(7));
  t.notSame(target.subarray(32, 64), new Uint8Array(32).fill(7), 'probability 2^-256');
  t.same(target.subarray(64), new Uint8Array(32).fill(7));
  t.throws(() => generator.fill(target, 90, 7), { name: 'RangeError' });
  generator.wipe(target, 1, 95);
  t.same(target, new Uint8Array(96).fill(7, 0, 1));
  t.same(generator.allocate(100), new Uint8Array(100));
  t.equal(generator.mix(), undefined, 'nothing is mixed in');
  t.equal(generator.reseed(), undefined);
  t.equal(generator.close(), undefined);
});

t.test('it has no prediction resistance, and leaves zeros', async (t) => {
  const generator = new FallbackGenerator('not built', () => {});
  const target = new Uint8Array(8).fill(7);
  await t.rejects(generator.fillPredictionResistant(target, 2, 4), { code: 'ERR_ENTROPY' });
  t.same(target, new Uint8Array(8).fill(7).fill(0, 2, 6));
});

t.test('it has no noise sources', async (t) => {
  await t.rejects(new FallbackGenerator('not built', () => {}).noise(), {
    code: 'ERR_PARAMS',
    message: 'no such noise source; there are none',
  });
});
