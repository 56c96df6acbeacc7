import { EventEmitter } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import t from 'tap';
import { Screen } from '../../src/commands/screen.js';

/** A terminal that remembers what was written to it, and its keyboard. */
function terminal({ columns = 80, rows = 24, isTTY = true } = {}) {
  const output = Object.assign(new EventEmitter(), {
    columns,
    rows,
    written: '',
    write(text: string) {
      output.written += text;
      return true;
    },
  });
  const input = Object.assign(new EventEmitter(), {
    isTTY,
    raw: false,
    paused: false,
    setRawMode(raw: boolean) {
      input.raw = raw;
    },
    pause() {
      input.paused = true;
    },
  });
  const told: string[] = [];
  const screen = new Screen(output as unknown as WriteStream, input as unknown as ReadStream, {
    onQuit: () => told.push('quit'),
    onInterrupt: () => told.push('interrupt'),
  });
  return { output, input, told, screen };
}

t.test(
  'a picture is drawn over the last one, in one write, and clears what was longer',
  async (t) => {
    const { output, screen } = terminal();
    t.equal(output.written, '\x1b[?1049h\x1b[?25l');
    output.written = '';
    screen.show(() => ['one', 'two']);
    t.equal(output.written, '\x1b[?2026h\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J\x1b[?2026l');
    screen.close();
  },
);

t.test('it has as many lines as the terminal, and follows its size', async (t) => {
  const { output, screen } = terminal({ columns: 40, rows: 2 });
  const seen: number[] = [];
  screen.show((columns) => {
    seen.push(columns);
    return ['1', '2', '3'];
  });
  t.notMatch(output.written, '3\x1b[K');
  Object.assign(output, { columns: 0, rows: 0 });
  output.emit('resize');
  t.strictSame(seen, [40, 80], '80 where the terminal does not say');
  t.match(output.written, '3\x1b[K');
  screen.close();
  output.emit('resize');
  t.equal(seen.length, 2);
});

t.test('q quits, Ctrl-C interrupts, no other key does anything', async (t) => {
  const { input, told, screen } = terminal();
  t.ok(input.raw);
  for (const keys of ['x', '\x1b[A', '\x1a', 'q', 'Q', '\x03', 'q\x03'])
    input.emit('data', Buffer.from(keys));
  t.strictSame(told, ['quit', 'quit', 'interrupt', 'interrupt']);
  screen.close();
});

t.test('the terminal is given back once, by close or by the end of the process', async (t) => {
  const listeners = process.listenerCount('exit');
  const { output, input, screen } = terminal();
  t.equal(process.listenerCount('exit'), listeners + 1);
  output.written = '';
  process.listeners('exit').at(-1)?.(0);
  screen.close();
  t.equal(output.written, '\x1b[?25h\x1b[?1049l');
  t.notOk(input.raw);
  t.ok(input.paused);
  t.equal(process.listenerCount('exit'), listeners);
  t.equal(output.listenerCount('resize') + input.listenerCount('data'), 0);
});

t.test('keys are read from a terminal only', async (t) => {
  const { input, screen } = terminal({ isTTY: false });
  t.equal(input.listenerCount('data'), 0);
  screen.close();
  t.notOk(input.paused);
});
