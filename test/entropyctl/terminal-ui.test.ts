import { EventEmitter } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import fc from 'fast-check';
import t from 'tap';
import { paintFor } from '../../src/common/terminal.js';
import {
  bytes,
  cell,
  count,
  cut,
  duration,
  perSecond,
  render,
  Screen,
  widthOf,
  wrap,
} from '../../src/entropyctl/terminal-ui.js';

t.test('counts are exact up to 9999, then three digits and a prefix', async (t) => {
  for (const [value, text] of [
    [0, '0'],
    [9999, '9999'],
    [10_000, '10.0 k'],
    [12_345, '12.3 k'],
    [99_949, '99.9 k'],
    [99_950, '100 k'],
    [999_499, '999 k'],
    [999_999, '1.00 M'],
    [4_560_000, '4.56 M'],
    [Number.MAX_SAFE_INTEGER, '9.01 P'],
    [1e24, '1.00 Y'],
  ] as const)
    t.equal(count(value), text, String(value));
});

t.test('sizes are in powers of 1024', async (t) => {
  for (const [value, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [12_595, '12.3 KiB'],
    [1_048_575, '1.00 MiB'],
    [65_536, '64.0 KiB'],
    [4.56 * 2 ** 30, '4.56 GiB'],
    [2 ** 53, '8.00 PiB'],
  ] as const)
    t.equal(bytes(value), text, String(value));
});

t.test('small rates have decimals', async (t) => {
  for (const [value, text] of [
    [0, '0/s'],
    [0.251, '0.25/s'],
    [9.99, '9.99/s'],
    [12.34, '12.3/s'],
    [345.6, '346/s'],
    [12_345, '12.3 k/s'],
  ] as const)
    t.equal(perSecond(value), text, String(value));
});

t.test('durations have their two largest units', async (t) => {
  for (const [value, text] of [
    [0, '0 s'],
    [0.000_005, '5 µs'],
    [0.000_05, '50 µs'],
    [0.000_999_9, '1 ms'],
    [0.001, '1 ms'],
    [0.0123, '12.3 ms'],
    [0.5, '500 ms'],
    [1, '1 s'],
    [59.4, '59 s'],
    [59.5, '1 min 0 s'],
    [185, '3 min 5 s'],
    [3600, '1 h 0 min'],
    [14_530, '4 h 2 min'],
    [86_400, '1 d 0 h'],
    [1_047_600, '12 d 3 h'],
    [1e9, '11.6 k d 1 h'],
  ] as const)
    t.equal(duration(value), text, String(value));
});

t.test('a value that is not an amount is a question mark, and no amount is wide', async (t) => {
  for (const value of [undefined, null, '5', -1, Number.NaN, Number.POSITIVE_INFINITY, {}])
    for (const unit of [bytes, count, duration, perSecond]) t.equal(unit(value), '?');
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2 ** 64, noNaN: true }), (value) =>
      [bytes, count, duration, perSecond].every((unit) => unit(value).length <= 15),
    ),
  );
});

t.test(
  'text that is too wide is cut with an ellipsis, by columns and not by letters',
  async (t) => {
    for (const [text, columns, wanted] of [
      ['abc', 3, 'abc'],
      ['abcd', 3, 'ab…'],
      ['abcd', 1, '…'],
      ['abcd', 0, ''],
      ['表表表', 6, '表表表'],
      ['表表表', 5, '表表…'],
      ['表表表', 4, '表…'],
      ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
      ['\u304b\u3099', 2, '\u304b\u3099'],
    ] as const)
      t.equal(cut(text, columns), wanted, `${text} ${columns}`);
  },
);

t.test('a cell has the width asked for', async (t) => {
  t.equal(cell('a', 3), 'a  ');
  t.equal(cell('a', 3, 'right'), '  a');
  t.equal(cell('abcd', 3, 'right'), 'ab…');
  t.equal(cell('表', 4), '表  ');
});

t.test('a paragraph breaks between words, and inside a word longer than a line', async (t) => {
  for (const [text, columns, maxLines, wanted] of [
    ['', 5, 3, []],
    ['one two', 10, 3, ['one two']],
    ['one two three', 7, 3, ['one two', 'three']],
    ['one two three', 8, 3, ['one two', 'three']],
    ['onetwothree', 5, 3, ['onetw', 'othre', 'e']],
    ['one two three four', 7, 2, ['one two', 'three …']],
    ['  one  ', 5, 1, ['one']],
  ] as const)
    t.strictSame(wrap(text, columns, maxLines), wanted, text);
});

t.test('no line of any text is wider, and no word is lost while there is room', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.integer({ min: 2, max: 20 }),
      (text, columns) => {
        const lines = wrap(text, columns, 1000);
        return (
          lines.every((line) => widthOf(line) <= columns) &&
          cut(text, columns).length <= Math.max(text.length, 1) &&
          widthOf(cut(text, columns)) <= columns &&
          lines.join('').replace(/\s/g, '') === text.replace(/\s/g, '')
        );
      },
    ),
  );
});

t.test('a line is cut as a whole, painted, and has no trailing spaces', async (t) => {
  const line = [{ text: 'one ' }, { text: 'two', style: 'red' as const }, { text: '   ' }];
  const plain = paintFor({}, {});
  const colors = paintFor({}, { FORCE_COLOR: '1' });
  t.equal(render(line, plain), 'one two');
  t.equal(render(line, colors), 'one \x1b[31mtwo\x1b[39m');
  t.equal(render(line, colors, 6), 'one \x1b[31mt…\x1b[39m');
  t.equal(render([{ text: '  ', style: 'bold' }, { text: 'x' }], colors), '  x');
  t.equal(render([{ text: '   ' }], plain), '');
});

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
  const keys: string[] = [];
  const screen = new Screen(output as unknown as WriteStream, input as unknown as ReadStream, {
    onQuit: () => keys.push('quit'),
    onInterrupt: () => keys.push('interrupt'),
  });
  return { output, input, keys, screen };
}

t.test('a drawing replaces the last one, in one write, and clears what was longer', async (t) => {
  const { output, screen } = terminal();
  t.equal(output.written, '\x1b[?1049h\x1b[?25l');
  output.written = '';
  screen.show(() => ['one', 'two']);
  t.equal(output.written, '\x1b[?2026h\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J\x1b[?2026l');
  screen.close();
});

t.test('a screen has as many rows as the terminal, and follows its size', async (t) => {
  const { output, screen } = terminal({ columns: 40, rows: 2 });
  const seen: number[] = [];
  screen.show((columns) => {
    seen.push(columns);
    return ['1', '2', '3'];
  });
  t.notMatch(output.written, '3\x1b[K');
  Object.assign(output, { columns: 0, rows: 0 });
  output.emit('resize');
  t.strictSame(seen, [40, 80], '80 if the terminal does not report its size');
  t.match(output.written, '3\x1b[K');
  screen.close();
  output.emit('resize');
  t.equal(seen.length, 2);
});

t.test('q quits, Ctrl-C interrupts, no other key does anything', async (t) => {
  const { input, keys: pressed, screen } = terminal();
  t.ok(input.raw);
  for (const keys of ['x', '\x1b[A', '\x1a', 'q', 'Q', '\x03', 'q\x03'])
    input.emit('data', Buffer.from(keys));
  t.strictSame(pressed, ['quit', 'quit', 'interrupt', 'interrupt']);
  screen.close();
});

t.test('the terminal is restored once, by close or by the end of the process', async (t) => {
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
