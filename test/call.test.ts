import { getEventListeners } from 'node:events';
import t from 'tap';
import { Call } from '../src/call.js';

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
    t.equal(ends, 1, `${name}: the channel hears of it once`);
    t.equal(call.settled, true);
    t.equal(call.id, 7);
  }
});

t.test('a call that no channel has taken fails all the same', async (t) => {
  const { call, settled } = record();
  call.fail('full');
  t.strictSame(settled, [['rejected', 'full']]);
});

t.test('a call that failed gives up its target, of which the size stays known', async (t) => {
  const { call } = record();
  t.equal(call.target?.length, 4);
  call.fail(new Error('x'));
  t.equal(call.target, undefined);
  t.equal(call.size, 4);
  const other = { method: 'health', params: [], target: undefined, timeoutMs: 1, signals: [] };
  t.equal(new Call({ ...other, resolve() {}, reject() {} }).size, 0);
});

t.test('any of its signals ends a call from its start on; all are let go of then', async (t) => {
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
