import t from 'tap';
import { causeOf, serves, stateLine } from '../../src/common/state.js';

t.test('bytes are served in three states', async (t) => {
  for (const [state, wanted] of [
    ['seeding', false],
    ['operational', true],
    ['degraded', true],
    ['error', false],
    ['fallback', true],
    ['of another version', false],
    ['constructor', false],
  ] as const)
    t.equal(serves(state), wanted, state);
});

t.test('a state in words says once whether bytes are served, and then why', async (t) => {
  for (const [state, reason, wanted] of [
    ['operational', '', 'operational, serving'],
    ['seeding', '', 'seeding, not serving'],
    ['error', 'not serving: x', 'error, not serving: x'],
    [
      'operational',
      'serving: seeded by getrandom(2) alone',
      'operational, serving: seeded by getrandom(2) alone',
    ],
    ['fallback', 'serving untested bytes: x', 'fallback, serving untested bytes: x'],
    ['degraded', 'hwrng lost', 'degraded, serving: hwrng lost'],
    ['error', 'servings of x', 'error, not serving: servings of x'],
    ['molten', '', 'molten'],
    ['molten', 'x', 'molten: x'],
    ['constructor', 'x', 'constructor: x'],
  ] as const)
    t.equal(stateLine(state, reason), wanted);
});

t.test('a cause is a reason without its consequence', async (t) => {
  for (const [reason, cause] of [
    ['serving: hwrng lost', 'hwrng lost'],
    ['not serving: serving: x', 'serving: x'],
    ['serving untested bytes', 'serving untested bytes'],
    ['hwrng lost', 'hwrng lost'],
    ['', ''],
  ] as const)
    t.equal(causeOf(reason), cause);
});
