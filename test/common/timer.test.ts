import t from 'tap';
import { every } from '../../src/common/timer.js';

/** Resolves after so many runs of a timer, which it then stops. */
function runs(wanted: number, onRun: () => void = () => {}): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const stop = every(() => {
      onRun();
      if (++count < wanted) return;
      stop();
      resolve();
    }, 1);
  });
}

t.test('the action runs again and again until it is stopped', async (t) => {
  // The timers themselves keep no process alive.
  const alive = setInterval(() => {}, 60_000);
  t.teardown(() => clearInterval(alive));
  let count = 0;
  await runs(3, () => count++);
  await runs(3);
  t.equal(count, 3, 'no run while another timer of the same period ran three times');
});
