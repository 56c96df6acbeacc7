import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { Channel, type Handler, MalformedMessage } from '../../../src/gateway/workers/channel.js';
import { fakeTimers } from '../../support/fake-timers.js';
import { programMs } from '../../support/until.js';

/** Two ends; what goes over is JSON, and is kept. */
function pair(handlers: Record<string, Handler>) {
  const sent: object[] = [];
  const over = (to: () => Channel) => (message: object) => {
    sent.push(message);
    to().receive(JSON.parse(JSON.stringify(message)));
  };
  const one: Channel = new Channel(
    over(() => other),
    {},
  );
  const other: Channel = new Channel(
    over(() => one),
    handlers,
  );
  return { one, other, sent };
}

t.test('what is said in one turn goes in one message, in order, and is answered', async (t) => {
  const heard: unknown[] = [];
  const { one, sent } = pair({
    note: (value) => void heard.push(value),
    double: (value) => (value as number) * 2,
    later: async (value) => value,
  });
  one.note('note', 'first');
  const answers = [one.ask('double', 4, programMs), one.ask('later', 'x', programMs)];
  one.note('note', 'last');
  t.strictSame(await Promise.all(answers), [8, 'x']);
  t.strictSame(heard, ['first', 'last']);
  t.equal((sent[0] as { says: unknown[] }).says.length, 4);
});

t.test('an error goes over with its code and key; others are defects', async (t) => {
  const { one } = pair({
    refuse: () => {
      throw new EntropyError('ERR_CONFIG', 'wrong', { key: 'gateway.apis' });
    },
    break: async () => {
      throw new TypeError('broken');
    },
  });
  await t.rejects(one.ask('refuse', null, programMs), {
    code: 'ERR_CONFIG',
    message: 'wrong',
    key: 'gateway.apis',
  });
  await t.rejects(one.ask('break', null, programMs), { code: 'ERR_INTERNAL', message: 'broken' });
});

t.test('who waits too long, or for nobody, learns so', async (t) => {
  const timers = fakeTimers(t);
  const { one } = pair({ never: () => new Promise(() => {}) });
  const late = one.ask('never', null, 500);
  await setImmediate();
  timers.advance(500);
  await t.rejects(late, { code: 'ERR_TIMEOUT' });
  const lost = one.ask('never', null, 500);
  one.close();
  await t.rejects(lost, { code: 'ERR_CLOSED' });
  await t.rejects(one.ask('never', null, 500), { code: 'ERR_CLOSED' });
  t.equal(timers.running, 0);
});

t.test('what is not a message is refused', async (t) => {
  const channel = new Channel(() => {}, {
    count: () => {
      throw new MalformedMessage('not a count');
    },
  });
  for (const message of [
    'x',
    { other: 1 },
    { says: 1 },
    { says: [[1, 'count']] },
    { says: [['1', 'count', 0]] },
    { says: [[-1, 'count', 0]] },
    { says: [[0.5, 'count', 0]] },
    { says: [[0, 7, 0]] },
    { says: [[0, 'nobody', 0]] },
    { says: [[0, '__proto__', 0]] },
    { says: [[0, 'count', 0]] },
    { says: [[1, 'count', 0]] },
    { says: new Array(4097).fill([0, 'count', 0]) },
    { answers: [[0, true, 0]] },
    { answers: [[1, 'yes', 0]] },
  ])
    t.throws(() => channel.receive(message), { name: 'MalformedMessage' }, JSON.stringify(message));
  t.doesNotThrow(() => channel.receive({ answers: [[99, true, 0]] }), 'an answer that came late');
});
