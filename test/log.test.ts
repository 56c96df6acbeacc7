import { spawnSync } from 'node:child_process';
import t from 'tap';
import { createLogger } from '../src/log.js';
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

t.test('the level can be asked', async (t) => {
  const log = await createLogger();
  t.equal(log.level, 'info');
  t.ok(log.isLevelEnabled('warn'));
  t.notOk(log.isLevelEnabled('debug'));
});
