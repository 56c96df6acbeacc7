import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  canonicalRequest,
  equalSignatures,
  formatBasicTime,
  parseBasicTime,
  parseRequest,
  percentDecode,
  percentEncode,
  type SignedRequest,
  sha256,
  signedNames,
} from '../../../src/apis/signing/canonical-request.js';

const parsed = (request: Partial<SignedRequest> = {}) =>
  parseRequest({
    ...{ method: 'POST', path: '/', query: '', rawHeaders: [], body: Buffer.alloc(0) },
    ...request,
  });
const fieldsOf = (rawHeaders: string[]) => parsed({ rawHeaders }).fields;
const authorizationOf = (text: string) =>
  parsed({ rawHeaders: ['Authorization', text] }).authorization;

/** The third line of a canonical request. */
const canonicalQuery = (query: string) =>
  canonicalRequest(parsed({ query }), [], {}).split('\n')[2];

const latin1 = fc
  .uint8Array({ maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

t.test('every byte but the unreserved characters of RFC 3986 2.3 is encoded', async (t) => {
  const unreserved = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~';
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    const wanted = unreserved.includes(character) ? character : `%${hex}`;
    t.equal(percentEncode(character), wanted, `${byte}`);
    t.equal(percentDecode(`%${hex}`), character);
    t.equal(percentDecode(`%${hex.toLowerCase()}`), character);
  }
});

t.test('what is encoded is decoded; what is not an encoding stays', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(fc.property(latin1, (text) => percentDecode(percentEncode(text)) === text)),
  );
  for (const [text, wanted] of [
    ['%', '%'],
    ['%4', '%4'],
    ['%4g%', '%4g%'],
    ['%%41', '%A'],
    ['%2541', '%41'],
    ['%C3%A9', 'Ã©'],
    ['+', '+'],
  ] as const)
    t.equal(percentDecode(text), wanted, text);
});

t.test('a query is decoded, encoded alike and sorted by name, then by value', async (t) => {
  for (const [query, wanted] of [
    ['', ''],
    ['&', ''],
    ['a', 'a='],
    ['a=', 'a='],
    ['=', '='],
    ['=b', '=b'],
    ['a=b=c', 'a=b%3Dc'],
    ['a==', 'a=%3D'],
    ['b=1&&a=2&', 'a=2&b=1'],
    ['a=2&a=1&a', 'a=&a=1&a=2'],
    ['a=1&a=1', 'a=1&a=1'],
    ['B=1&a=1', 'B=1&a=1'],
    ['a=%7e%c3%a9', 'a=~%C3%A9'],
    ['a=é', 'a=%E9'],
    ['a=%', 'a=%25'],
    ['a=+', 'a=%2B'],
    ["a=!'()*", 'a=%21%27%28%29%2A'],
    ['%61=1', 'a=1'],
    ['a%3Db=c', 'a%3Db=c'],
    ['a%26b=c', 'a%26b=c'],
    // By name, not by line: `-`, `.` and digits come before `=`.
    ['a-=1&a.=1&a0=1&a=1', 'a=1&a-=1&a.=1&a0=1'],
    // By encoded name: `%3A` before `0`, though `:` comes after it.
    ['a0=1&a:=1', 'a%3A=1&a0=1'],
    ['__proto__=1&constructor=1', '__proto__=1&constructor=1'],
  ] as const)
    t.equal(canonicalQuery(query), wanted, query);
});

t.test('a canonical query stays as it is, whatever the order of its parameters was', async (t) => {
  const parameters = fc.array(fc.tuple(latin1, latin1), { maxLength: 6 });
  const text = (list: readonly (readonly string[])[]) =>
    list.map((pair) => pair.map(percentEncode).join('=')).join('&');
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(parameters, fc.infiniteStream(fc.nat()), (list, order) => {
        const canonical = canonicalQuery(text(list)) ?? '';
        const shuffled = list
          .map((pair) => [order.next().value as number, pair] as const)
          .sort(([a], [b]) => a - b)
          .map(([, pair]) => pair);
        return (
          canonicalQuery(text(shuffled)) === canonical &&
          canonicalQuery(canonical) === canonical &&
          parsed({ query: canonical }).query.length === list.length
        );
      }),
    ),
  );
});

t.test('header fields are gathered by lower-case name, in order', async (t) => {
  t.strictSame(
    [...fieldsOf(['X-A', '1', 'Host', 'b', 'x-a', '', '__proto__', 'c', 'X-A', '1', 'odd'])],
    [
      ['x-a', ['1', '', '1']],
      ['host', ['b']],
      ['__proto__', ['c']],
    ],
  );
});

t.test('spaces and tabs around a value go, no other byte does', async (t) => {
  for (const [value, wanted] of [
    ['', ''],
    [' ', ''],
    ['\t \t', ''],
    [' \ta  b\t ', 'a  b'],
    // UTF-8 of à and Å: its last byte is what latin1 calls a no-break space, a next line.
    ['\xc3\xa0', '\xc3\xa0'],
    ['\xc3\x85 ', '\xc3\x85'],
    ['\xa0a\x85', '\xa0a\x85'],
    ['\va\f', '\va\f'],
  ] as const)
    t.strictSame(fieldsOf(['a', value]).get('a'), [wanted], JSON.stringify(value));
});

t.test('signed names are lower-case, sorted and unique', async (t) => {
  t.strictSame(signedNames('host'), ['host']);
  t.strictSame(signedNames('a-b;a0;a_b;host'), ['a-b', 'a0', 'a_b', 'host']);
  for (const list of ['', ';', 'host;', ';host', 'Host', 'b;a', 'a;a', 'a;;b', 'a;b;a', 'É'])
    t.equal(signedNames(list), undefined, list);
});

t.test('a canonical request has six lines, the last of which is to come', async (t) => {
  const request = parsed({
    query: 'b=2&a=1',
    rawHeaders: ['X', 'c', 'Host', ' b ', 'X', 'd  \t e', 'unsigned', ''],
  });
  for (const [form, wanted] of [
    [{}, 'POST\n/\na=1&b=2\nhost:b\nx:c,d  \t e\n\nhost;x\n'],
    [{ foldBlanks: true }, 'POST\n/\na=1&b=2\nhost:b\nx:c,d e\n\nhost;x\n'],
    [
      { path: '/p', query: [['c', '3']] as const },
      'POST\n/p\nc=3\nhost:b\nx:c,d  \t e\n\nhost;x\n',
    ],
  ] as const)
    t.equal(canonicalRequest(request, ['host', 'x'], form), wanted);
});

t.test('texts are hashed as the bytes they stand for', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const wanted = createHash('sha256').update(bytes).digest('hex');
        return sha256(bytes) === wanted && sha256(Buffer.from(bytes).toString('latin1')) === wanted;
      }),
    ),
  );
  t.equal(sha256(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

t.test('signatures are equal when all of their characters are', async (t) => {
  const signature = sha256('');
  t.ok(equalSignatures(signature, signature));
  for (let at = 0; at < signature.length; at++) {
    const other = signature[at] === '0' ? '1' : '0';
    t.notOk(equalSignatures(signature, signature.slice(0, at) + other + signature.slice(at + 1)));
  }
  // U+0165 and U+0161 have the low bytes of `e` and `a`.
  for (const other of [
    '',
    signature.slice(1),
    `${signature}0`,
    signature.toUpperCase(),
    `\u0165${signature.slice(1)}`,
    `${signature}\n`,
  ])
    t.notOk(equalSignatures(signature, other), other);
});

t.test('a scheme and its parameters, however they are separated', async (t) => {
  for (const header of ['S a=1, b=2', 'S a=1,b=2', 'S  a=1 b=2', 'S\ta=1 ,, b=2,', 'S,a=1,b=2'])
    t.strictSame(
      authorizationOf(header),
      {
        text: header.replace(/ $/, ''),
        scheme: 'S',
        parameters: new Map([
          ['a', '1'],
          ['b', '2'],
        ]),
        malformed: undefined,
        repeated: undefined,
      },
      header,
    );
});

t.test('faults are named: the first of each', async (t) => {
  for (const [header, malformed, repeated] of [
    ['', undefined, undefined],
    ['S', undefined, undefined],
    ['S a', 'a', undefined],
    ['S a= 1, b', '1', undefined],
    ['S a=1, a=2, b=1, b=1', undefined, 'a'],
    ['S =1, =2', undefined, ''],
    ['S a=1 x a=1', 'x', 'a'],
    ['S __proto__=1, __proto__=1', undefined, '__proto__'],
  ] as const)
    t.match(authorizationOf(header), { malformed, repeated }, header);
});

t.test('a value keeps its equal-signs; of a repeated one the first counts', async (t) => {
  const authorization = authorizationOf('S a==1=, b=, a=2');
  t.strictSame(
    [...(authorization?.parameters ?? [])],
    [
      ['a', '=1='],
      ['b', ''],
    ],
  );
});

t.test('every second of the years 0 to 9999 is written and read', async (t) => {
  const first = Date.parse('0000-01-01T00:00:00Z') / 1000;
  const last = Date.parse('9999-12-31T23:59:59Z') / 1000;
  // Date.UTC takes the years 0 to 99 for the 20th century: they are refused.
  const firstRead = Date.parse('0100-01-01T00:00:00Z') / 1000;
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (second) => {
        const text = formatBasicTime(second * 1000 + 999);
        const wanted = second < firstRead ? undefined : second * 1000;
        return /^\d{8}T\d{6}Z$/.test(text) && parseBasicTime(text) === wanted;
      }),
    ),
  );
  t.equal(formatBasicTime(Date.UTC(2015, 7, 30, 12, 36)), '20150830T123600Z');
  t.equal(parseBasicTime('20150830T123600Z'), Date.UTC(2015, 7, 30, 12, 36));
});

t.test('nothing else is read', async (t) => {
  for (const text of [
    '',
    '20150830T123600',
    '20150830T123600z',
    '20150830t123600Z',
    ' 20150830T123600Z',
    '20150830T123600Z\n',
    '2015-08-30T12:36:00Z',
    '20150830T123600.0Z',
    '20150830T123600+0000',
    '20150230T000000Z',
    '20150229T000000Z',
    '20150001T000000Z',
    '20151301T000000Z',
    '20150100T000000Z',
    '20150132T000000Z',
    '20150830T240000Z',
    '20150830T236000Z',
    '20150830T235960Z',
    '٢٠١٥٠٨٣٠T123600Z',
  ])
    t.equal(parseBasicTime(text), undefined, JSON.stringify(text));
  t.equal(parseBasicTime('20160229T235959Z'), Date.UTC(2016, 1, 29, 23, 59, 59), 'a leap year');
});

t.test('without the header there is no authorization; of two the first is taken', async (t) => {
  t.equal(parsed().authorization, undefined);
  const rawHeaders = ['authorization', 'A a=1', 'AUTHORIZATION', 'B b=1'];
  t.match(parsed({ rawHeaders }).authorization, { scheme: 'A', text: 'A a=1' });
});
