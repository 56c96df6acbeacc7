import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import fc from 'fast-check';
import t from 'tap';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import {
  readSdkHmac,
  type SdkHmacClaim,
  verifySdkHmac,
} from '../../../src/apis/signing/sdk-hmac.js';
import { ServiceError } from '../../../src/common/errors.js';
import { type SdkHmacSigning, signSdkHmac } from '../../support/signing/sdk-hmac-signer.js';
import {
  body,
  byName,
  type Change,
  change,
  changed,
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

const now = Date.UTC(2019, 10, 15, 3, 36, 55);
const minute = 60_000;

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

/** Key and secret of the guide's example. */
const signing: SdkHmacSigning = {
  accessKey: 'QTWAOYTTINDUT2QVKYUC',
  secretKey: 'MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc',
  time: now,
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

const signed = (changes: Partial<SdkHmacSigning> = {}, request: Partial<UnsignedRequest> = {}) =>
  signSdkHmac({ ...plain, ...request }, { ...signing, ...changes });

/** Reads and verifies. */
function check(request: SignedRequest, at = now, secretKey = signing.secretKey): SdkHmacClaim {
  const claim = readSdkHmac(request);
  verifySdkHmac(request, claim, secretKey, at);
  return claim;
}

/** A request with another Authorization: `from` becomes `to` in it. */
const edited = (request: SignedRequest, from: string | RegExp, to: string) =>
  withHeaders(request, {
    authorization: headerOf(request, 'authorization').replace(from, to),
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
    ['a part that is no pair', edited(request, 'Access=', 'a, Access=')],
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

t.test('a signature is valid for fifteen minutes before and after its time', async (t) => {
  const request = signed();
  for (const minutes of [-15, -1, 0, 15])
    t.doesNotThrow(() => check(request, now + minutes * minute));
  for (const at of [now + 16 * minute, now + 15 * minute + 1, now - 15 * minute - 1])
    t.throws(() => check(request, at), expired);
});

t.test('the body is what its hash says', async (t) => {
  t.throws(() => check({ ...signed(), body: Buffer.from('{}') }), mismatch);
  const hash = 'b8c1b1b8c7f1'; // of nothing
  for (const value of [
    'UNSIGNED-PAYLOAD',
    '',
    hash,
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ]) {
    const field = ['X-Sdk-Content-Sha256', [value]] as const;
    t.throws(() => check(signed({}, { headers: [...plain.headers, field] })), mismatch, value);
    t.throws(() => check(withField(signed(), ...([field[0], value] as const))), mismatch);
  }
  const right = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const empty = { body: Buffer.alloc(0) };
  const field = ['X-Sdk-Content-Sha256', [right]] as const;
  t.doesNotThrow(() => check(signed({}, { ...empty, headers: [...plain.headers, field] })));
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

t.test('a wrong secret does not match', async (t) => {
  t.throws(() => check(signed(), now, `${signing.secretKey} `), mismatch);
});

const anySigning: fc.Arbitrary<SdkHmacSigning> = fc.record({
  accessKey: fc.stringMatching(/^[A-Z0-9_=]{1,24}$/),
  secretKey,
  securityToken: fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,32}$/), { nil: undefined }),
  time,
});

const unsignedRequest = (
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

/** Takes a claim for what it says it is, as a caller does that looks the secret up. */
function accepts(request: SignedRequest, by: SdkHmacSigning): boolean {
  try {
    const claim = check(request, by.time, by.secretKey);
    return claim.accessKey === by.accessKey && claim.securityToken === by.securityToken;
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

/** Whether a request is accepted, and no longer is when one byte of it has changed. */
function isTight(request: SignedRequest, by: SdkHmacSigning, where: Change): boolean {
  const signedHeaders = readSdkHmac(request).canonicalRequest.split('\n').at(-2) ?? '';
  return (
    accepts(request, by) &&
    !accepts(changed(request, where, [...signedHeaders.split(';'), 'authorization']), by) &&
    !accepts(request, { ...by, secretKey: `${by.secretKey}.` })
  );
}

t.test('whatever is signed by the specification is accepted, and nothing else', async (t) => {
  const segment = fc.string({ unit: fc.constantFrom(..."ab01-._~!*'() é😀%/+"), maxLength: 6 });
  const paths = fc
    .array(segment, { maxLength: 4 })
    .map((segments) => `/${segments.map(encodeURIComponent).join('/')}`);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        unsignedRequest(paths, query, tokenAlphabet, headerValue),
        anySigning,
        change,
        (request, by, where) => isTight(signSdkHmac(request, by), by, where),
      ),
      { numRuns: 3000 },
    ),
  );
});

/**
 * Signs as Huawei's SDK for Node.js does. Its body is JSON: `data` in place of the request's body.
 */
function signWithSdk(request: UnsignedRequest, by: SdkHmacSigning, data: unknown): SignedRequest {
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

t.test("whatever Huawei's SDK signs is accepted, and nothing else", async (t) => {
  // The SDK encodes a path that is encoded already once more; those for Go and Python do not.
  const paths = fc
    .stringMatching(/^(\/[A-Za-z0-9\-._~]{1,6}){1,4}\/?$/)
    .filter((path) => !/\/\.\.?(\/|$)/.test(path));
  // It sorts names before it encodes them, and values likewise: the same for unreserved characters.
  const names = fc.stringMatching(/^[A-Za-z0-9\-._~]{1,6}$/).filter((name) => name !== '__proto__');
  const several = fc.array(fc.tuple(names, fc.oneof(names, fc.constant(''))), { maxLength: 5 });
  const single = fc.uniqueArray(fc.tuple(names, fc.string({ unit: 'binary', maxLength: 6 })), {
    selector: ([name]) => name,
    maxLength: 5,
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        // It does not trim values, and sorts header lines by the rules of a language.
        unsignedRequest(paths, fc.oneof(several, single), plainAlphabet, trimmedValue),
        anySigning,
        change,
        fc.oneof(fc.constant(undefined), fc.dictionary(fc.string(), fc.string())),
        (request, by, where, data) => isTight(signWithSdk(request, by, data), by, where),
      ),
      { numRuns: 3000 },
    ),
  );
});

t.test('anything else is an error of the service', async (t) => {
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  const piece = fc.oneof(
    latin1,
    fc.constantFrom(
      ...['SDK-HMAC-SHA256', ' ', ',', '=', ';', '%', 'Access=a', 'SignedHeaders=host;x-sdk-date'],
      ...[`Signature=${'0'.repeat(64)}`, '20191115T033655Z', '__proto__'],
    ),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const name = fc.oneof(
    latin1,
    fc.constantFrom('Authorization', 'Host', 'X-Sdk-Date', 'X-Security-Token', '__proto__'),
  );
  const fields = fc.array(fc.tuple(name, text), { maxLength: 6 }).map((pairs) => pairs.flat());
  const common = ['Host', 'a', 'X-Sdk-Date', '20191115T033655Z'];
  const anyRequest = fc.record({
    method: latin1,
    path: latin1,
    query: text,
    rawHeaders: fc.oneof(
      fields,
      fields.map((more) => [...common, ...more]),
    ),
    body,
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyRequest, (request) => {
        try {
          check(request);
          return false;
        } catch (error) {
          return (
            error instanceof ServiceError && error.code === 'APIGW.0301' && error.status === 401
          );
        }
      }),
      { numRuns: 5000 },
    ),
  );
});

t.test('the time taken grows no faster than the request', async (t) => {
  const size = 16 * 1024; // node:http's limit, and the gateway's
  const fields = Array.from({ length: 2000 }, (_, at) => [`x-${at}`, '']).flat();
  const names = fields
    .filter((_, at) => at % 2 === 0)
    .sort()
    .join(';');
  for (const [name, request] of [
    ...[' ', '\t', ',', '=', ';', '/', '%', 'a ', 'a=b,', 'a;', 'Access=a,'].flatMap((unit) => {
      const text = unit.repeat(size / unit.length);
      return [
        [`Authorization ${unit}`, edited(signed(), /$/, text)],
        [`SignedHeaders ${unit}`, edited(signed(), /(?<=SignedHeaders=)/, text)],
        [`X-Sdk-Date ${unit}`, withHeaders(signed(), { 'x-sdk-date': text })],
        [`Content-Type ${unit}`, withHeaders(signed(), { 'content-type': `a${text}a` })],
        [`path ${unit}`, { ...signed(), path: text }],
        [`query ${unit}`, { ...signed(), query: text }],
      ] as const;
    }),
    ['fields', { ...signed(), rawHeaders: [...signed().rawHeaders, ...fields] }],
    [
      'signed fields',
      edited(
        { ...signed(), rawHeaders: [...signed().rawHeaders, ...fields] },
        /SignedHeaders=[^,]*/,
        `SignedHeaders=host;${names}`,
      ),
    ],
  ] as const) {
    const took = Math.min(
      ...Array.from({ length: 3 }, () => {
        const start = process.hrtime.bigint();
        accepts(request, signing);
        return Number(process.hrtime.bigint() - start) / 1e6;
      }),
    );
    // Some milliseconds; quadratic work on 16 KiB is hundreds.
    t.ok(took < 100, `${name}: ${took.toFixed(1)} ms`);
  }
});
