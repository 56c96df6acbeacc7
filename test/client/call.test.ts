import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { abortedOf, Call, Caller, listen, unlisten } from '../../src/client/call.js';
import { FakeClock } from '../support/clock.js';

/** A call that records how it was settled. */
function record(signals: readonly AbortSignal[] = []): { call: Call; settled: unknown[] } {
  const settled: unknown[] = [];
  const call = new Call({
    method: 'random',
    params: undefined,
    target: new Uint8Array(4),
    timeoutMs: 1000,
    signals,
    resolve: (result) => settled.push(['resolved', result]),
    reject: (reason) => settled.push(['rejected', reason]),
  });
  return { call, settled };
}

t.test('a call is settled once, whatever comes afterwards', async (t) => {
  const reason = new Error('x');
  const succeed = (call: Call) => call.succeed('result');
  const fail = (call: Call) => call.fail(reason);
  for (const [name, acts, wanted] of [
    ['succeeds', [succeed], ['resolved', 'result']],
    ['succeeds twice', [succeed, succeed], ['resolved', 'result']],
    ['succeeds, then fails', [succeed, fail], ['resolved', 'result']],
    ['fails', [fail], ['rejected', reason]],
    ['fails twice', [fail, fail], ['rejected', reason]],
    ['fails, then succeeds', [fail, succeed], ['rejected', reason]],
  ] as const) {
    const { call, settled } = record();
    let ends = 0;
    call.start(7, () => ends++);
    t.equal(call.settled, false);
    for (const act of acts) act(call);
    t.strictSame(settled, [wanted], name);
    t.equal(ends, 1, `${name}: onEnd is called once`);
    t.equal(call.settled, true);
    t.equal(call.id, 7);
  }
});

t.test('a call that was never queued can fail', async (t) => {
  const { call, settled } = record();
  call.fail('full');
  t.strictSame(settled, [['rejected', 'full']]);
});

t.test('a call that failed wipes its target, gives it up and still knows its size', async (t) => {
  const { call } = record();
  const { target } = call;
  t.equal(target?.length, 4);
  target?.fill(1);
  call.fail(new Error('x'));
  t.strictSame(target, new Uint8Array(4));
  t.equal(call.target, undefined);
  t.equal(call.size, 4);
  const other = { method: 'health', params: [], target: undefined, timeoutMs: 1, signals: [] };
  t.equal(new Call({ ...other, resolve() {}, reject() {} }).size, 0);
});

t.test('each signal ends a call from its start on; then all are released', async (t) => {
  const reason = new Error('no longer needed');
  for (const end of [0, 1, 'succeed', 'fail'] as const) {
    const controllers = [new AbortController(), new AbortController()] as const;
    const signals = controllers.map(({ signal }) => signal);
    const listeners = () => signals.map((signal) => getEventListeners(signal, 'abort').length);
    const { call, settled } = record(signals);
    t.strictSame(listeners(), [0, 0]);
    call.start(0, () => {});
    t.strictSame(listeners(), [1, 1]);
    if (end === 'succeed') call.succeed(reason);
    else if (end === 'fail') call.fail(reason);
    else controllers[end].abort(reason);
    t.strictSame(settled, [[end === 'succeed' ? 'resolved' : 'rejected', reason]]);
    t.strictSame(listeners(), [0, 0]);
  }
});

/** A caller, and the calls that it sent; each succeeds with its target or its method at once. */
function caller(signal?: AbortSignal): { caller: Caller; sent: Call[]; clock: FakeClock } {
  const sent: Call[] = [];
  const clock = new FakeClock();
  const send = (call: Call) => {
    sent.push(call);
    call.start(0, () => {});
    call.succeed(call.target ?? call.method);
  };
  return { caller: new Caller({ send }, 1000, signal, clock.now), sent, clock };
}

t.test('a method is called without parameters, random with its target', async (t) => {
  const { caller: from, sent } = caller();
  const target = new Uint8Array(5);
  const fresh = [5, { predictionResistance: true }];
  t.equal(await from.call('health', {}), 'health');
  t.equal(await from.fill(target, {}), target);
  await from.fill(target, { predictionResistance: false });
  await from.fill(target, { predictionResistance: true });
  t.strictSame(
    sent.map(({ method, params, size, target }) => [method, params, size, target]),
    [
      ['health', [], 0, undefined],
      ['random', undefined, 5, target],
      ['random', undefined, 5, target],
      ['random', fresh, 5, target],
    ],
  );
});

t.test('the timeout is the call’s, or else the client’s', async (t) => {
  const { caller: from, sent } = caller();
  await from.call('health', {});
  await from.call('health', { timeoutMs: 7 });
  t.strictSame(
    sent.map(({ timeoutMs }) => timeoutMs),
    [1000, 7],
  );
  const wrong = { code: 'ERR_PARAMS' };
  for (const timeoutMs of [0, -1, Number.NaN]) {
    await t.rejects(from.call('health', { timeoutMs }), wrong);
    t.throws(() => from.filler({ timeoutMs }), wrong);
  }
  t.equal(sent.length, 2);
});

t.test('the client’s and the call’s signal both end a call, even before it is sent', async (t) => {
  const [ours, theirs] = [new AbortController(), new AbortController()];
  for (const [client, call, wanted] of [
    [undefined, undefined, []],
    [ours.signal, undefined, [ours.signal]],
    [undefined, theirs.signal, [theirs.signal]],
    [ours.signal, theirs.signal, [ours.signal, theirs.signal]],
  ] as const) {
    const { caller: from } = caller(client);
    t.strictSame(from.signals(call ? { signal: call } : {}), wanted);
  }
  const reason = new Error('no longer needed');
  ours.abort(reason);
  const { caller: from, sent } = caller(ours.signal);
  await t.rejects(from.call('health', {}), reason);
  t.equal(sent.length, 0);
});

t.test('a filler has the time of one call for all its arrays', async (t) => {
  const { caller: from, sent, clock } = caller();
  const fill = from.filler({ timeoutMs: 60, predictionResistance: true });
  await fill(new Uint8Array(1));
  clock.advance(10);
  await fill(new Uint8Array(2));
  t.match(sent, [{ timeoutMs: 60 }, { timeoutMs: 50 }]);
  t.match(sent[1]?.params, [2, { predictionResistance: true }]);
  clock.advance(50);
  await t.rejects(fill(new Uint8Array(3)), {
    code: 'ERR_TIMEOUT',
    message: 'not all responses arrived in time',
  });
  t.equal(sent.length, 2);
  await t.resolves(from.filler({})(new Uint8Array(1)), 'the client’s time by default');
});

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

t.test('a listener is called for each signal until it is removed', async (t) => {
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

t.test('many listeners of one signal are not reported as a leak', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const { signal } = new AbortController();
  for (let i = 0; i < 50; i++) listen([signal], () => {});
  t.equal(getEventListeners(signal, 'abort').length, 50);
  // Warnings are emitted in the next tick.
  await setImmediate();
  t.strictSame(warnings, []);
});
