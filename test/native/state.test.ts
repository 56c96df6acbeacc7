import t from 'tap';
import { addon } from './addon.js';

type State = 'absent' | 'testing' | 'passing' | 'lost' | 'failed';

const onGetrandom = 'no creditable hardware source: seeded by getrandom(2)';

/** The condition of RDSEED, RDRAND, an uncredited device and getrandom(2). */
function decide(
  profile: 'default' | 'strict',
  [rdseed, rdrand, hwrng, kernel]: [State, State, State, State],
) {
  const { state, reason } = addon.decide(profile, [
    { name: 'rdseed', role: 'seed', credit: 4, state: rdseed },
    { name: 'rdrand', role: 'additional', credit: 0, state: rdrand },
    { name: 'hwrng', role: 'seed', credit: 0, state: hwrng },
    { name: 'getrandom', role: 'kernel', credit: 0, state: kernel },
  ]);
  return reason === '' ? state : `${state}: ${reason}`;
}

t.test('default: getrandom(2) is credited if nothing else is', async (t) => {
  const cases: [[State, State, State, State], string][] = [
    [['passing', 'passing', 'passing', 'passing'], 'operational'],
    [['passing', 'absent', 'absent', 'passing'], 'operational'],
    [['passing', 'passing', 'testing', 'passing'], 'operational'],
    [['absent', 'absent', 'absent', 'passing'], `operational: ${onGetrandom}`],
    [['failed', 'passing', 'absent', 'passing'], 'degraded: rdseed failed: seeded by getrandom(2)'],
    [['passing', 'failed', 'lost', 'passing'], 'degraded: rdrand failed, hwrng lost'],
    [['passing', 'passing', 'passing', 'failed'], 'degraded: getrandom failed'],
    [['absent', 'absent', 'absent', 'failed'], 'error: no credited noise source: getrandom failed'],
    [['testing', 'passing', 'absent', 'testing'], 'seeding: startup test of the credited source'],
  ];
  for (const [sources, wanted] of cases)
    t.equal(decide('default', sources), wanted, sources.join(' '));
});

t.test('strict: getrandom(2) is never credited', async (t) => {
  const cases: [[State, State, State, State], string][] = [
    [['passing', 'passing', 'passing', 'passing'], 'operational'],
    [['absent', 'passing', 'passing', 'passing'], 'error: no credited noise source'],
    [['failed', 'passing', 'passing', 'passing'], 'error: no credited noise source: rdseed failed'],
    [['testing', 'passing', 'passing', 'passing'], 'seeding: startup test of the credited source'],
  ];
  for (const [sources, wanted] of cases)
    t.equal(decide('strict', sources), wanted, sources.join(' '));
});
