import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import fc from 'fast-check';
import t from 'tap';
import { authenticationError, genRandomError } from '../../../src/apis/huawei-kms/format.js';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import {
  readSdkHmac,
  type SdkHmacClaim,
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
  }),
  oracles: [
    {
      name: 'the specification',
      sign: signSdkHmac,
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
    ['Host that is not signed', signed({ unsigned: ['host'] })],
    ['X-Sdk-Date that is not signed', signed({ unsigned: ['x-sdk-date'] })],
    ['a token that is not signed', signed({ securityToken: 'a', unsigned: ['x-security-token'] })],
    ['a token added on the way', withField(request, 'X-Security-Token', 'a')],
    ['an upper-case signature', edited(request, /[0-9a-f]{64}$/, 'A'.repeat(64))],
  ] as const)
    t.throws(() => check(wrong), mismatch, name);
});

t.test('other fields need not be signed, nor come only once then', async (t) => {
  for (const name of ['content-type', 'x-project-id', 'user-agent']) {
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
