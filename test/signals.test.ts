import { getEventListeners } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { abortedOf, listen, unlisten } from '../src/signals.js';

t.test('the first aborted signal is found', async (t) => {
  const live = new AbortController().signal;
  const first = AbortSignal.abort(1);
  for (const [signals, wanted] of [
    [[], undefined],
    [[live], undefined],
    [[first], first],
    [[live, first, AbortSignal.abort(2)], first],
  ] as const)
    t.equal(abortedOf(signals), wanted);
});

t.test('a listener hears of each signal until it is taken back', async (t) => {
  const heard: unknown[] = [];
  const listeners = [
    (event: Event) => heard.push(event.target),
    { handleEvent: (event: Event) => heard.push(event.target) },
  ];
  for (const listener of listeners) {
    const [first, second] = [new AbortController(), new AbortController()];
    const signals = [first.signal, second.signal];
    listen(signals, listener);
    first.abort();
    t.strictSame(heard.splice(0), [first.signal]);
    unlisten(signals, listener);
    second.abort();
    t.strictSame(heard, []);
  }
});

t.test('many listeners of one signal are no leak', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const { signal } = new AbortController();
  for (let i = 0; i < 50; i++) listen([signal], () => {});
  t.equal(getEventListeners(signal, 'abort').length, 50);
  await setTimeout(1);
  t.strictSame(warnings, []);
});
