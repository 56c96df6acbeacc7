import t from 'tap';
import { readableLine } from '../src/log-line.js';
import { paintFor } from '../src/terminal.js';

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
