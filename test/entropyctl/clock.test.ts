import t from 'tap';
import { realClock } from '../../src/entropyctl/clock.js';

t.test('the clock goes on while one waits, and a signal ends the wait', async (t) => {
  const before = realClock.now();
  await realClock.wait(5);
  t.ok(realClock.now() > before);
  const waiting = realClock.wait(3_600_000, AbortSignal.abort());
  await t.rejects(waiting, { name: 'AbortError' });
});
