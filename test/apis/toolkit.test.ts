import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import {
  bearerToken,
  errorReason,
  jsonResponse,
  parseJson,
  shellWord,
  thrownBy,
} from '../../src/apis/toolkit.js';
import { ServiceError } from '../../src/common/errors.js';

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
  t.strictSame(jsonResponse(201, { a: 1 }, { b: '2' }), {
    status: 201,
    headers: { 'Content-Type': 'application/json', b: '2' },
    body: '{"a":1}',
  });
  t.match(jsonResponse(200, {}, { 'Content-Type': 'x/y' }).headers, { 'Content-Type': 'x/y' });
});

t.test(
  'a code of the API has the reason that the API gives it, or is the request’s fault',
  async (t) => {
    const reasons = new Map([['E1', 'throttled']] as const);
    for (const [code, reason] of [
      ['E1', 'throttled'],
      ['E2', 'request'],
    ] as const)
      t.equal(
        errorReason({ kind: 'thrown', error: new ServiceError(code, 400, '') }, reasons),
        reason,
      );
  },
);

t.test('a refusal of the gateway is an error too, and a thrown one stays what it is', async (t) => {
  const error = new Error('x');
  t.equal(thrownBy({ kind: 'thrown', error }), error);
  for (const [kind, code] of [
    ['webPage', 'ERR_FORBIDDEN'],
    ['tooLarge', 'ERR_TOO_LARGE'],
    ['busy', 'ERR_BUSY'],
  ] as const)
    t.match(thrownBy({ kind }), { code });
});

t.test('a Bearer token is one word behind its scheme', async (t) => {
  for (const [field, token] of [
    ['Bearer a.b~c+/=', 'a.b~c+/='],
    ['bearer  x', 'x'],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer x y', undefined],
    ['Basic x', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const)
    t.equal(bearerToken(field), token, String(field));
});

t.test('any text is one word of the shell', async (t) => {
  const text = fc.string({ minLength: 1, unit: fc.constantFrom(...' \'"$`\\*;|&<>(){}ab/-~') });
  fc.assert(
    fc.property(text, (wanted) => {
      const script = `printf %s ${shellWord(wanted)}`;
      return spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout === wanted;
    }),
    { numRuns: 50 },
  );
  t.equal(shellWord('/run/a.sock'), '/run/a.sock', 'by itself if it can be');
});
