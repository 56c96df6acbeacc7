import t from 'tap';
import { addon } from './addon.js';

// A false alarm in 1 GiB: 2^30 bytes through the repetition count test at 8 true bits, 2^-40 each,
// is the largest part: 2^-10.
t.test('1 GiB of RDRAND raises no alarm', { timeout: 300_000 }, async (t) => {
  const alarms = addon.countAlarms('rdrand', 1024);
  if (alarms === null) t.comment('this CPU has no RDRAND: nothing to test');
  t.ok(alarms === 0 || alarms === null, `${alarms} alarms`);
});

t.test('32 MiB of RDSEED raise no alarm', { timeout: 300_000 }, async (t) => {
  const alarms = addon.countAlarms('rdseed', 32);
  if (alarms === null) t.comment('this CPU has no RDSEED: nothing to test');
  t.ok(alarms === 0 || alarms === null, `${alarms} alarms`);
});
