import t from 'tap';
import { NativeResult } from '../../src/common/package.js';
import { failure, noSource } from '../../src/generator/interface.js';

t.test('each result is an error of its own, with a reason if there is one', async (t) => {
  for (const [result, reason, code, message] of [
    [NativeResult.notSeeded, '', 'ERR_NOT_SEEDED', 'not serving: there is no seed yet'],
    [NativeResult.notSeeded, 'x', 'ERR_NOT_SEEDED', 'x'],
    [NativeResult.health, '', 'ERR_HEALTH', 'not serving: the generator failed'],
    [NativeResult.health, 'x', 'ERR_HEALTH', 'x'],
    [
      NativeResult.entropy,
      'x',
      'ERR_ENTROPY',
      'prediction resistance needs a live credited noise source, and none answers',
    ],
    [99, '', 'ERR_HEALTH', 'not serving: the generator failed'],
  ] as const)
    t.match(failure(result, reason), { code, message }, message);
});

t.test('the error for an unknown source lists the known ones', async (t) => {
  for (const [names, message] of [
    [[], 'no such noise source; there are none'],
    [['rdseed'], 'no such noise source; there are rdseed'],
    [['rdseed', 'hwrng'], 'no such noise source; there are rdseed, hwrng'],
  ] as const)
    t.match(noSource(names), { code: 'ERR_PARAMS', message });
});
