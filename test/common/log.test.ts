import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import {
  createLogger,
  isJournal,
  journalPrefix,
  Repeats,
  readableLine,
} from '../../src/common/log.js';
import { paintFor } from '../../src/common/terminal.js';
import { built, lines } from '../support/program.js';

const logged = `import { createLogger } from ${JSON.stringify(built('log'))};
  const log = await createLogger();
  log.debug('not seen');
  log.info({ socketPath: '/s' }, 'first');
  log.warn('second');
  log.error({ reason: 'x' }, 'third');
  process.exit(5);`;

t.test('a line is JSON on standard error, there before the process ends', async (t) => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', logged],
    { encoding: 'utf8' },
  );
  t.equal(status, 5);
  t.equal(stdout, '');
  const records = lines(stderr).map((line) => JSON.parse(line));
  t.match(records, [
    { level: 'info', socketPath: '/s', msg: 'first' },
    { level: 'warn', msg: 'second' },
    { level: 'error', reason: 'x', msg: 'third' },
  ]);
  t.equal(records.length, 3);
  for (const { time } of records) t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.strictSame(Object.keys(records[1]).sort(), ['level', 'msg', 'time'], 'no pid, no host name');
});

t.test('where the journal reads, each line begins with its level', async (t) => {
  // systemd names the file that it made standard error; any other is not the journal's.
  const script =
    'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)$1 exec "$2" --input-type=module -e "$3"';
  for (const [suffix, levels] of [
    ['', ['<6>', '<4>', '<3>']],
    ['0', ['', '', '']],
  ] as const) {
    const { stderr } = spawnSync('sh', ['-c', script, 'sh', suffix, process.execPath, logged], {
      encoding: 'utf8',
    });
    t.strictSame(
      lines(stderr).map((line) => line.slice(0, line.indexOf('{'))),
      levels,
    );
    for (const line of lines(stderr)) t.ok(JSON.parse(line.slice(line.indexOf('{'))));
  }
});

t.test('levels are those of syslog(3)', async (t) => {
  for (const [level, wanted] of [
    [60, '<2>'],
    [50, '<3>'],
    [40, '<4>'],
    [30, '<6>'],
    [20, '<7>'],
    [10, '<7>'],
  ] as const)
    t.equal(journalPrefix(level), wanted);
  t.notOk(isJournal({}));
  t.notOk(isJournal({ JOURNAL_STREAM: '1:1' }));
  t.notOk(isJournal({ JOURNAL_STREAM: '1:1' }, 9_999), 'a closed one');
});

t.test('the level can be asked', async (t) => {
  const log = await createLogger();
  t.equal(log.level, 'info');
  t.ok(log.isLevelEnabled('warn'));
  t.notOk(log.isLevelEnabled('debug'));
});

const plain = paintFor({}, {});
const time = '2026-06-01T12:00:00.000Z';

t.test('time, level, message and fields in one line', async (t) => {
  for (const [record, line] of [
    [{ level: 'info', msg: 'entropyd ended' }, 'INFO  entropyd ended'],
    [
      { level: 'warn', count: 3, reason: 'two words', msg: 'more' },
      'WARN  more count=3 reason="two words"',
    ],
    [{ level: 'error', sockets: ['/s'], msg: 'x' }, 'ERROR x sockets=["/s"]'],
    [{ level: 'fatal', msg: 'x' }, 'FATAL x'],
    [{ level: 'debug', msg: 'x' }, 'DEBUG x'],
    [
      { level: 'warn', state: 'degraded', reason: 'a b', msg: 'generator degraded: a b' },
      'WARN  generator degraded: a b',
    ],
  ] as const)
    t.equal(readableLine(JSON.stringify({ time, ...record }), plain), `12:00:00.000Z ${line}\n`);
});

t.test('nothing in it is obeyed by a terminal, and it stays one line', async (t) => {
  const record = { level: 'info', time, a: '\x1b[2J\n', '\x1bb': 1, msg: 'x\ny\x1b[2J' };
  const line = readableLine(JSON.stringify(record), plain);
  t.notMatch(line.trimEnd(), /\p{Cc}/u);
  t.match(line, 'INFO  x\ufffdy\ufffd[2J');
});

t.test('levels have their colours', async (t) => {
  const colours = paintFor({}, { FORCE_COLOR: '1' });
  for (const [level, code] of [
    ['info', 32],
    ['warn', 33],
    ['error', 31],
    ['debug', 2],
  ] as const)
    t.match(
      readableLine(JSON.stringify({ level, time, msg: 'x' }), colours),
      `\x1b[${code}m${level.toUpperCase()}`,
    );
});

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
