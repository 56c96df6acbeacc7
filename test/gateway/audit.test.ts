import t, { type Test } from 'tap';
import { type AuditOptions, createAudit } from '../../src/gateway/audit.js';
import type { AuditOutput } from '../../src/gateway/audit-output.js';
import { fakeTimers } from '../support/fake-timers.js';
import { auditEntry as entry, memoryLog } from '../support/gateway.js';
import { until } from '../support/until.js';

const retryMs = 100;
/** After which the log is told again. */
const quietMs = 60_000;

/** The queue's limit, and entries that fill it. */
const limitBytes = 1024 * 1024;
const lineBytes = `${JSON.stringify({ time: new Date(), seq: 1000, ...entry })}\n`.length;
const full = Math.ceil(limitBytes / lineBytes) + 10;

const noSpace = () =>
  Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
const noRoom = () => Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' });

/** An output that does what a test says, and what it has. */
class Disk implements AuditOutput {
  readonly lines: string[] = [];
  /** Thrown by every write while it is set. */
  fault: Error | undefined;
  /** While it is set, writes wait for it. */
  held: Promise<unknown> | undefined;
  /** Most lines of one write. */
  most = Infinity;
  writes = 0;
  isClosed = false;

  async write(lines: readonly Uint8Array[]): Promise<number> {
    this.writes++;
    await this.held;
    if (this.fault !== undefined) throw this.fault;
    const taken = lines.slice(0, this.most).map((line) => Buffer.from(line).toString());
    this.lines.push(...taken);
    return taken.length;
  }
  async reopen(): Promise<AuditOutput> {
    return this;
  }
  close(): void {
    this.isClosed = true;
  }
  get records(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line));
  }
  get numbers(): unknown[] {
    return this.records.map(({ seq }) => seq);
  }
}

function start(t: Test, options: AuditOptions = {}) {
  const timers = fakeTimers(t);
  const [disk, log] = [new Disk(), memoryLog()];
  const audit = createAudit(disk, log, { quietMs, ...options });
  t.teardown(() => {
    timers.advance(quietMs);
  });
  return {
    disk,
    log,
    audit,
    timers,
    /** Lets a retry happen, and what follows from it. */
    async settle(ready: () => boolean, what: string) {
      await until(() => {
        timers.advance(retryMs);
        return ready();
      }, what);
    },
  };
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

t.test('each entry is a line of JSON with its time and its number', async (t) => {
  const { disk, log, audit } = start(t);
  t.equal(audit.write(entry), undefined, 'nobody has to wait');
  void audit.write({ ...entry, key: null, operation: null, size: null, outcome: 'APIGW.0101' });
  await audit.close();
  const [first, second] = disk.records;
  t.match(first?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.strictSame(first, { time: first?.time, seq: 1, ...entry });
  t.match(second, { seq: 2, key: null, operation: null, size: null, outcome: 'APIGW.0101' });
  t.strictSame(log.records, []);
  t.ok(disk.isClosed);
  void audit.write(entry);
  t.equal(disk.lines.length, 2, 'nothing after the end');
});

t.test('one write at a time takes all lines that wait', async (t) => {
  const { disk, audit } = start(t);
  for (let i = 0; i < 100; i++) void audit.write(entry);
  await audit.close();
  t.strictSame(disk.numbers, upTo(100));
  t.equal(disk.writes, 2, 'the first line, and the rest');
});

t.test('adopting another file loses no line and writes none twice', async (t) => {
  const { disk, log, audit } = start(t);
  const next = new Disk();
  let release = () => {};
  disk.held = new Promise<void>((resolve) => {
    release = resolve;
  });
  for (let i = 0; i < 1000; i++) void audit.write(entry);
  audit.adopt(next);
  for (let i = 0; i < 1000; i++) void audit.write(entry);
  t.notOk(disk.isClosed, 'a write is under way');
  release();
  await audit.close();
  t.strictSame([...disk.numbers, ...next.numbers], upTo(2000));
  t.equal(disk.lines.length, 1, 'what was not begun goes to the new file');
  t.ok(disk.isClosed);
  t.ok(next.isClosed);
  t.strictSame(log.records, []);
});

t.test(
  'a file that is adopted while nothing waits is used at once; the same one stays open',
  async (t) => {
    const { disk, audit } = start(t);
    audit.adopt(disk);
    t.notOk(disk.isClosed);
    const next = new Disk();
    audit.adopt(next);
    t.ok(disk.isClosed);
    void audit.write(entry);
    await audit.close();
    t.strictSame(next.numbers, [1]);
  },
);

t.test('lines that a full disk refuses are written when there is space', async (t) => {
  const { disk, log, audit, settle } = start(t);
  disk.fault = noSpace();
  for (let i = 0; i < 100; i++) t.doesNotThrow(() => void audit.write(entry));
  await until(() => log.records.length > 0, 'the failure is told');
  t.match(log.records, [{ level: 'error', message: /lines wait/, reason: /ENOSPC/ }]);
  disk.fault = undefined;
  await settle(() => disk.lines.length === 100, 'all are written');
  t.strictSame(disk.numbers, upTo(100));
  t.equal(audit.dropped, 0);
  t.equal(log.records.length, 1, 'once');
});

t.test('a file rotated on a full disk: what waits goes to the new one', async (t) => {
  const { disk, log, audit } = start(t);
  const next = new Disk();
  disk.fault = noSpace();
  for (let i = 0; i < 100; i++) void audit.write(entry);
  await until(() => log.records.length > 0, 'the failure is told');
  audit.adopt(next);
  await until(() => next.lines.length === 100, 'all are written, without a retry');
  t.strictSame(next.numbers, upTo(100));
  t.equal(audit.dropped, 0);
});

t.test('beyond the limit lines are dropped, counted, and told in log and audit log', async (t) => {
  const { disk, log, audit, settle, timers } = start(t);
  disk.fault = noSpace();
  for (let i = 0; i < full; i++) void audit.write(entry);
  await until(() => log.records.length > 0, 'the failure is told');
  const { dropped } = audit;
  t.ok(dropped > 0);
  disk.fault = undefined;
  await settle(() => disk.numbers.at(-1) === full + 1, 'the line about them');
  const kept = full - dropped;
  t.strictSame(disk.numbers, [...upTo(kept), full + 1], 'the numbers show the gap');
  t.match(disk.records.at(-1), { time: /Z$/, seq: full + 1, dropped });
  void audit.write(entry);
  await until(() => disk.numbers.at(-1) === full + 2, 'the next');
  t.match(log.records, [
    { level: 'error', reason: /ENOSPC|keep up/ },
    { level: 'error', message: 'audit log: lines were dropped', dropped },
  ]);
  timers.advance(quietMs);
  t.equal(log.records.length, 2);
  t.equal(audit.dropped, dropped, 'since the start');
});

t.test('the line about dropped ones stands where they would, before later lines', async (t) => {
  const { disk, audit, settle } = start(t);
  disk.fault = noRoom();
  for (let i = 0; i < full; i++) void audit.write(entry);
  await until(() => disk.writes > 0, 'an attempt');
  disk.fault = undefined;
  disk.most = 3;
  void audit.write(entry);
  const dropped = audit.dropped;
  await settle(() => disk.records.some((record) => 'dropped' in record), 'the gap');
  void audit.write(entry);
  await settle(() => disk.numbers.at(-1) === full + 3, 'all');
  const at = disk.records.findIndex((record) => 'dropped' in record);
  t.match(disk.records[at], { seq: full + 2, dropped });
  t.strictSame(disk.numbers.slice(0, at), upTo(full + 1 - dropped));
  t.strictSame(disk.numbers.slice(at + 1), [full + 3]);
});

t.test('a receiver that is slow is no failure until lines are dropped', async (t) => {
  const { disk, log, audit, settle } = start(t);
  disk.fault = noRoom();
  void audit.write(entry);
  await settle(() => disk.writes > 3, 'some attempts');
  t.strictSame(log.records, []);
  for (let i = 0; i < full; i++) void audit.write(entry);
  t.match(log.records, [{ level: 'error', reason: 'it does not keep up' }]);
});

t.test(
  'a disk that comes and goes is told of once in a while, with all that it dropped',
  async (t) => {
    const { disk, log, audit, timers, settle } = start(t);
    const fillAndDrain = async () => {
      const before = disk.lines.length;
      disk.fault = noRoom();
      const dropped = audit.dropped;
      while (audit.dropped === dropped) void audit.write(entry);
      disk.fault = undefined;
      await settle(
        () => disk.lines.length > before && 'dropped' in (disk.records.at(-1) ?? {}),
        'drained',
      );
    };
    await fillAndDrain();
    await fillAndDrain();
    await fillAndDrain();
    t.match(log.records, [{ reason: 'it does not keep up' }, { dropped: 1 }]);
    t.equal(log.records.length, 2);
    timers.advance(quietMs);
    t.match(log.records[2], { dropped: 2 });
    await fillAndDrain();
    await audit.close();
    t.match(log.records.at(-1), { dropped: 1 }, 'the rest at the end');
    t.equal(audit.dropped, 4);
  },
);

t.test('the end waits 2 s for what is left, and then counts it as dropped', async (t) => {
  const { disk, log, audit, timers } = start(t);
  disk.held = new Promise(() => {});
  for (let i = 0; i < 5; i++) void audit.write(entry);
  let isClosed = false;
  const closed = audit.close().then(() => {
    isClosed = true;
  });
  timers.advance(1999);
  await null;
  t.notOk(isClosed);
  timers.advance(1);
  await closed;
  t.match(log.records, [{ message: 'audit log: closed before all was written', dropped: 5 }]);
  t.equal(audit.dropped, 5);
  t.notOk(disk.isClosed, 'a write still uses it');
});

t.test('where it is required, an entry resolves once the kernel has it', async (t) => {
  const { disk, audit } = start(t, { isRequired: true });
  let release = () => {};
  disk.held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let written = 0;
  const all = [1, 2, 3].map(async () => {
    const isWritten = await audit.write(entry);
    written += Number(isWritten);
  });
  await null;
  t.equal(written, 0);
  release();
  await Promise.all(all);
  t.equal(written, 3);
  t.equal(disk.lines.length, 3);
  await audit.close();
  t.equal(await audit.write(entry), false, 'nothing is recorded after the end');
});

t.test('an entry that is not written within 2 s, or is dropped, resolves to false', async (t) => {
  const { disk, audit, timers } = start(t, { isRequired: true });
  disk.fault = noSpace();
  let answers = 0;
  const late = audit.write(entry)?.then((isWritten) => {
    answers++;
    return isWritten;
  });
  await until(() => disk.writes > 0, 'an attempt');
  timers.advance(1999);
  await null;
  t.equal(answers, 0);
  timers.advance(1);
  t.equal(await late, false);
  disk.held = new Promise(() => {});
  const waiting = Array.from({ length: full }, () => audit.write(entry));
  t.equal(await waiting.at(-1), false, 'dropped: at once');
  timers.advance(2000);
  t.equal(await waiting[0], false);
  t.ok(audit.dropped > 0);
});

t.test('lines that were dropped elsewhere are missing here', async (t) => {
  const written: string[] = [];
  const output = {
    write: async (lines: readonly Uint8Array[]) => {
      for (const line of lines) written.push(Buffer.from(line).toString());
      return lines.length;
    },
    reopen: async () => output,
    close() {},
  };
  const log = memoryLog();
  const audit = createAudit(output, log);
  void audit.write(entry);
  audit.missed(2);
  void audit.write(entry);
  await audit.close();
  t.match(
    written.map((line) => JSON.parse(line)),
    [{ seq: 1 }, { seq: 4, dropped: 2 }, { seq: 5 }],
  );
  t.equal(audit.dropped, 2);
});
