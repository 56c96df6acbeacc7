import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Call } from '../src/call.js';
import { Caller } from '../src/caller.js';

/** A caller, and the calls that it sent; each succeeds with its target or its method at once. */
function caller(signal?: AbortSignal, timeoutMs = 1000): { caller: Caller; sent: Call[] } {
  const sent: Call[] = [];
  const send = (call: Call) => {
    sent.push(call);
    call.start(0, () => {});
    call.succeed(call.target ?? call.method);
  };
  return { caller: new Caller({ send }, timeoutMs, signal), sent };
}

t.test('a method is called without parameters, bytes with their target', async (t) => {
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

t.test('the time is the call’s, or else the client’s', async (t) => {
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

t.test('both the client’s and the call’s signal end a call, also before it is sent', async (t) => {
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
  const { caller: from, sent } = caller();
  const fill = from.filler({ timeoutMs: 60, predictionResistance: true });
  await fill(new Uint8Array(1));
  await setTimeout(10);
  await fill(new Uint8Array(2));
  const [first, second] = sent as [Call, Call];
  t.ok(first.timeoutMs <= 60 && second.timeoutMs <= first.timeoutMs - 8);
  t.match(second.params, [2, { predictionResistance: true }]);
  await setTimeout(60);
  await t.rejects(fill(new Uint8Array(3)), {
    code: 'ERR_TIMEOUT',
    message: 'not all of the answers came in time',
  });
  t.equal(sent.length, 2);
  await t.resolves(from.filler({})(new Uint8Array(1)), 'or the client’s time');
});
