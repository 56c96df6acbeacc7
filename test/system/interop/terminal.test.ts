import { join } from 'node:path';
import t from 'tap';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { lines, run, startDaemonProgram } from '../../support/program.js';
import { onTerminal } from '../../support/terminal-session.js';

const enter = '\x1b[?1049h\x1b[?25l';
const leave = '\x1b[?25h\x1b[?1049l';
const sequences = new RegExp(`${'\x1b'}\\[[?\\d;]*[a-zA-Z]`, 'g');

/** A picture of `status --watch` begins and ends with these. */
const begin = '\x1b[?2026h\x1b[H';
const end = '\x1b[J\x1b[?2026l';
const picture = new RegExp(end.replaceAll(/[[?]/g, '\\$&'));
/** Rates need two pictures; the third one has them for certain. */
const thirdPicture = new RegExp(`(?:${picture.source}.*){3}`, 's');

const timesIn = (text: string, part: string) => text.split(part).length - 1;

t.test(
  'status has colours on a terminal, and not in a pipe or where they are not wanted',
  async (t) => {
    const { path } = await startDaemonProgram(t);
    const args = ['status', '--socket', path];
    for (const [env, coloured] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false],
    ] as const) {
      const { text, status } = await onTerminal('entropyctl', args, [], { env });
      t.equal(status, 0);
      t.equal(sequences.test(text), coloured, JSON.stringify(env));
      t.match(text.replaceAll(sequences, ''), /^State +operational, serving.*\r?$/m);
      sequences.lastIndex = 0;
    }
    const { stdout } = await run(t, 'entropyctl', args);
    t.notMatch(stdout, '\x1b');
    t.ok(lines(stdout).every((line) => line.length <= 80));
  },
);

t.test(
  'status --watch draws over itself and gives the terminal back, however it ends',
  async (t) => {
    const { path } = await startDaemonProgram(t);
    const args = ['status', '--watch', '--interval', '0.2', '--socket', path];
    for (const [key, wanted] of [
      ['q', 0],
      ['\x03', 130],
    ] as const) {
      const { text, status, restored } = await onTerminal('entropyctl', args, [thirdPicture, key]);
      t.strictSame([status, restored], [wanted, true]);
      t.ok(text.startsWith(enter) && text.endsWith(leave));
      t.equal(timesIn(text, '\x1b[2J'), 0, 'never cleared as a whole: that is what flickers');
      const pictures = timesIn(text, begin);
      t.ok(pictures > 2, `${pictures} pictures`);
      t.equal(timesIn(text, end), pictures);
      t.ok(/requests \S+\/s/.test(text));
    }
  },
);

t.test('status --watch follows the terminal’s size', async (t) => {
  const { path } = await startDaemonProgram(t);
  const args = ['status', '--watch', '--interval', '60', '--socket', path];
  const { text } = await onTerminal('entropyctl', args, [picture, [30, 5], picture, 'q']);
  const last = text.slice(text.lastIndexOf('\x1b[H') + 3, -leave.length);
  const drawn = last.replaceAll(sequences, '').replaceAll('\r', '').split('\n');
  t.equal(drawn.length, 5);
  t.ok(drawn.every((line) => line.length <= 30));
});

t.test('status --watch outlives the daemon, and says so meanwhile', async (t) => {
  const path = freePath();
  const { text, status } = await onTerminal(
    'entropyctl',
    ['status', '--watch', '--interval', '0.2', '--socket', path],
    [/no daemon on/, () => startDaemonProgram(t, ['--socket', path]), /operational/, picture, 'q'],
  );
  t.equal(status, 0);
  t.ok(text.includes(`no daemon on ${path} (ENOENT)`));
  t.ok(text.slice(text.lastIndexOf('\x1b[H')).includes('operational'), 'it is back by itself');
});

t.test('random shows its progress, and Ctrl-C ends it and gives the terminal back', async (t) => {
  const { path } = await startDaemonProgram(t);
  const output = join(temporaryFolder(), 'large');
  const args = ['random', '900G', '--output', output, '--socket', path];
  const { text, status, restored } = await onTerminal('entropyctl', args, [/of 921600/, '\x03']);
  t.strictSame([status, restored], [130, true]);
  t.match(text, /of 921600 MiB/);
  t.ok(text.lastIndexOf('\x1b[?7h') > text.lastIndexOf('\x1b[?7l'), 'lines wrap again');
  const hex = await onTerminal('entropyctl', ['random', '8', '--socket', path]);
  t.match(hex, { status: 0, text: /^[0-9a-f]{16}\r\n$/ });
});

t.test('the daemon’s log is for people on a terminal', async (t) => {
  const { text, status } = await onTerminal(
    'entropyd',
    ['--socket', freePath()],
    [/entropyd listening/, '\x03'],
  );
  t.equal(status, 0);
  const plain = text.replaceAll(sequences, '');
  t.match(
    plain,
    /^\d\d:\d\d:\d\d\.\d{3}Z INFO {2}entropyd listening sockets=\[.*\] pid=\d+ version=/,
  );
  t.match(text, '\x1b[32mINFO ');
});
