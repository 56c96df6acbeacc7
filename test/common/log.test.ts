import { spawnSync } from 'node:child_process';
import t, { type Test } from 'tap';
import {
  createLogger,
  isJournal,
  journalPrefix,
  readableLine,
  WarningThrottle,
} from '../../src/common/log.js';
import { paintFor } from '../../src/common/terminal.js';
import type { Every } from '../../src/common/timer.js';
import { built, lines } from '../support/program.js';

const logged = `import { createLogger } from ${JSON.stringify(built('common/log'))};
  const log = await createLogger();
  log.debug('not seen');
  log.info({ socketPath: '/s' }, 'first');
  log.warn('second');
  log.error({ reason: 'x' }, 'third');
  process.exit(5);`;

t.test('a line is JSON on standard error, written before the process ends', async (t) => {
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

t.test('for the journal, each line begins with its priority', async (t) => {
  // JOURNAL_STREAM names the file that systemd made standard error. Any other file is not the
  // journal.
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

t.test('priorities are those of syslog(3)', async (t) => {
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
  t.notOk(isJournal({ JOURNAL_STREAM: '1:1' }, 9_999), 'a closed descriptor');
});

t.test('the level is info', async (t) => {
  const log = await createLogger();
  t.equal(log.level, 'info');
  t.ok(log.isLevelEnabled('warn'));
  t.notOk(log.isLevelEnabled('debug'));
});

const plain = paintFor({}, {});
const time = '2026-06-01T12:00:00.000Z';

t.test(
  'on a terminal a line has time, level, message, and fields that the message does not repeat',
  async (t) => {
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
  },
);

t.test('a terminal obeys nothing in a line, and it stays one line', async (t) => {
  const record = { level: 'info', time, a: '\x1b[2J\n', '\x1bb': 1, msg: 'x\ny\x1b[2J' };
  const line = readableLine(JSON.stringify(record), plain);
  t.notMatch(line.trimEnd(), /\p{Cc}/u);
  t.match(line, 'INFO  x\ufffdy\ufffd[2J');
});

t.test('each level has its color', async (t) => {
  const colors = paintFor({}, { FORCE_COLOR: '1' });
  for (const [level, code] of [
    ['info', 32],
    ['warn', 33],
    ['error', 31],
    ['debug', 2],
  ] as const)
    t.match(
      readableLine(JSON.stringify({ level, time, msg: 'x' }), colors),
      `\x1b[${code}m${level.toUpperCase()}`,
    );
});

/** A log that remembers, and timers that the test runs. */
function throttleSetup(t: Test) {
  const records: object[] = [];
  const running = new Set<() => void>();
  const timer: Every = (action, ms) => {
    t.equal(ms, 60_000);
    running.add(action);
    return () => running.delete(action);
  };
  const log = {
    warn: (fields: object, message: string) => void records.push({ message, ...fields }),
  };
  return {
    records,
    running,
    throttle: new WarningThrottle(log, timer),
    minutePasses() {
      for (const action of [...running]) action();
    },
  };
}

t.test('the first failure of a kind is logged, then a count per minute', async (t) => {
  const { throttle, records, minutePasses } = throttleSetup(t);
  for (let i = 0; i < 1000; i++) throttle.warn('failed', 'A', { code: 'A', requestId: i });
  throttle.warn('failed', 'B', { code: 'B' });
  throttle.warn('cut off', 'A', { code: 'A' });
  t.strictSame(records.splice(0), [
    { message: 'failed', code: 'A', requestId: 0 },
    { message: 'failed', code: 'B' },
    { message: 'cut off', code: 'A' },
  ]);
  minutePasses();
  t.strictSame(records.splice(0), [
    { message: 'failed: 999 more of the kind', code: 'A', count: 999 },
  ]);
  throttle.warn('failed', 'A', { code: 'A' });
  minutePasses();
  t.strictSame(records, [{ message: 'failed: 1 more of the kind', code: 'A', count: 1 }]);
});

t.test('after a minute without a failure of a kind, the next is logged as the first', async (t) => {
  const { throttle, records, running, minutePasses } = throttleSetup(t);
  throttle.warn('failed', 'A', { requestId: 1 });
  minutePasses();
  t.equal(running.size, 0, 'no timer is left');
  throttle.warn('failed', 'A', { requestId: 2 });
  t.strictSame(records, [
    { message: 'failed', requestId: 1 },
    { message: 'failed', requestId: 2 },
  ]);
});

t.test('close logs the counts that are left, and leaves no timer', async (t) => {
  const { throttle, records, running } = throttleSetup(t);
  for (let i = 0; i < 3; i++) throttle.warn('failed', 'A', {});
  throttle.warn('failed', 'B', {});
  throttle.close();
  t.match(records.slice(2), [{ count: 2 }]);
  t.equal(records.length, 3);
  t.equal(running.size, 0);
});

t.test('the number of kinds is bounded', async (t) => {
  const { throttle, records } = throttleSetup(t);
  for (let i = 0; i < 1000; i++) throttle.warn('failed', `kind ${i}`, {});
  t.equal(records.length, 64);
});
