import { appendFileSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Every } from '../../src/common/timer.js';
import { FileWatch, lookMs, settleMs, type WatchFolder } from '../../src/gateway/file-watch.js';
import { memoryLog } from '../support/gateway.js';
import { writeSecret } from '../support/secret-volume.js';
import { until } from '../support/until.js';

/** A watch whose time a test turns by hand; its events are the system's, unless `watch` is given. */
async function start(t: Test, paths: readonly string[], watch?: WatchFolder) {
  const timers = new Set<{ readonly ms: number; readonly action: () => unknown }>();
  const timer: Every = (action, ms) => {
    const entry = { action, ms };
    timers.add(entry);
    return () => void timers.delete(entry);
  };
  const log = memoryLog();
  let changes = 0;
  const changed = async () => {
    changes++;
    await files.mark();
  };
  const files = new FileWatch({ paths, changed, log, timer, ...(watch && { watch }) });
  t.teardown(() => files.close());
  const due = (ms: number) => [...timers].find((each) => each.ms === ms);
  /** Runs the timer of a kind once, if it is on. @returns whether it is */
  const pass = async (ms: number) => {
    const found = due(ms);
    await found?.action();
    return found !== undefined;
  };
  /** Looks until nothing is left to look at. @returns how many changes that reported */
  const settle = async () => {
    const before = changes;
    while (await pass(settleMs));
    return changes - before;
  };
  /** Waits for an event, and settles until a change is reported. */
  const changesOnce = (what: string) => until(async () => (await settle()) === 1, what);
  await files.mark();
  files.start();
  t.equal(await settle(), 0, 'nothing has changed before');
  return {
    files,
    log,
    timers,
    pass,
    settle,
    changesOnce,
    changes: () => changes,
    isStirred: () => due(settleMs) !== undefined,
  };
}

t.test('a Secret that a kubelet renews is one change', async (t) => {
  const folder = join(t.testdir(), 'secret');
  const data = (text: string) => ({ 'tls.crt': text, 'tls.key': text });
  writeSecret(folder, 1, data('first'));
  const paths = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const { changesOnce, settle } = await start(t, paths);
  for (const version of [2, 3]) {
    writeSecret(folder, version, data(`of version ${version}`));
    await changesOnce(`version ${version}`);
    t.equal(await settle(), 0);
  }
});

t.test('a file that is renamed over, written to, removed or made is a change', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  const path = join(folder, 'tls');
  const { changesOnce } = await start(t, [path]);
  for (const [what, change] of [
    [
      'renamed over',
      () => {
        writeFileSync(`${path}.new`, 'first');
        renameSync(`${path}.new`, path);
      },
    ],
    ['written to', () => writeFileSync(path, 'second, in place')],
    ['removed', () => rmSync(path)],
    ['made', () => writeFileSync(path, 'third')],
  ] as const) {
    change();
    await changesOnce(what);
    t.pass(what);
  }
});

t.test('a file that is still being written to is not read', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  const path = join(folder, 'tls');
  const { changesOnce, pass, isStirred, settle } = await start(t, [path]);
  for (const part of ['a', 'b', 'c']) {
    appendFileSync(path, part);
    await until(isStirred, 'an event');
    await pass(settleMs);
    t.ok(isStirred(), 'one look is not enough');
  }
  await changesOnce('the whole file');
  t.equal(await settle(), 0);
});

t.test('a writer that sets the times back is noticed', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  const path = join(folder, 'tls');
  utimesSync(path, 1e6, 1e6);
  const { changesOnce } = await start(t, [path]);
  writeFileSync(path, 'other');
  utimesSync(path, 1e6, 1e6);
  await changesOnce('of the same size and time');
});

t.test('what could not be read is not read again while it is written to', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  const path = join(folder, 'tls');
  const { files, pass, settle, changes } = await start(t, [path], () => () => {});
  files.unread();
  appendFileSync(path, 'half');
  await pass(lookMs);
  t.equal(changes(), 0, 'one look is not enough');
  t.equal(await settle(), 1);
  files.unread();
  await pass(lookMs);
  t.equal(changes(), 2, 'as it was: it is tried again');
});

t.test('another file of the folder is no change', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  const { settle, isStirred, changesOnce } = await start(t, [join(folder, 'tls')]);
  writeFileSync(join(folder, 'other'), 'x');
  await until(isStirred, 'an event');
  t.equal(await settle(), 0);
  t.notOk(isStirred(), 'and nothing looks on');
  writeFileSync(join(folder, 'tls'), 'second');
  await changesOnce('the file itself');
});

t.test('a folder that is replaced is watched on', async (t) => {
  const folder = join(t.testdir(), 'secret');
  const path = join(folder, 'tls');
  const make = (text: string) => {
    mkdirSync(folder);
    writeFileSync(path, text);
  };
  make('first');
  const { changesOnce, pass, settle, log } = await start(t, [path]);
  rmSync(folder, { recursive: true });
  await changesOnce('its end');
  t.match(log.records, [{ level: 'warn', folder, code: 'ENOENT', message: /every 30 s$/ }]);
  await pass(lookMs);
  t.equal(log.records.length, 1, 'said once');
  make('second');
  await pass(lookMs);
  t.equal(await settle(), 1, 'its return, at the next look without an event');
  writeFileSync(path, 'in the new one');
  await changesOnce('an event of the new one');
  renameSync(folder, `${folder}.old`);
  make('third one');
  await changesOnce('a third in its place');
  writeFileSync(path, 'in the third');
  await changesOnce('an event of the third');
});

t.test('where nothing can be watched the files are looked at all the same', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  let code = 'ENOSPC';
  const { pass, settle, isStirred, log } = await start(t, [join(folder, 'tls')], () => {
    throw Object.assign(new Error(code), { code });
  });
  const message = `cannot watch ${folder}: its files are looked at every 30 s`;
  t.match(log.records, [{ level: 'warn', folder, code: 'ENOSPC', message }]);
  writeFileSync(join(folder, 'tls'), 'second');
  t.notOk(isStirred());
  await pass(lookMs);
  t.equal(await settle(), 1);
  t.equal(log.records.length, 1, 'said once');
  code = 'EMFILE';
  await pass(lookMs);
  t.match(log.records[1], { code: 'EMFILE' }, 'and once for another reason');
});

t.test('what was read and is not in force is due again, but not at an event', async (t) => {
  const folder = t.testdir({ tls: 'first' });
  const { files, pass, settle, isStirred, timers } = await start(t, [join(folder, 'tls')]);
  files.unread();
  writeFileSync(join(folder, 'other'), 'x');
  await until(isStirred, 'an event');
  t.equal(await settle(), 0);
  let isDue = files.mark();
  t.ok(await isDue);
  isDue = files.mark();
  t.notOk(await isDue);
  files.unread();
  await pass(lookMs);
  t.notOk(await files.mark(), 'it has been reported, and read');
  files.close();
  t.equal(timers.size, 0);
});

t.test('a file in a folder of each counts', async (t) => {
  const folder = t.testdir({ a: { one: 'x' }, b: { two: 'x' } });
  const paths = [join(folder, 'a', 'one'), join(folder, 'b', 'two')];
  const { changesOnce } = await start(t, paths);
  for (const path of paths) {
    writeFileSync(path, 'second');
    await changesOnce(path);
    t.pass(path);
  }
});
