import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { Repeats } from '../src/repeats.js';

/** Milliseconds; long enough for a slow machine to do some things in one period. */
const period = 100;

function memoryLog() {
  const records: object[] = [];
  return {
    records,
    warn: (fields: object, message: string) => void records.push({ message, ...fields }),
  };
}

t.test('the first of a kind is told, then how many more there were in a period', async (t) => {
  const log = memoryLog();
  const repeats = new Repeats(log, period);
  for (let i = 0; i < 1000; i++) repeats.warn('failed', 'A', { code: 'A', requestId: i });
  repeats.warn('failed', 'B', { code: 'B' });
  repeats.warn('cut off', 'A', { code: 'A' });
  const first = [
    { message: 'failed', code: 'A', requestId: 0 },
    { message: 'failed', code: 'B' },
    { message: 'cut off', code: 'A' },
  ];
  t.strictSame(log.records, first);
  await setTimeout(1.5 * period);
  t.strictSame(log.records.slice(3), [
    { message: 'failed: 999 more of the kind', code: 'A', count: 999 },
  ]);
  repeats.close();
});

t.test('after a period without one, the next is a first again', async (t) => {
  const log = memoryLog();
  const repeats = new Repeats(log, period);
  repeats.warn('failed', 'A', { requestId: 1 });
  await setTimeout(1.5 * period);
  repeats.warn('failed', 'A', { requestId: 2 });
  t.strictSame(log.records, [
    { message: 'failed', requestId: 1 },
    { message: 'failed', requestId: 2 },
  ]);
  repeats.close();
});

t.test('at the end what is not told yet is told', async (t) => {
  const log = memoryLog();
  const repeats = new Repeats(log, period);
  for (let i = 0; i < 3; i++) repeats.warn('failed', 'A', {});
  repeats.close();
  t.match(log.records[1], { count: 2 });
  await setTimeout(1.5 * period);
  t.equal(log.records.length, 2, 'and no timer is left');
});

t.test('kinds are bounded', async (t) => {
  const log = memoryLog();
  const repeats = new Repeats(log, period);
  for (let i = 0; i < 1000; i++) repeats.warn('failed', `kind ${i}`, {});
  t.equal(log.records.length, 64);
  repeats.close();
});
