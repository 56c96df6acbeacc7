/** A day of health: what is recorded, what is kept, and what becomes of a file that is not ours. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { SourceReport } from '../../src/common/package.js';
import type { Generator, GeneratorStatus } from '../../src/generator/interface.js';
import { Counters } from '../../src/server/activity.js';
import { History, sampleSeconds } from '../../src/server/history.js';
import {
  historySeconds,
  maxRecords,
  parseHistory,
  replaceFile,
} from '../../src/server/history-file.js';
import { temporaryFolder } from '../support/paths.js';
import { until } from '../support/until.js';

const folder = join(temporaryFolder(), 'history');
mkdirSync(folder);
let folders = 0;

function newFolder(): string {
  const path = join(folder, String(folders++));
  mkdirSync(path);
  return path;
}

/** A daemon whose time passes when a test says so. */
function daemon() {
  const source = { name: 'rdseed', state: 'passing', bytes: 0, alarms: 0 } as SourceReport;
  const absent = { ...source, name: 'rndrrs', state: 'absent' } as SourceReport;
  const status = { state: 'operational', reseeds: 1, sources: [source, absent] } as GeneratorStatus;
  const counters = new Counters();
  const generator = { status: () => status } as Pick<Generator, 'status'>;
  let now = Date.parse('2026-05-01T00:00:00Z');
  let tick = () => {};
  let stops = 0;
  const lines: string[] = [];
  const log = {
    info: (_: object, message: string) => void lines.push(`info ${message}`),
    warn: (_: object, message: string) => void lines.push(`warn ${message}`),
  };
  const history = new History({ generator, counters, now: () => now });
  return {
    history,
    source,
    status,
    counters,
    lines,
    stops: () => stops,
    start: (directory?: string) =>
      history.start(directory, log, (action, ms) => {
        t.equal(ms, sampleSeconds * 1000);
        tick = action;
        return () => void stops++;
      }),
    /** @param seconds in steps of the timer */
    pass(seconds: number) {
      for (let at = 0; at < seconds; at += sampleSeconds) {
        now += sampleSeconds * 1000;
        tick();
      }
    },
    jump(seconds: number) {
      now += seconds * 1000;
      tick();
    },
    time: () => new Date(now).toISOString(),
  };
}

t.test('a record has what happened in its interval', async (t) => {
  const { history, source, status, counters, ...on } = daemon();
  await on.start();
  t.strictSame(history.result(), {
    intervalSeconds: historySeconds,
    stored: false,
    records: [],
    transitions: [],
  });
  counters.requests += 30;
  counters.randomBytes += 960;
  counters.error('ERR_BUSY');
  counters.error('ERR_RATE');
  source.bytes += 7;
  source.alarms += 1;
  status.reseeds += 2;
  source.state = 'waiting';
  on.pass(40);
  source.state = 'passing';
  on.pass(historySeconds - 50);
  t.equal(history.result().records.length, 0, 'not before its time');
  on.pass(10);
  const [record] = history.result().records;
  t.strictSame(record, {
    time: '2026-05-01T00:05:00.000Z',
    seconds: historySeconds,
    state: 'operational',
    requests: 30,
    randomBytes: 960,
    refused: 2,
    reseeds: 3,
    sources: [{ name: 'rdseed', state: 'passing', bytes: 7, alarms: 1, waitingSeconds: 40 }],
  });
  on.pass(historySeconds);
  t.match(history.result().records[1], {
    requests: 0,
    refused: 0,
    sources: [{ waitingSeconds: 0 }],
  });
});

t.test(
  'what came before the first interval is in it: a startup test may have failed',
  async (t) => {
    const { history, source, counters, ...on } = daemon();
    source.alarms = 1;
    source.bytes = 50;
    counters.requests = 3;
    await on.start();
    on.pass(2 * historySeconds);
    const [first, second] = history.result().records;
    t.match(first, { requests: 3, reseeds: 1, sources: [{ bytes: 50, alarms: 1 }] });
    t.match(second, { requests: 0, reseeds: 0, sources: [{ bytes: 0, alarms: 0 }] });
  },
);

t.test('a day is kept, and no more', async (t) => {
  const { history, ...on } = daemon();
  await on.start();
  history.note({ time: on.time(), state: 'operational', reason: 'r'.repeat(9000) });
  on.pass(historySeconds * (maxRecords - 1));
  t.equal(history.result().transitions.length, 1);
  on.pass(historySeconds * 3);
  t.equal(history.result().records.length, maxRecords);
  t.strictSame(history.result().transitions, [], 'older than a day');
  for (let i = 0; i < 200; i++)
    history.note({ time: on.time(), state: 'error', reason: String(i) });
  t.equal(history.result().transitions.length, 64);
  t.equal(history.result().transitions.at(-1)?.reason, '199');
  t.ok(JSON.stringify(history.result()).length < 200_000);
});

t.test('a clock that was set, or a host that slept, makes no record', async (t) => {
  const { history, counters, ...on } = daemon();
  await on.start();
  counters.requests = 5;
  on.jump(24 * 3600);
  on.jump(-48 * 3600);
  t.equal(history.result().records.length, 0);
  on.pass(historySeconds);
  t.match(history.result().records, [{ requests: 0, seconds: historySeconds }]);
});

t.test('a restart continues the history, with a gap', async (t) => {
  const path = newFolder();
  const first = daemon();
  await first.start(path);
  first.history.note({ time: first.time(), state: 'degraded', reason: 'rdseed is lost' });
  first.pass(historySeconds);
  first.jump(20);
  await first.history.close();
  t.equal(first.stops(), 1);
  const file = join(path, 'history.json');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.strictSame(readdirSync(path), ['history.json'], 'no temporary file');
  t.strictSame(parseHistory(readFileSync(file, 'utf8')).records, first.history.result().records);
  const second = daemon();
  second.jump(0);
  second.history.note({ time: second.time(), state: 'operational', reason: '' });
  await second.start(path);
  const { records, transitions, stored } = second.history.result();
  t.equal(stored, true);
  t.strictSame(
    records.map(({ seconds }) => seconds),
    [300, 20],
  );
  t.strictSame(
    transitions.map(({ state }) => state),
    ['degraded', 'operational'],
  );
  t.strictSame(second.lines, []);
  await second.history.close();
});

t.test('a file that cannot be used is set aside, and said', async (t) => {
  const record = { time: '2026-05-01T00:00:00Z', seconds: 1, state: 'x', requests: 0 };
  const whole = { ...record, randomBytes: 0, refused: 0, reseeds: 0, sources: [] };
  const text = (records: unknown, transitions: unknown = [], version: unknown = 1) =>
    JSON.stringify({ version, records, transitions });
  for (const [bad, why] of [
    ['', 'JSON'],
    ['{"version":1,"records":[', 'JSON'],
    ['null', 'want an object'],
    [text([], [], 2), 'another format'],
    [text({}), 'want a list of at most 288'],
    [text(Array(289).fill(whole)), 'want a list of at most 288'],
    [text([record]), 'want an amount'],
    [text([{ ...whole, requests: -1 }]), 'want an amount'],
    [text([{ ...whole, time: 'yesterday' }]), 'want a time'],
    [text([{ ...whole, state: 'x'.repeat(513) }]), 'want a short text'],
    [text([{ ...whole, sources: [{ name: 1 }] }]), 'want a short text'],
    [text([], [{ time: record.time, state: 'x' }]), 'want a short text'],
  ] as const) {
    const path = newFolder();
    const file = join(path, 'history.json');
    writeFileSync(file, bad);
    const { history, lines, ...on } = daemon();
    await on.start(path);
    t.strictSame(history.result().records, []);
    t.equal(lines.length, 1, why);
    t.match(lines[0], /^warn history file is unusable \(.*\); set aside as .*\.corrupt$/s);
    t.ok(lines[0]?.includes(why), why);
    t.equal(readFileSync(`${file}.corrupt`, 'utf8'), bad);
    on.pass(historySeconds);
    await history.close();
    t.equal(
      parseHistory(readFileSync(file, 'utf8')).records.length,
      1,
      'a new one takes its place',
    );
  }
});

t.test('a file that this process did not write never grows its records', async (t) => {
  const extra = { time: '2026-05-01T00:00:00Z', state: 'x', reason: '', secret: 1 };
  const { transitions } = parseHistory(
    JSON.stringify({ version: 1, records: [], transitions: [extra], more: 1 }),
  );
  t.strictSame(transitions, [{ time: extra.time, state: 'x', reason: '' }]);
});

t.test(
  'without a directory, or one that cannot be written, the history is in memory',
  async (t) => {
    const none = daemon();
    await none.start();
    none.pass(historySeconds);
    await none.history.close();
    t.equal(none.history.result().stored, false);
    const missing = join(folder, 'missing');
    const lost = daemon();
    await lost.start(missing);
    await until(() => lost.lines.length > 0, 'a line before the first interval ends');
    lost.pass(3 * historySeconds);
    await lost.history.close();
    t.equal(lost.history.result().records.length, 3);
    t.equal(lost.history.result().stored, false);
    t.equal(lost.lines.length, 1, 'said once');
    t.match(lost.lines[0], /^warn history is in memory only: ENOENT/);
    t.notOk(existsSync(missing));
  },
);

t.test('a full disk keeps the old file, and no half of a new one', async (t) => {
  const path = newFolder();
  const file = join(path, 'history.json');
  await replaceFile(file, 'old');
  // The disk is full when the file is synced.
  const { replaceFile: failing } = await t.mockImport<
    typeof import('../../src/server/history-file.js')
  >('../../src/server/history-file.js', {
    'node:fs/promises': {
      ...fs,
      open: async (...args: Parameters<typeof fs.open>) => {
        const handle = await fs.open(...args);
        handle.sync = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
        return handle;
      },
    },
  });
  await t.rejects(failing(file, 'new'), { code: 'ENOSPC' });
  t.strictSame(readdirSync(path), ['history.json']);
  t.equal(readFileSync(file, 'utf8'), 'old');
});

t.test('a directory that can be written again is used again', async (t) => {
  const path = join(folder, 'later');
  const { history, lines, ...on } = daemon();
  await on.start(path);
  on.pass(historySeconds);
  await history.close();
  mkdirSync(path);
  on.pass(historySeconds);
  await history.close();
  t.equal(lines.at(-1), 'info history is written again');
  t.equal(history.result().stored, true);
});

t.test('a temporary file of a killed process, and a link in its place, are replaced', async (t) => {
  const path = newFolder();
  writeFileSync(join(path, 'history.json.tmp'), 'half');
  chmodSync(join(path, 'history.json.tmp'), 0o400);
  const { history, ...on } = daemon();
  await on.start(path);
  on.pass(historySeconds);
  await history.close();
  t.strictSame(readdirSync(path), ['history.json']);
});
