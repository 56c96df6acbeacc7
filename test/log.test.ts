import { spawnSync } from 'node:child_process';
import t from 'tap';
import { createLogger, isJournal, journalPrefix } from '../src/log.js';
import { built, lines } from './support.js';

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
