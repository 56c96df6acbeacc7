import fc from 'fast-check';
import t from 'tap';
import { cell, cut, render, widthOf, wrap } from '../../src/commands/lines.js';
import { paintFor } from '../../src/common/terminal.js';

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

t.test('a cell is as wide as it is said', async (t) => {
  t.equal(cell('a', 3), 'a  ');
  t.equal(cell('a', 3, 'right'), '  a');
  t.equal(cell('abcd', 3, 'right'), 'ab…');
  t.equal(cell('表', 4), '表  ');
});

t.test('a paragraph breaks between words, and long words where the line ends', async (t) => {
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

t.test('whatever the text, no line is wider, and no word is lost while there is room', async () => {
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

t.test('a line is cut as a whole, painted, and has no spaces at its end', async (t) => {
  const line = [{ text: 'one ' }, { text: 'two', style: 'red' as const }, { text: '   ' }];
  const plain = paintFor({}, {});
  const colours = paintFor({}, { FORCE_COLOR: '1' });
  t.equal(render(line, plain), 'one two');
  t.equal(render(line, colours), 'one \x1b[31mtwo\x1b[39m');
  t.equal(render(line, colours, 6), 'one \x1b[31mt…\x1b[39m');
  t.equal(render([{ text: '  ', style: 'bold' }, { text: 'x' }], colours), '  x');
  t.equal(render([{ text: '   ' }], plain), '');
});
