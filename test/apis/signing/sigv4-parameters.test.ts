import t from 'tap';
import { commonError } from '../../../src/apis/aws-json/errors.js';
import { parseRequest, type QueryParameter } from '../../../src/apis/signing/canonical-request.js';
import { readSignatureParts } from '../../../src/apis/signing/sigv4-parameters.js';

const credential = 'AKIDEXAMPLE/20181105/eu-west-1/kms/aws4_request';
const signature = '0'.repeat(64);
const scheme = 'AWS4-HMAC-SHA256';
const header = `${scheme} Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
const time = Date.UTC(2018, 10, 5, 22, 16, 4);

/** Reads the parts of a request with these header fields and parameters. */
const read = (fields: readonly (readonly [string, string])[], query: readonly QueryParameter[]) =>
  readSignatureParts(
    parseRequest({
      ...{ method: 'POST', path: '/', body: Buffer.alloc(0), rawHeaders: fields.flat() },
      query: query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&'),
    }),
    () => commonError('MissingAuthenticationTokenException'),
  );

const inHeader = (fields: Record<string, string | string[] | undefined>) =>
  read(
    Object.entries({ authorization: header, 'x-amz-date': '20181105T221604Z', ...fields }).flatMap(
      ([name, values]) => [values ?? []].flat().map((value): [string, string] => [name, value]),
    ),
    [],
  );

const link: Readonly<Record<string, string | undefined>> = {
  'X-Amz-Algorithm': scheme,
  'X-Amz-Credential': credential,
  'X-Amz-Date': '20181105T221604Z',
  'X-Amz-SignedHeaders': 'host',
  'X-Amz-Signature': signature,
};
const inQuery = (changes: Record<string, string | undefined>, ...more: QueryParameter[]) =>
  read(
    [['host', 'localhost']],
    [
      ...Object.entries({ ...link, ...changes }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
      ...more,
    ],
  );

const incomplete = (message: string) => ({
  code: 'IncompleteSignatureException',
  status: 400,
  message,
});
const missing = (...names: string[]) =>
  names.map((name) => `Authorization header requires '${name}' parameter. `).join('');
const noDate =
  "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
const missingInQuery = (...names: string[]) =>
  `${names.map((name) => `AWS query-string parameters must include '${name}'. `).join('')}Re-examine the query-string parameters.`;

t.test('the parts are the same in the header and in the query', async (t) => {
  const common = { algorithm: scheme, credential, signature, time, timestamp: '20181105T221604Z' };
  t.strictSame(inHeader({ 'x-amz-security-token': 'token' }), {
    ...common,
    signedHeaders: 'host;x-amz-date',
    lifetimeMs: 300_000,
    sessionToken: 'token',
    query: [],
  });
  const { query, ...parts } = inQuery({ 'X-Amz-Security-Token': 'token' }, ['a', 'b']);
  t.strictSame(parts, {
    ...common,
    signedHeaders: 'host',
    lifetimeMs: 300_000,
    sessionToken: 'token',
  });
  t.strictSame(
    query.map(([name]) => name),
    [
      ...Object.keys(link).filter((name) => name !== 'X-Amz-Signature'),
      'X-Amz-Security-Token',
      'a',
    ],
    'all of the query is signed but the signature',
  );
});

t.test('no signature, or one of another scheme, is a missing token', async (t) => {
  for (const authorization of [undefined, '', 'Bearer AWS4-', 'Basic YQ==', 'aws4-hmac-sha256 a=b'])
    t.throws(
      () => inHeader({ authorization }),
      {
        code: 'MissingAuthenticationTokenException',
        status: 400,
        message: 'Missing Authentication Token',
      },
      `${authorization}`,
    );
  t.throws(() => inQuery({ 'X-Amz-Algorithm': undefined }), {
    code: 'MissingAuthenticationTokenException',
  });
});

t.test('a signature in the header and one in the query are too many', async (t) => {
  for (const authorization of [header, 'Bearer a', ''])
    t.throws(
      () => read([['authorization', authorization]], [['X-Amz-Algorithm', scheme]]),
      {
        code: 'InvalidSignatureException',
        message:
          "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
      },
      authorization,
    );
});

t.test('an incomplete header is told all that it lacks, and only that', async (t) => {
  const parts = { Credential: credential, SignedHeaders: 'host', Signature: signature };
  for (const [names, date, text] of [
    [['Credential', 'SignedHeaders'], '20181105T221604Z', missing('Signature')],
    [['Credential', 'Signature'], '20181105T221604Z', missing('SignedHeaders')],
    [['SignedHeaders', 'Signature'], '20181105T221604Z', missing('Credential')],
    [[], '20181105T221604Z', missing('Credential', 'Signature', 'SignedHeaders')],
    [[], undefined, missing('Credential', 'Signature', 'SignedHeaders') + noDate],
    [['Credential', 'SignedHeaders', 'Signature'], undefined, noDate],
  ] as const) {
    const list = names.map((name) => `${name}=${parts[name]}`);
    const authorization = [scheme, list.join(', ')].join(' ').trim();
    t.throws(
      () => inHeader({ authorization, 'x-amz-date': date }),
      incomplete(`${text}Authorization=${authorization}`),
      text,
    );
  }
  const empty = header.replace(signature, '');
  t.throws(
    () => inHeader({ authorization: empty }),
    incomplete(`${missing('Signature')}Authorization=${empty}`),
    'empty is as good as absent',
  );
});

t.test('an incomplete query is told all that it lacks, and only that', async (t) => {
  for (const name of ['X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date'])
    for (const value of [undefined, ''])
      t.throws(() => inQuery({ [name]: value }), incomplete(missingInQuery(name)), name);
  t.throws(
    () => read([], [['X-Amz-Algorithm', '']]),
    incomplete(
      missingInQuery(
        ...['Algorithm', 'Credential', 'Signature', 'SignedHeaders', 'Date'].map(
          (name) => `X-Amz-${name}`,
        ),
      ),
    ),
  );
});

t.test('a part without an equal-sign is shown', async (t) => {
  for (const [from, to, part] of [
    ['Credential=', 'Credential= ', credential],
    ['Credential=', 'Credential ', 'Credential'],
    ['Signature=', '', signature],
  ] as const) {
    const authorization = header.replace(from, to);
    t.throws(
      () => inHeader({ authorization }),
      incomplete(
        `'${part}' not a valid key=value pair (missing equal-sign) in Authorization header: '${authorization}'.`,
      ),
      authorization,
    );
  }
});

t.test('what there may be only one of is refused when there are two', async (t) => {
  for (const name of [
    'authorization',
    'host',
    'date',
    'x-amz-date',
    'x-amz-security-token',
    'x-amz-content-sha256',
  ])
    t.throws(
      () => inHeader({ [name]: ['a', 'a'] }),
      incomplete(`'${name}' must not be repeated.`),
      name,
    );
  for (const name of ['Credential', 'SignedHeaders', 'Signature'])
    t.throws(
      () => inHeader({ authorization: `${header}, ${name}=a` }),
      incomplete(`'${name}' must not be repeated.`),
      name,
    );
  for (const name of Object.keys({ ...link, 'X-Amz-Security-Token': '' }))
    t.throws(
      () => inQuery({ 'X-Amz-Security-Token': '' }, [name, 'a']),
      incomplete(`'${name}' must not be repeated.`),
      name,
    );
  t.doesNotThrow(() => inQuery({}, ['a', ''], ['a', '']), 'others may come twice');
});

t.test('the time has one form, and Date that of HTTP too', async (t) => {
  const refused = (text: string) =>
    incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${text}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  for (const text of ['', '2018', '2018-11-05T22:16:04Z', '20180230T000000Z', '20181105T221604']) {
    t.throws(() => inHeader({ 'x-amz-date': text }), refused(text), text);
    t.throws(() => inHeader({ 'x-amz-date': undefined, date: text }), refused(text), text);
    if (text !== '') t.throws(() => inQuery({ 'X-Amz-Date': text }), refused(text), text);
  }
  const httpDate = 'Mon, 05 Nov 2018 22:16:04 GMT';
  t.match(inHeader({ 'x-amz-date': undefined, date: httpDate }), {
    time,
    timestamp: '20181105T221604Z',
  });
  t.throws(() => inHeader({ 'x-amz-date': httpDate }), refused(httpDate));
  for (const text of [
    'Tue, 05 Nov 2018 22:16:04 GMT',
    'Mon, 05 Nov 2018 22:16:04 UTC',
    'Mon, 05 Nov 2018 23:16:04 +01',
    'mon, 05 Nov 2018 22:16:04 GMT',
    '-----------------------------',
  ])
    t.throws(() => inHeader({ 'x-amz-date': undefined, date: text }), refused(text), text);
});

t.test('X-Amz-Expires is an integer from 1 to a week', async (t) => {
  for (const [text, lifetimeMs] of [
    ['1', 1000],
    ['300', 300_000],
    ['604800', 300_000],
  ] as const)
    t.equal(inQuery({ 'X-Amz-Expires': text }).lifetimeMs, lifetimeMs, text);
  for (const text of [
    '',
    '0',
    '-1',
    '+1',
    '1.5',
    '1e2',
    '01',
    ' 1',
    '604801',
    '9'.repeat(400),
    'NaN',
  ])
    t.throws(
      () => inQuery({ 'X-Amz-Expires': text }),
      incomplete('X-Amz-Expires must be an integer from 1 to 604800.'),
      text,
    );
});
