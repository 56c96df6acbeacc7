import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import fc from 'fast-check';
import t from 'tap';
import { authenticationError, genRandomError } from '../../../src/apis/huawei-kms/format.js';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import {
  readSdkHmac,
  type SdkHmacClaim,
  signSdkHmac as sign,
  verifySdkHmac,
} from '../../../src/apis/signing/sdk-hmac.js';
import { describeScheme, edited } from '../../support/signing/scheme.js';
import { type SdkHmacSigning, signSdkHmac } from '../../support/signing/sdk-hmac-signer.js';
import {
  body,
  byName,
  headerOf,
  headers,
  headerValue,
  host,
  method,
  plainAlphabet,
  query,
  queryText,
  secretKey,
  time,
  tokenAlphabet,
  trimmedValue,
  type UnsignedRequest,
  wire,
  withField,
  withHeaders,
} from '../../support/signing/signing.js';

const mismatch = {
  name: 'ServiceError',
  code: 'APIGW.0301',
  status: 401,
  message: 'Incorrect IAM authentication information: verify aksk signature fail',
};
const expired = {
  ...mismatch,
  message: 'Incorrect IAM authentication information: calc ak sk signature fail:signature expired',
};
const errors = {
  invalid: () => genRandomError('APIGW.0301'),
  expired: () => authenticationError('expired'),
};

/** Key and secret of the guide's example. */
const signing: SdkHmacSigning = {
  accessKey: 'QTWAOYTTINDUT2QVKYUC',
  secretKey: 'MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc',
  time: Date.UTC(2019, 10, 15, 3, 36, 55),
};

/** What the SDK for Python sends. */
const plain: UnsignedRequest = {
  method: 'POST',
  path: '/v1.0/project/kms/gen-random',
  query: [],
  headers: [
    ['host', ['kms.eu-de.otc.t-systems.com']],
    ['content-type', ['application/json;charset=utf-8']],
    ['x-project-id', ['project']],
    ['user-agent', ['huaweicloud-usdk-python/3.0']],
  ],
  body: Buffer.from('{"random_data_length":"512"}'),
};

const requests = (
  paths: fc.Arbitrary<string>,
  queries: fc.Arbitrary<UnsignedRequest['query']>,
  alphabet: string,
  values: fc.Arbitrary<string>,
): fc.Arbitrary<UnsignedRequest> =>
  fc.record({
    method,
    path: paths,
    query: queries,
    headers: fc
      // A repeated field has no place in the scheme: the signers have each name once.
      .tuple(
        host,
        headers(
          alphabet,
          values.map((value) => [value]),
        ),
      )
      .map(([name, rest]) => [['host', [name]] as const, ...rest]),
    body,
  });

const segment = fc.string({ unit: fc.constantFrom(..."ab01-._~!*'() é😀%/+"), maxLength: 6 });
const anyPath = fc
  .array(segment, { maxLength: 4 })
  .map((segments) => `/${segments.map(encodeURIComponent).join('/')}`);

/**
 * Signs as Huawei's SDK for Node.js does. Its body is JSON, which holds the request's body.
 */
function signWithSdk(request: UnsignedRequest, by: SdkHmacSigning): SignedRequest {
  const data = request.body.length === 0 ? undefined : { text: request.body.toString('hex') };
  const fields = Object.fromEntries(request.headers.map(([name, [value = '']]) => [name, value]));
  const signedFields: Record<string, string> = AKSKSigner.sign(
    {
      endpoint: `http://localhost${request.path}`,
      method: request.method,
      queryParams: byName(request.query),
      headers: {
        ...fields,
        'X-Sdk-Date': new Date(by.time).toISOString().replace(/[-:]|\.000/g, ''),
        ...(by.securityToken === undefined ? {} : { 'X-Security-Token': by.securityToken }),
      },
      data,
    } as never,
    { getAk: () => by.accessKey, getSk: () => by.secretKey } as never,
  );
  return {
    method: request.method,
    path: request.path,
    query: queryText(request.query),
    rawHeaders: Object.entries(signedFields).flatMap(([name, value]) => [name, wire(value)]),
    body: Buffer.from(data ? JSON.stringify(data) : ''),
  };
}

// The SDK encodes a path that is encoded already once more; those for Go and Python do not.
const sdkPath = fc
  .stringMatching(/^(\/[A-Za-z0-9\-._~]{1,6}){1,4}\/?$/)
  .filter((path) => !/\/\.\.?(\/|$)/.test(path));
// It sorts names before it encodes them, and values likewise: the same for unreserved characters.
const sdkName = fc.stringMatching(/^[A-Za-z0-9\-._~]{1,6}$/).filter((name) => name !== '__proto__');
const sdkQuery = fc.oneof(
  fc.array(fc.tuple(sdkName, fc.oneof(sdkName, fc.constant(''))), { maxLength: 5 }),
  fc.uniqueArray(fc.tuple(sdkName, fc.string({ unit: 'binary', maxLength: 6 })), {
    selector: ([name]) => name,
    maxLength: 5,
  }),
);

const { signed, check, now } = describeScheme<SdkHmacSigning, SdkHmacClaim>({
  plain,
  signing,
  sign: signSdkHmac,
  read: (request) => readSdkHmac(request, errors),
  verify: (request, claim, secretKey, at) =>
    verifySdkHmac(request, claim, { secretKey, now: at, errors }),
  isOf: (claim, by) => claim.accessKey === by.accessKey && claim.securityToken === by.securityToken,
  covered: () => ['authorization'],
  mismatch,
  codes: ['APIGW.0301'],
  status: 401,
  windowMs: 15 * 60_000,
  late: expired,
  early: expired,
  hashField: 'X-Sdk-Content-Sha256',
  dateField: 'x-sdk-date',
  signings: fc.record({
    accessKey: fc.stringMatching(/^[A-Z0-9_=]{1,24}$/),
    secretKey,
    securityToken: fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,32}$/), { nil: undefined }),
    time,
    scope: fc.constant(undefined),
  }),
  oracles: [
    {
      name: 'the specification',
      sign: signSdkHmac,
      requests: requests(anyPath, query, tokenAlphabet, headerValue),
    },
    {
      name: 'the form with a scope',
      sign: (request, by) =>
        signSdkHmac(request, {
          ...by,
          scope: by.time % 2000 === 0 ? ['', ''] : ['eu-de', 'kms'],
          unsigned: ['x-security-token'],
        }),
      requests: requests(anyPath, query, tokenAlphabet, headerValue),
    },
    {
      name: "Huawei's SDK",
      sign: signWithSdk,
      // It does not trim values, and sorts header lines by the rules of a language.
      requests: requests(sdkPath, sdkQuery, plainAlphabet, trimmedValue),
    },
  ],
  pieces: [
    ...['SDK-HMAC-SHA256', 'Access=a', 'Access=a,', 'SignedHeaders=host;x-sdk-date'],
    ...[`Signature=${'0'.repeat(64)}`, '20191115T033655Z'],
  ],
  names: ['X-Sdk-Date', 'X-Security-Token'],
  fields: ['Host', 'a', 'X-Sdk-Date', '20191115T033655Z'],
});

t.test("the guide's example verifies", async (t) => {
  const request = {
    method: 'GET',
    path: '/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs',
    query: 'marker=13551d6b-755d-4757-b956-536f674975c0&limit=2',
    rawHeaders: [
      ...['Host', 'service.region.example.com', 'X-Sdk-Date', '20191115T033655Z'],
      ...['Content-Type', 'application/json', 'Authorization'],
      'SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe',
    ],
    body: Buffer.alloc(0),
  };
  t.match(check(request), { accessKey: 'QTWAOYTTINDUT2QVKYUC', time: now });
});

t.test('a claim says who signed and when', async (t) => {
  for (const securityToken of [undefined, 'token/of+a==temporary key'])
    t.match(check(signed({ securityToken })), {
      accessKey: signing.accessKey,
      securityToken,
      time: now,
    });
});

t.test('a signature that is absent or has another form does not match', async (t) => {
  const request = signed();
  for (const [name, wrong] of [
    ['no Authorization', withHeaders(request, { authorization: undefined })],
    ['an empty one', withHeaders(request, { authorization: '' })],
    ['two', withField(request, 'authorization', headerOf(request, 'authorization'))],
    ['another scheme', edited(request, 'SDK-HMAC-SHA256', 'SDK-HMAC-SHA1')],
    ['no access key', edited(request, signing.accessKey, '')],
    ['a blank in the access key', edited(request, 'Access=', 'Access= ')],
    ['no Access', edited(request, 'Access=', 'Credential=')],
    [
      'Access and Credential',
      edited(request, 'Access=', 'Credential=a/20191115///sdk_request, Access='),
    ],
    ['two of Access', edited(request, 'Access=', 'Access=a, Access=')],
    ['no SignedHeaders', edited(request, /SignedHeaders=[^,]+,/, '')],
    ['no Signature', edited(request, /, Signature=.*/, '')],
    ['a part that is not a pair', edited(request, 'Access=', 'a, Access=')],
    ['not lower-case', edited(request, 'content-type', 'Content-Type')],
    ['not sorted', edited(request, 'content-type;host', 'host;content-type')],
    ['not unique', edited(request, 'host', 'host;host')],
    ['an absent field', edited(request, 'host', 'host;i-am-absent')],
    ['a name of Object', edited(request, 'content-type', 'constructor')],
    ['no X-Sdk-Date', withHeaders(request, { 'x-sdk-date': undefined })],
    ['a signed field twice', withField(request, 'Content-Type', 'text/plain')],
    ['X-Sdk-Date twice', withField(request, 'X-Sdk-Date', '20191115T033655Z')],
    ['another form of time', withHeaders(request, { 'x-sdk-date': '2019-11-15T03:36:55Z' })],
    ['X-Sdk-Date that is not signed', signed({ unsigned: ['x-sdk-date'] })],
    ['a token that is not signed', signed({ securityToken: 'a', unsigned: ['x-security-token'] })],
    ['a token added on the way', withField(request, 'X-Security-Token', 'a')],
    ['an upper-case signature', edited(request, /[0-9a-f]{64}$/, 'A'.repeat(64))],
  ] as const)
    t.throws(() => check(wrong), mismatch, name);
});

t.test('other fields need not be signed, nor come only once then', async (t) => {
  for (const name of ['host', 'content-type', 'x-project-id', 'user-agent']) {
    const request = signed({ unsigned: [name] });
    t.doesNotThrow(() => check(request), name);
    t.doesNotThrow(() => check(withField(request, name, 'another')), `${name} twice`);
  }
});

t.test('the hash of the body may be said, if it is right', async (t) => {
  const right = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'; // of nothing
  const headers = [...plain.headers, ['X-Sdk-Content-Sha256', [right]] as const];
  t.doesNotThrow(() => check(signed({}, { headers, body: Buffer.alloc(0) })));
  t.throws(() => check(signed({}, { headers })), mismatch);
  t.throws(() => check(withField(signed(), 'X-Sdk-Content-Sha256', right)), mismatch, 'unsigned');
});

t.test('the path is encoded once, with a slash at its end', async (t) => {
  for (const path of [
    '/',
    '/a',
    '/a/',
    '/a%20b',
    '/a%2fb',
    '/%7ea',
    '/a%C3%A9',
    '/a//b',
    "/a!*'()",
  ])
    t.doesNotThrow(() => check(signed({}, { path })), path);
  const request = signed({}, { path: '/a%2Fb' });
  t.doesNotThrow(() => check({ ...request, path: '/a%2fb/' }), 'the same path');
  t.throws(() => check({ ...request, path: '/a/b' }), mismatch, 'another path');
});

/** What the SDKs' vectors are signed with. */
const vectorKey = 'SecretKey';

const vector = (
  [method, target, body = '']: readonly [method: string, target: string, body?: string],
  fields: Readonly<Record<string, string>>,
  authorization: string,
): SignedRequest => {
  const [path = '', queryOf = ''] = target.split('?');
  return {
    method,
    path,
    query: queryOf,
    rawHeaders: Object.entries({
      ...fields,
      Authorization: `SDK-HMAC-SHA256 ${authorization}`,
    }).flat(),
    body: Buffer.from(body),
  };
};

t.test("the vectors of Huawei's SDK for Go verify: only X-Sdk-Date is signed", async (t) => {
  // huaweicloud-sdk-go-v3, core/auth/signer/signer_test.go: values, not code.
  const fields = {
    Host: 'example.huaweicloud.com',
    TEST_UNDERSCORE: 'TEST_VALUE',
    'X-Sdk-Date': '20060102T150405Z',
  };
  for (const [line, digits] of [
    [['GET', '/path?limit=1'], '5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624'],
    [
      ['POST', '/path?key=value', '{"Name":"test","Id":1}\n'],
      'cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59',
    ],
  ] as const) {
    const request = vector(
      line,
      fields,
      `Access=AccessKey, SignedHeaders=x-sdk-date, Signature=${digits}`,
    );
    const at = Date.UTC(2006, 0, 2, 15, 4, 5);
    t.equal(check(request, at, vectorKey).accessKey, 'AccessKey');
    // Host is not covered; all that decides what is asked for is.
    t.doesNotThrow(() => check(withHeaders(request, { host: 'other' }), at, vectorKey));
    for (const changed of [
      { method: 'PUT' },
      { path: '/path2' },
      { query: 'limit=2' },
      { body: Buffer.from('{}') },
      withHeaders(request, { 'x-sdk-date': '20060102T150406Z' }),
    ])
      t.throws(() => check({ ...request, ...changed }, at, vectorKey), mismatch);
  }
});

/** Made by running the signer of gophertelekomcloud 0.9.3 at 2026-06-01T00:00:05Z. */
const scopedVectors: readonly (readonly [
  line: readonly [method: string, target: string, body?: string],
  fields: Readonly<Record<string, string>>,
  scope: string,
  signature: string,
])[] = (() => {
  const sdk = {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    'User-Agent': 'golangsdk/2.0.0',
  };
  const genRandom = [
    'POST',
    '/v1.0/project/kms/gen-random',
    '{"random_data_length":"512"}',
  ] as const;
  const list = '/v1.0/project/kms/list';
  return [
    [genRandom, sdk, '//', '2a9f06c1678784f9b31c738ec0418fdae49d605941e40549101d74415a04351e'],
    [
      genRandom,
      sdk,
      '/eu-de/kms',
      'f7ab941362cade255e6d9e48b9d909e4234b8844503caa9bac3a6edb0d4ab61f',
    ],
    [
      // Without a body the query is hashed.
      ['POST', `${list}?limit=2&marker=a+b%2Fc%2Bd~&limit=1`],
      sdk,
      '//',
      'd8f4d34bb062847fad145231aa6971817c3c108a21b0b803be975a6dc8371262',
    ],
    [['POST', list], sdk, '//', '96491191200311279540c009a78a8b1287a23a5964529e5b374f424baf84acf6'],
    [
      ['GET', `${list}?marker=a+b%2Fc%2Bd~&limit=2`],
      sdk,
      '//',
      'c9411a25d494f05f78a60a466ced396e3f3477a69e0fcaff0ea949c757b79c11',
    ],
    [
      ['POST', '/v1.0/a%20b/', '{}'],
      { 'X-Spaces': 'a  b\t c' },
      '//',
      'eb770daf61e0f771fb94cd84fe5f6dd0091ea54c0fc6d7e6349dce970ad128ee',
    ],
  ];
})();

t.test("the guide's example and the vectors of Huawei's SDK for Go are signed alike", async (t) => {
  const date = { 'X-Sdk-Date': '20060102T150405Z' };
  const key = { accessKey: 'AccessKey', secretKey: vectorKey };
  const guide = {
    'Content-Type': 'application/json',
    Host: 'service.region.example.com',
    'X-Sdk-Date': '20191115T033655Z',
  };
  for (const [line, fields, by, names, digits] of [
    [
      ['GET', '/path?limit=1'],
      date,
      key,
      'x-sdk-date',
      '5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624',
    ],
    [
      ['POST', '/path?key=value', '{"Name":"test","Id":1}\n'],
      date,
      key,
      'x-sdk-date',
      'cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59',
    ],
    [
      [
        'GET',
        '/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?marker=13551d6b-755d-4757-b956-536f674975c0&limit=2',
      ],
      guide,
      signing,
      'content-type;host;x-sdk-date',
      '7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe',
    ],
  ] as const) {
    const { rawHeaders, ...request } = vector(line, fields, '');
    const unsigned = { ...request, rawHeaders: rawHeaders.slice(0, -2) };
    t.equal(
      sign(unsigned, by),
      `SDK-HMAC-SHA256 Access=${by.accessKey}, SignedHeaders=${names}, Signature=${digits}`,
      line.join(' '),
    );
  }
});

t.test('whatever the request, it is signed as the specification says', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(requests(anyPath, query, tokenAlphabet, headerValue), (request) => {
        const wanted = signSdkHmac(request, signing);
        const [authorization, , ...rest] = [...wanted.rawHeaders].reverse();
        return sign({ ...wanted, rawHeaders: rest.reverse() }, signing) === authorization;
      }),
    ),
  );
});

t.test("the vectors of OTC's SDK for Go verify, and only whole", async (t) => {
  for (const [line, more, scope, digits] of scopedVectors) {
    const fields = {
      ...more,
      Host: 'kms.eu-de.otc.t-systems.com',
      'X-Sdk-Date': '20260601T000005Z',
    };
    const names = Object.keys(fields).map((name) => name.toLowerCase());
    const request = vector(
      line,
      fields,
      `Credential=AccessKey/20260601${scope}/sdk_request, SignedHeaders=${names.sort().join(';')}, Signature=${digits}`,
    );
    const at = Date.UTC(2026, 5, 1, 0, 0, 5);
    t.equal(check(request, at, vectorKey).accessKey, 'AccessKey', line.join(' '));
    for (const changed of [
      { method: 'PUT' },
      { path: '/path2' },
      { query: `${request.query}&limit=3` },
      { body: Buffer.from('{"a":1}') },
      withHeaders(request, { host: 'other' }),
    ])
      t.throws(() => check({ ...request, ...changed }, at, vectorKey), mismatch);
  }
});

t.test('a scope is whole, and of the day of X-Sdk-Date', async (t) => {
  const request = signed({ scope: ['eu-de', 'kms'] });
  t.match(check(request), {
    accessKey: signing.accessKey,
    scope: '20191115/eu-de/kms/sdk_request',
  });
  for (const [from, to] of [
    ['/20191115/', '/20191114/'],
    ['/20191115/', '/2019111/'],
    ['/20191115/', '/'],
    ['/eu-de/', '/eu-nl/'],
    ['/kms/', '/'],
    ['/kms/', '/kms/kms/'],
    ['sdk_request', 'aws4_request'],
    ['sdk_request', 'sdk_request/'],
    ['/sdk_request', ''],
    [signing.accessKey, ''],
    [signing.accessKey, `${signing.accessKey}/a`],
    ['Credential=', 'Access=a, Credential='],
    ['Credential=', 'Access='],
  ] as const)
    t.throws(() => check(edited(request, from, to)), mismatch, `${from} ${to}`);
  t.doesNotThrow(() => check(signed({ scope: ['', ''], day: '20191115' })));
  t.throws(() => check(signed({ scope: ['', ''], day: '20191114' })), mismatch, 'signed as such');
  // Whoever holds the key can sign for another day; the time is what it is all the same.
  const late = signed({ scope: ['', ''], time: now + 24 * 60 * 60_000 });
  t.throws(() => check(late), expired);
  t.throws(
    () => check(withHeaders(late, { 'x-sdk-date': headerOf(request, 'x-sdk-date') })),
    mismatch,
  );
});

t.test('with a scope the security token may be unsigned, X-Sdk-Date not', async (t) => {
  const scope = ['', ''] as const;
  const request = signed({ scope });
  t.match(check(withField(request, 'X-Security-Token', 'a')), { securityToken: 'a' });
  t.match(check(signed({ scope, securityToken: 'a' })), { securityToken: 'a' });
  for (const wrong of [
    withField(withField(request, 'X-Security-Token', 'a'), 'X-Security-Token', 'b'),
    signed({ scope, unsigned: ['x-sdk-date'] }),
    withHeaders(signed({ scope, securityToken: 'a' }), { 'x-security-token': 'b' }),
  ])
    t.throws(() => check(wrong), mismatch);
});
