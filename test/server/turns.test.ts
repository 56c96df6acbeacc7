import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { Counters } from '../../src/counters.js';
import { RandomBatch } from '../../src/server/random-batch.js';
import { Turns } from '../../src/server/turns.js';
import { fakeGenerator } from '../support.js';

t.test('one turn in each turn of the event loop, in the order of asking', async (t) => {
  const turns = new Turns(new RandomBatch(fakeGenerator(), new Counters()));
  const log: string[] = [];
  turns.wait(() => {
    log.push('a');
    turns.wait(() => log.push('a again'));
  });
  turns.wait(() => log.push('b'));
  t.strictSame(log, [], 'never at once');
  for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'a again']]) {
    await setImmediate();
    t.strictSame(log, expected);
  }
  turns.wait(() => log.push('c'));
  await setImmediate();
  t.equal(log.at(-1), 'c', 'and later ones');
});

t.test('small answers that wait come first', async (t) => {
  const batch = new RandomBatch(fakeGenerator(), new Counters());
  const turns = new Turns(batch);
  const log: string[] = [];
  t.intercept(batch, 'answerNow', { value: () => log.push('batch') });
  turns.wait(() => log.push('turn'));
  await setImmediate();
  t.strictSame(log, ['batch', 'turn']);
});
