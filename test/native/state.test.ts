import t from 'tap';
import { addon } from './addon.js';

type State = 'absent' | 'testing' | 'passing' | 'waiting' | 'lost' | 'failed';

/** 17 minutes after the start, by the seconds of this table. */
const now = 1020;
const seeded = { present: true, since: now - 240, renewed: true };
const overdue = { ...seeded, since: now - 420, overdue: true };
const unseeded = { present: false, since: now - 41 };

/** The condition of RDSEED, RDRAND, an uncredited device and getrandom(2), each for 15 minutes. */
function decide(
  profile: 'default' | 'strict',
  [rdseed, rdrand, hwrng, kernel]: readonly [State, State, State, State],
  seed: { present: boolean; since: number; overdue?: boolean; renewed?: boolean } = seeded,
): string {
  const since = now - 900;
  const alarm = 'equal words';
  const error = 'No such device';
  const sources = [
    { name: 'rdseed', role: 'seed', credit: 4, words: true, state: rdseed },
    { name: 'rdrand', role: 'additional', credit: 0, words: true, state: rdrand },
    { name: 'hwrng', role: 'seed', credit: 0, state: hwrng },
    { name: 'getrandom', role: 'kernel', credit: 0, state: kernel },
  ].map((source) => ({ ...source, since, alarm, error }));
  const ofKernel = profile === 'default' && rdseed !== 'passing' && seed.present;
  const { state, reason } = addon.decide(profile, sources, { ...seed, ofKernel }, now);
  return reason === '' ? state : `${state}: ${reason}`;
}

const failed = (name: string) =>
  `${name} failed a health test (equal words) 15 min ago; entropyctl selftest tests it again`;
const onKernel = 'serving: seeded by getrandom(2) alone';

t.test('default: getrandom(2) is credited if nothing else is', async (t) => {
  for (const [sources, wanted, seed] of [
    [['passing', 'passing', 'passing', 'passing'], 'operational'],
    [['passing', 'absent', 'absent', 'passing'], 'operational'],
    [['passing', 'passing', 'testing', 'passing'], 'operational'],
    [
      ['absent', 'absent', 'absent', 'passing'],
      `operational: ${onKernel}, no creditable hardware source`,
    ],
    [
      ['testing', 'passing', 'absent', 'passing'],
      `operational: ${onKernel}, rdseed not tested yet`,
    ],
    [
      ['waiting', 'passing', 'absent', 'passing'],
      `operational: ${onKernel}, rdseed busy for 15 min, seed 4 min old`,
    ],
    [
      ['passing', 'passing', 'waiting', 'passing'],
      'operational: serving: hwrng silent for 15 min, seed 4 min old',
    ],
    [['failed', 'passing', 'absent', 'passing'], `degraded: ${onKernel}, ${failed('rdseed')}`],
    [
      ['passing', 'failed', 'lost', 'passing'],
      `degraded: serving: ${failed('rdrand')}, hwrng lost 15 min ago (No such device)`,
    ],
    [['passing', 'passing', 'passing', 'failed'], `degraded: serving: ${failed('getrandom')}`],
    [['absent', 'absent', 'absent', 'failed'], `error: not serving: ${failed('getrandom')}`],
    [
      ['testing', 'passing', 'absent', 'testing'],
      'seeding: not serving: waiting 41 s for the first seed from rdseed',
      unseeded,
    ],
  ] as const)
    t.equal(decide('default', sources, seed), wanted, sources.join(' '));
});

t.test('strict: getrandom(2) is never credited', async (t) => {
  const none = 'not serving: no noise source that profile strict credits';
  for (const [sources, wanted, seed] of [
    [['passing', 'passing', 'passing', 'passing'], 'operational'],
    [['absent', 'passing', 'passing', 'passing'], `seeding: ${none}`, unseeded],
    [['failed', 'passing', 'passing', 'passing'], `error: not serving: ${failed('rdseed')}`],
    [
      ['testing', 'passing', 'passing', 'passing'],
      'seeding: not serving: waiting 41 s for the first seed from rdseed',
      unseeded,
    ],
    [
      ['waiting', 'passing', 'passing', 'passing'],
      'operational: serving: rdseed busy for 15 min, seed 4 min old',
    ],
    [
      ['waiting', 'passing', 'passing', 'passing'],
      'degraded: serving: rdseed busy for 15 min, seed 7 min old, which is over its limit',
      overdue,
    ],
    [
      ['lost', 'passing', 'passing', 'passing'],
      'degraded: serving: rdseed lost 15 min ago (No such device)',
    ],
    [
      ['lost', 'passing', 'passing', 'passing'],
      'seeding: not serving: rdseed lost 15 min ago (No such device)',
      overdue,
    ],
    [
      ['passing', 'passing', 'passing', 'lost'],
      'seeding: not serving: getrandom lost 15 min ago (No such device)',
    ],
  ] as const)
    t.equal(decide('strict', sources, seed), wanted, sources.join(' '));
});
