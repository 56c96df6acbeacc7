import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type AuditEntry, createAudit, openAuditFile } from '../../src/gateway/audit.js';
import { type FakeTimers, fakeTimers } from '../support/fake-timers.js';
import { memoryLog } from '../support/gateway.js';
import { until } from '../support/until.js';

const dir = t.testdir();
const entry: AuditEntry = {
  requestId: 'id-1',
  api: 'aws-kms',
  key: 'billing',
  operation: 'GenerateRandom',
  size: 32,
  outcome: 'ok',
  status: 200,
  client: '127.0.0.1',
};
const records = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

t.test('writes a line of JSON for each entry, with the time, at the end of the file', async (t) => {
  const path = join(dir, 'lines');
  writeFileSync(path, '{"earlier":true}\n', { mode: 0o640 });
  const log = memoryLog();
  const audit = createAudit(await openAuditFile(path), log);
  audit.write(entry);
  audit.write({ ...entry, key: null, operation: null, size: null, outcome: 'APIGW.0101' });
  await audit.close();
  const [earlier, first, second] = records(path);
  t.strictSame(earlier, { earlier: true });
  t.match(first.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.strictSame(first, { time: first.time, ...entry });
  t.match(second, { key: null, operation: null, size: null, outcome: 'APIGW.0101' });
  t.equal(statSync(path).mode & 0o777, 0o640, 'a file that is there keeps its mode');
  t.strictSame(log.records, []);
  audit.write(entry);
  t.equal(records(path).length, 3, 'nothing after the end');
});

t.test('a new file is its owner’s alone', async (t) => {
  const path = join(dir, 'new');
  await createAudit(await openAuditFile(path), memoryLog()).close();
  t.equal(statSync(path).mode & 0o777, 0o600);
});

t.test('refuses links, FIFOs and folders, and what cannot be opened', async (t) => {
  const [target, link, fifo, folder] = ['target', 'link', 'fifo', 'folder'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  symlinkSync(target, link);
  execFileSync('mkfifo', [fifo]);
  mkdirSync(folder);
  for (const [path, reason] of [
    [link, 'it is a symbolic link'],
    [fifo, /ENXIO/],
    [folder, /EISDIR/],
    ['/dev/null', 'want a regular file, or - for standard output'],
    ['', /ENOENT/],
    [join(dir, 'none', 'file'), /ENOENT/],
  ] as const)
    await t.rejects(openAuditFile(path), {
      code: 'ERR_CONFIG',
      message: typeof reason === 'string' ? `audit file ${path}: ${reason}` : reason,
    });
  t.notOk(existsSync(target), 'nothing is made where a link points');
  t.equal(await openAuditFile('-'), 1);
});

t.test('adopting another file loses no line and writes none twice', async (t) => {
  const path = join(dir, 'rotated');
  const log = memoryLog();
  const audit = createAudit(await openAuditFile(path), log);
  for (let i = 0; i < 1000; i++) audit.write({ ...entry, size: i });
  renameSync(path, `${path}.1`);
  audit.adopt(await openAuditFile(path));
  for (let i = 1000; i < 2000; i++) audit.write({ ...entry, size: i });
  await audit.close();
  await until(() => records(`${path}.1`).length === 1000, 'the first file is written');
  const sizes = [...records(`${path}.1`), ...records(path)].map(({ size }) => size);
  t.strictSame(
    sizes,
    Array.from({ length: 2000 }, (_, i) => i),
  );
  t.equal(records(path).length, 1000);
  t.strictSame(log.records, []);
});

// A disk that fails cannot be had: the writing stream is replaced by one that is told what to do.
/** After which the log is told again. */
const quietMs = 60_000;

/** An audit log over a disk that does what a test says. */
async function withDisk(t: Test) {
  const timers: FakeTimers = fakeTimers(t);
  class Disk extends EventEmitter {
    written: string[] = [];
    isFull = false;
    isStuck = false;
    write(line: string) {
      if (this.isFull) this.emit('drop', line);
      else this.written.push(line);
    }
    end() {
      if (!this.isStuck) this.emit('close');
    }
    destroy() {}
  }
  const disks: Disk[] = [];
  const mocked = await t.mockImport<typeof import('../../src/gateway/audit.js')>(
    '../../src/gateway/audit.js',
    {
      'sonic-boom': {
        default: {
          SonicBoom: class extends Disk {
            constructor() {
              super();
              disks.push(this);
            }
          },
        },
      },
    },
  );
  const log = memoryLog();
  const audit = mocked.createAudit(9, log, quietMs);
  return { disk: disks[0] as Disk, log, audit, timers };
}

t.test('a failing disk drops lines, counts them, and says so twice', async (t) => {
  const { disk, log, audit, timers } = await withDisk(t);
  t.equal(audit.dropped, 0);
  disk.emit('error', new Error('ENOSPC: no space left on device, write'));
  disk.emit('error', new Error('ENOSPC: no space left on device, write'));
  disk.isFull = true;
  for (let i = 0; i < 7; i++) t.doesNotThrow(() => audit.write(entry));
  disk.isFull = false;
  disk.emit('drain');
  disk.emit('drain');
  t.match(log.records, [
    { level: 'error', reason: 'ENOSPC: no space left on device, write' },
    { level: 'error', message: 'audit log: lines were dropped', dropped: 7 },
  ]);
  t.match(
    disk.written.map((line) => JSON.parse(line)),
    [{ time: /Z$/, dropped: 7 }],
  );
  disk.isFull = true;
  timers.advance(quietMs);
  audit.write(entry);
  t.match(log.records[2], { reason: 'the disk does not keep up' }, 'a new failure is told again');
  t.equal(audit.dropped, 8, 'since the start');
  disk.isStuck = true;
  const closed = audit.close();
  timers.advance(1999);
  t.equal(log.records.length, 3, 'what cannot be written is waited for');
  timers.advance(1);
  await closed;
  t.match(log.records[3], { message: 'audit log: closed before all was written' });
});

t.test(
  'a disk that comes and goes is told of once in a while, with all that it dropped',
  async (t) => {
    const { disk, log, audit, timers } = await withDisk(t);
    for (let i = 0; i < 1000; i++) {
      disk.isFull = true;
      audit.write(entry);
      disk.isFull = false;
      disk.emit('drain');
    }
    t.match(log.records, [{ reason: 'the disk does not keep up' }, { dropped: 1 }]);
    timers.advance(quietMs - 1);
    t.equal(log.records.length, 2);
    timers.advance(1);
    t.match(log.records[2], { dropped: 999 });
    t.equal(log.records.length, 3);
    disk.isFull = true;
    audit.write(entry);
    disk.isFull = false;
    disk.emit('drain');
    await audit.close();
    t.match(log.records.at(-1), { dropped: 1 }, 'the rest at the end');
  },
);

const full = { skip: !existsSync('/dev/full') && 'this host has no /dev/full' };

t.test('a full disk keeps whole lines for later', full, async (t) => {
  const { openSync } = await import('node:fs');
  const log = memoryLog();
  const audit = createAudit(openSync('/dev/full', 'a'), log);
  for (let i = 0; i < 10_000; i++) audit.write(entry);
  await until(() => log.records.length > 0, 'the failure is told');
  t.match(log.records[0], { level: 'error', reason: /ENOSPC|keep up/ });
  t.equal(log.records.length, 1, 'once');
  await audit.close();
  t.match(log.records.at(-1), { message: 'audit log: closed before all was written' });
});
