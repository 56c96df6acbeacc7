import t from 'tap';
import { addon } from './addon.js';

// Probability of a false alarm in 1 GiB: 2^-10, mostly from the repetition count test, which sees 2^30
// bytes of 8 true bits with 2^-40 each.
t.test('1 GiB of RDRAND raises no alarm', { timeout: 300_000 }, async (t) => {
  const alarms = addon.countAlarms('rdrand', 1024);
  if (alarms === null) t.comment('this CPU has no RDRAND, or it does not answer: nothing to test');
  t.ok(alarms === 0 || alarms === null, `${alarms} alarms`);
});

t.test('32 MiB of RDSEED raise no alarm', { timeout: 300_000 }, async (t) => {
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
