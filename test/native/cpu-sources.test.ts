import t from 'tap';
import { addon } from './addon.js';

// Probability of a false alarm in 128 MiB: 2^-13, mostly from the repetition count test, which sees 2^27
// bytes of 8 true bits with 2^-40 each. `npm run statistics` takes 1 GiB.
t.test('128 MiB of RDRAND raise no alarm', async (t) => {
  const alarms = addon.countAlarms('rdrand', 128);
  if (alarms === null) t.comment('this CPU has no RDRAND, or it does not answer: nothing to test');
  t.ok(alarms === 0 || alarms === null, `${alarms} alarms`);
});

t.test('32 MiB of RDSEED raise no alarm', async (t) => {
  const alarms = addon.countAlarms('rdseed', 32);
  if (alarms === null) t.comment('this CPU has no RDSEED, or it does not answer: nothing to test');
  t.ok(alarms === 0 || alarms === null, `${alarms} alarms`);
});

t.test('an instruction that is announced and never succeeds is absent, not failed', async (t) => {
  t.strictSame(addon.neverAnswers(), {
    state: 'absent',
    error: 'the instruction has never given a word',
  });
});
