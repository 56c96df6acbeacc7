import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { lookMs, settleMs } from '../../src/gateway/file-watch.js';
import { Reloads } from '../../src/gateway/reloads.js';
import { memoryLog } from '../support/gateway.js';
import { gate, until } from '../support/until.js';

/** Reloads of one file, whose time a test turns by hand. `load` fails with `fault.message` if there is one. */
async function start(t: Test) {
  const credentials = join(t.testdir({ file: 'first' }), 'file');
  const timers = new Set<{ readonly ms: number; readonly action: () => unknown }>();
  const log = memoryLog();
  const fault = { message: '' };
  let loads = 0;
  const reloads = new Reloads({
    settings: { credentials },
    async load() {
      loads++;
      if (fault.message !== '') throw new EntropyError('ERR_CONFIG', fault.message);
    },
    counts: () => ({ keys: 1 }),
    log,
    timer(action, ms) {
      const entry = { action, ms };
      timers.add(entry);
      return () => void timers.delete(entry);
    },
  });
  t.teardown(() => reloads.close());
  const pass = async (ms: number) => {
    for (const timer of timers) if (timer.ms === ms) await timer.action();
  };
  await reloads.mark();
  reloads.start();
  await pass(settleMs);
  return {
    reloads,
    log,
    fault,
    timers,
    pass,
    write: (text: string) => writeFileSync(credentials, text),
    loads: () => loads,
    loaded: (count: number) =>
      until(async () => {
        await pass(settleMs);
        return loads === count;
      }, `${count} loads`),
  };
}

const good = { level: 'info', message: 'gateway reloaded', keys: 1 };
const bad = { level: 'error', code: 'ERR_CONFIG', message: 'gateway kept as it was: a fault' };

t.test('a renewed file is a reload; one that was asked for meanwhile reads it too', async (t) => {
  const { reloads, write, loaded, loads, pass, log } = await start(t);
  write('second');
  await loaded(1);
  write('number three');
  await reloads.request();
  await pass(settleMs);
  await pass(settleMs);
  t.equal(loads(), 2, 'once for each');
  t.strictSame(log.records, [good, good]);
});

t.test('a fault is logged once, tried again, and told again if it was asked for', async (t) => {
  const { reloads, write, loaded, pass, fault, log } = await start(t);
  fault.message = 'a fault';
  write('second');
  await loaded(1);
  await pass(lookMs);
  await loaded(2);
  t.strictSame(log.records, [bad]);
  await reloads.request();
  t.strictSame(log.records, [bad, bad]);
  fault.message = 'another';
  await pass(lookMs);
  await loaded(4);
  t.match(log.records[2], { message: /another$/ });
  fault.message = '';
  await pass(lookMs);
  await loaded(5);
  t.strictSame(log.records[3], good, 'what was no fault of the file ends by itself');
  await pass(lookMs);
  await loaded(5);
});

t.test('reloads come one after the other, and none after the end', async (t) => {
  const log = memoryLog();
  const { opened, open } = gate();
  const steps: string[] = [];
  const reloads = new Reloads({
    settings: {},
    async load() {
      steps.push('begins');
      await opened;
      steps.push('ends');
    },
    counts: () => undefined,
    log,
  });
  await reloads.mark();
  reloads.start();
  const both = [reloads.request(), reloads.request()];
  const { done } = reloads;
  open();
  await done;
  t.strictSame(steps, ['begins', 'ends', 'begins', 'ends']);
  await Promise.all(both);
  await reloads.close();
  await reloads.request();
  t.equal(steps.length, 4);
  t.strictSame(log.records, Array(2).fill({ level: 'info', message: 'gateway reloaded' }));
});

t.test('nothing is left at the end', async (t) => {
  const { reloads, timers } = await start(t);
  await reloads.close();
  t.equal(timers.size, 0);
});
