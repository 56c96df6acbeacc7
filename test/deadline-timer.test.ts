import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { DeadlineTimer } from '../src/deadline-timer.js';

/** Far beyond what any of these tests waits for. */
const farMs = 60_000;

/** Timers count in whole milliseconds, and may be early by one. */
const clockMs = 1;

t.test('it goes off at the earliest deadline, not before, and once', async (t) => {
  for (const offsets of [
    [40],
    [40, 80, farMs],
    [farMs, 80, 40],
    [40, 40],
    [Number.POSITIVE_INFINITY, 40],
  ]) {
    const fired: number[] = [];
    const timer = new DeadlineTimer((now) => fired.push(now));
    const start = performance.now();
    for (const offset of offsets) timer.watch(start + offset);
    await setTimeout(60);
    while (fired.length === 0) await setTimeout(1);
    t.equal(fired.length, 1, `${offsets}`);
    t.ok((fired[0] as number) >= start + 40 - clockMs, `${offsets}: not before`);
    timer.stop();
  }
});

t.test('a deadline that is over is due at once', async (t) => {
  const start = performance.now();
  const fired: number[] = [];
  new DeadlineTimer((now) => fired.push(now)).watch(start - 5);
  while (fired.length === 0) await setTimeout(1);
  t.ok((fired[0] as number) >= start);
});

t.test('what is not due is watched again', async (t) => {
  const start = performance.now();
  const deadlines = [start + 10, start + 30];
  const fired: number[] = [];
  const timer = new DeadlineTimer((now) => {
    fired.push(now);
    for (const deadline of deadlines) if (deadline > now) timer.watch(deadline);
  });
  for (const deadline of deadlines) timer.watch(deadline);
  while ((fired.at(-1) ?? 0) < start + 30) await setTimeout(1);
  t.ok(fired.length >= 2);
});

t.test('a timer that was stopped does not go off, and may watch again', async (t) => {
  let fired = 0;
  const timer = new DeadlineTimer(() => fired++);
  timer.stop();
  timer.watch(performance.now() + 5);
  timer.stop();
  await setTimeout(20);
  t.equal(fired, 0);
  timer.watch(performance.now() + 5);
  while (fired === 0) await setTimeout(1);
  t.equal(fired, 1);
});

t.test('deadlines beyond what a timer can wait for do not go off at once', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  for (const deadline of [2 ** 31 + 1e6, 1e15, Number.POSITIVE_INFINITY]) {
    let fired = 0;
    const timer = new DeadlineTimer(() => fired++);
    timer.watch(deadline);
    await setTimeout(20);
    t.equal(fired, 0, `${deadline}`);
    timer.stop();
  }
  t.strictSame(warnings, [], 'no timer overflowed');
});
