import util from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { paintFor, printable, printableJson, printablePage } from '../../src/common/terminal.js';

t.test('text is colored on a terminal, unless the environment says otherwise', async (t) => {
  for (const [isTTY, env, colored] of [
    [true, {}, true],
    [true, { TERM: 'xterm' }, true],
    [true, { TERM: 'dumb' }, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: 'false' }, false],
    [false, {}, false],
    [undefined, {}, false],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '' }, false],
    [false, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ] as const)
    t.equal(
      paintFor({ isTTY }, env)('red', 'x'),
      colored ? '\x1b[31mx\x1b[39m' : 'x',
      `terminal: ${isTTY} ${JSON.stringify(env)}`,
    );
});

t.test('if Node has no styles there are no colors', async (t) => {
  t.intercept(util, 'styleText', { value: undefined });
  t.equal(paintFor({ isTTY: true }, {})('red', 'x'), 'x');
});

t.test('what a terminal would obey is replaced by U+FFFD', async (t) => {
  for (const [text, wanted] of [
    ['plain text, ümläut', 'plain text, ümläut'],
    ['a\nb\r\tc', 'a\ufffdb\ufffd\ufffdc'],
    ['\x1b[31m\x9b2J\x07\x7f\x00', '\ufffd[31m\ufffd2J\ufffd\ufffd\ufffd'],
    ['a\u202eb\u2066c\u200bd\ufeff', 'a\ufffdb\ufffdc\ufffdd\ufffd'],
    ['a\u2028b\u2029', 'a\ufffdb\ufffd'],
    ['\ud800', '\ufffd'],
  ] as const)
    t.equal(printable(text), wanted, `as ${wanted.length} characters`);
  for (const [value, wanted] of [
    [5, '5'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ toString: 5 }, '?'],
    [[], '?'],
    [Symbol('x'), '?'],
  ])
    t.equal(printable(value), wanted);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\p{Cf}]/u.test(printable(text))),
  );
});

t.test('a page keeps its line feeds, and nothing else that a terminal would obey', async (t) => {
  t.equal(
    printablePage('a 1\n# b\x1b[2J\x9b\r\t\u202e\n'),
    'a 1\n# b\ufffd[2J\ufffd\ufffd\ufffd\ufffd\n',
  );
});

t.test('JSON has the same values, and nothing that a terminal would obey', async (t) => {
  t.equal(printableJson(['\x1b\x9b\u202e\u{e0001}é']), '["\\u001b\\u009b\\u202e\\udb40\\udc01é"]');
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
        const json = printableJson(texts);
        return (
          printable(json) === json && JSON.stringify(JSON.parse(json)) === JSON.stringify(texts)
        );
      }),
    ),
  );
});
