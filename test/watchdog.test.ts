import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { startWatchdog } from '../src/watchdog.js';

t.test('alive is said for every answer, twice in the time that is allowed', async (t) => {
  let alive = 0;
  let answers = true;
  const limits: number[] = [];
  const end = startWatchdog({ alive: () => alive++, watchdogMs: 40 }, async (timeoutMs) => {
    limits.push(timeoutMs);
    return answers;
  });
  while (alive < 4) await setTimeout(5);
  answers = false;
  await setTimeout(1);
  const before = alive;
  await setTimeout(60);
  t.equal(alive, before, 'not without one');
  answers = true;
  while (alive === before) await setTimeout(5);
  end();
  const after = alive;
  await setTimeout(60);
  t.equal(alive, after, 'not after the end');
  t.ok(limits.every((limit) => limit === 20));
});

t.test('without a limit nothing is probed', async (t) => {
  startWatchdog({ alive: () => t.fail(), watchdogMs: undefined }, async () => {
    t.fail();
    return true;
  })();
});
