import t from 'tap';
import { jsonAnswer, parseJson } from '../../src/apis/api.js';

t.test('reads JSON, or throws the error of the API with the parser’s as its cause', async (t) => {
  const refusal = (options: ErrorOptions) => new RangeError('none', options);
  for (const [text, value] of [
    ['{"a":[1,"é"]}', { a: [1, 'é'] }],
    [' null ', null],
    ['1', 1],
  ] as const)
    t.strictSame(parseJson(Buffer.from(text), refusal), value, text);
  for (const text of ['', '{', '{"a":1}x', '\ufeff{}', 'undefined'])
    t.throws(
      () => parseJson(Buffer.from(text), refusal),
      { name: 'RangeError', message: 'none', cause: { name: 'SyntaxError' } },
      JSON.stringify(text),
    );
  const spoiled = Buffer.from([0x22, 0xff, 0x22]);
  t.equal(parseJson(spoiled, refusal), '\ufffd', 'what is no UTF-8 is replaced');
});

t.test('answers with JSON, under the content type of the API', async (t) => {
  t.strictSame(jsonAnswer(201, { a: 1 }, { b: '2' }), {
    status: 201,
    headers: { 'Content-Type': 'application/json', b: '2' },
    body: '{"a":1}',
  });
  t.match(jsonAnswer(200, {}, { 'Content-Type': 'x/y' }).headers, { 'Content-Type': 'x/y' });
});
