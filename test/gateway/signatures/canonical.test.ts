import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  canonicalQuery,
  canonicalRequest,
  equalSignatures,
  headerFields,
  parseQuery,
  percentDecode,
  percentEncode,
  sha256,
  signedNames,
} from '../../../src/gateway/signatures/canonical.js';

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

t.test('what is encoded is decoded; what is no encoding stays', async (t) => {
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
    t.equal(canonicalQuery(parseQuery(query)), wanted, query);
});

t.test(
  'the canonical query is canonical, and the order of the parameters does not matter',
  async (t) => {
    const parameters = fc.array(fc.tuple(latin1, latin1), { maxLength: 6 });
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(parameters, fc.infiniteStream(fc.nat()), (list, order) => {
          const canonical = canonicalQuery(list);
          const shuffled = list
            .map((pair) => [order.next().value as number, pair] as const)
            .sort(([a], [b]) => a - b)
            .map(([, pair]) => pair);
          return (
            canonicalQuery(shuffled) === canonical &&
            canonicalQuery(parseQuery(canonical)) === canonical &&
            parseQuery(canonical).length === list.length
          );
        }),
      ),
    );
  },
);

t.test('header fields are gathered by lower-case name, in order', async (t) => {
  t.strictSame(
    [...headerFields(['X-A', '1', 'Host', 'b', 'x-a', '', '__proto__', 'c', 'X-A', '1', 'odd'])],
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
    t.strictSame(headerFields(['a', value]).get('a'), [wanted], JSON.stringify(value));
});

t.test('signed names are lower-case, sorted and unique', async (t) => {
  t.strictSame(signedNames('host'), ['host']);
  t.strictSame(signedNames('a-b;a0;a_b;host'), ['a-b', 'a0', 'a_b', 'host']);
  for (const list of ['', ';', 'host;', ';host', 'Host', 'b;a', 'a;a', 'a;;b', 'a;b;a', 'É'])
    t.equal(signedNames(list), undefined, list);
});

t.test('a canonical request has six lines, the last of which is to come', async (t) => {
  t.equal(
    canonicalRequest('POST', '/', 'a=1', 'host:b\nx:\n', 'host;x'),
    'POST\n/\na=1\nhost:b\nx:\n\nhost;x\n',
  );
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
