import t from 'tap';
import { every, lasting } from '../../src/common/timer.js';

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

t.test(
  'a lasting result is shared while it is made and until it is old; a failure is not',
  async (t) => {
    let now = 0;
    let made = 0;
    const results = [
      () => Promise.reject(new Error('once')),
      () => Promise.resolve('first'),
      () => Promise.resolve('second'),
    ];
    const ask = lasting(
      () => (results[made++] as () => Promise<string>)(),
      10,
      () => now,
    );
    await t.rejects(Promise.all([ask(), ask()]), { message: 'once' });
    t.equal(made, 1);
    t.strictSame(await Promise.all([ask(), ask()]), ['first', 'first'], 'a failure is not kept');
    now = 9;
    t.equal(await ask(), 'first');
    now = 10;
    t.equal(await ask(), 'second');
    t.equal(made, 3);
  },
);
