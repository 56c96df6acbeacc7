import t, { type Test } from 'tap';
import { showProgress } from '../../src/commands/progress.js';

const mebibyte = 1024 * 1024;

/** Bars that the library would have shown. */
async function withBars(t: Test) {
  const bars: { value: number; total: number; stopped: boolean }[] = [];
  class SingleBar {
    readonly bar = { value: 0, total: 0, stopped: false };
    start(total: number, value: number) {
      Object.assign(this.bar, { total, value });
      bars.push(this.bar);
    }
    update(value: number) {
      this.bar.value = value;
    }
    stop() {
      this.bar.stopped = true;
    }
  }
  const progress = await t.mockImport<typeof import('../../src/commands/progress.js')>(
    '../../src/commands/progress.js',
    { 'cli-progress': { SingleBar } },
  );
  return { bars, show: progress.showProgress };
}

t.test(
  'long work has a bar on a terminal, which ends with the process at the latest',
  async (t) => {
    const { bars, show } = await withBars(t);
    t.intercept(process.stderr, 'isTTY', { value: true });
    const listeners = process.listenerCount('exit');
    const progress = await show(64 * mebibyte);
    t.equal(process.listenerCount('exit'), listeners + 1);
    progress.advance(mebibyte + 1);
    progress.advance(mebibyte);
    t.strictSame(bars, [{ value: 2, total: 64, stopped: false }]);
    progress.stop();
    t.match(bars, [{ stopped: true }]);
    t.equal(process.listenerCount('exit'), listeners);
  },
);

t.test('short work has none, nor has any without a terminal', async (t) => {
  const { bars, show } = await withBars(t);
  t.intercept(process.stderr, 'isTTY', { value: true });
  (await show(64 * mebibyte - 1)).advance(1);
  t.intercept(process.stderr, 'isTTY', { value: false });
  const none = await show(64 * mebibyte);
  none.advance(1);
  none.stop();
  t.strictSame(bars, []);
  t.equal(typeof showProgress, 'function');
});
