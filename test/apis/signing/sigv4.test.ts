import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { commonError } from '../../../src/apis/aws-json/errors.js';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import type { HmacKey } from '../../../src/apis/signing/hmac.js';
import {
  createSigningKeys,
  deriveKey,
  maxSigningKeys,
  readSigV4,
  type SigV4Claim,
  type SigV4Rules,
  verifySigV4,
} from '../../../src/apis/signing/sigv4.js';
import { describeScheme, edited } from '../../support/signing/scheme.js';
import {
  body,
  headerOf,
  headers,
  headerValue,
  host,
  method,
  query,
  secretKey,
  time,
  tokenAlphabet,
  trimmedValue,
  type UnsignedRequest,
  withField,
  withHeaders,
} from '../../support/signing/signing.js';
import { type Signing, signWithAws4, signWithSmithy } from '../../support/signing/sigv4-signers.js';

const minute = 60_000;
const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';

const error = (code: string) => (message: string | RegExp) => ({
  name: 'ServiceError',
  code,
  status: 400,
  message,
});
const invalid = error('InvalidSignatureException');
const incomplete = error('IncompleteSignatureException');

const errors = {
  missing: () => commonError('MissingAuthenticationTokenException'),
  mismatch: () => commonError('InvalidSignatureException'),
};
const read = (request: SignedRequest, rules: Partial<SigV4Rules> = {}) =>
  readSigV4(request, errors, { service: 'kms', ...rules });

const keys = createSigningKeys();

const signing: Signing = {
  accessKey: 'AKIDEXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'eu-west-1',
  time: Date.UTC(2018, 10, 5, 22, 16, 4),
};

/** What the aws command sends. */
const plain: UnsignedRequest = {
  method: 'POST',
  path: '/',
  query: [],
  headers: [
    ['host', ['kms.eu-west-1.amazonaws.com']],
    ['content-type', ['application/x-amz-json-1.1']],
    ['x-amz-target', ['TrentService.GenerateRandom']],
  ],
  body: Buffer.from('{"NumberOfBytes": 32}'),
};

const requests = (values: fc.Arbitrary<readonly string[]>): fc.Arbitrary<UnsignedRequest> =>
  fc.record({
    method,
    // Other services normalize paths and encode them twice. KMS has none but `/`.
    path: fc.constantFrom('/', '/a', '/a-b/~c_d/'),
    query,
    headers: fc
      .tuple(host, headers(tokenAlphabet, values))
      .map(([name, rest]) => [['host', [name]] as const, ...rest]),
    body,
  });

/** Several values go out as a field each; a single one keeps the blanks at its ends. */
const fieldValues = fc.oneof(
  headerValue.map((value) => [value]),
  fc.array(trimmedValue, { minLength: 2, maxLength: 3 }),
);

const { signed, check, now } = describeScheme<Signing, SigV4Claim>({
  plain,
  signing,
  sign: signWithAws4,
  read,
  verify: (request, claim, secretKey, at) =>
    verifySigV4(request, claim, { secretKey, now: at, keys, errors }),
  isOf: (claim, by) => claim.accessKey === by.accessKey && claim.sessionToken === by.sessionToken,
  covered: ({ inQuery }) => (inQuery ? [] : ['authorization']),
  mismatch: invalid(mismatch),
  codes: [
    'MissingAuthenticationTokenException',
    'IncompleteSignatureException',
    'InvalidSignatureException',
  ],
  status: 400,
  windowMs: 5 * minute,
  late: invalid(/^Signature expired: /),
  early: invalid(/^Signature not yet current: /),
  hashField: 'X-AMZ-Content-SHA256',
  dateField: 'x-amz-date',
  signings: fc.record({
    accessKey: fc.stringMatching(/^[A-Z0-9_=]{1,24}$/),
    secretKey,
    sessionToken: fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,32}$/), { nil: undefined }),
    region: fc.constantFrom('eu-west-1', 'us-gov-east-1', 'local'),
    time,
    inQuery: fc.boolean(),
    lifetimeSeconds: fc.integer({ min: 1, max: 604_800 }),
  }),
  oracles: [
    {
      name: 'aws4',
      sign: signWithAws4,
      // It takes all of Unicode's blanks for spaces; for the SDKs and for us they are ordinary bytes.
      requests: requests(
        fieldValues.filter((texts) => !texts.some((text) => /[^\S \t]/.test(text))),
      ),
    },
    { name: 'the SDK', sign: signWithSmithy, requests: requests(fieldValues) },
  ],
  pieces: [
    ...['AWS4-HMAC-SHA256', '%4', 'Credential=a/20181105/b/kms/aws4_request', 'Signature='],
    ...[`Signature=${'0'.repeat(64)}`, 'SignedHeaders=host', 'host', 'x-amz-date'],
    ...['20181105T221604Z', 'Mon, 05 Nov 2018 22:16:04 GMT', 'X-Amz-Algorithm=AWS4-HMAC-SHA256&'],
    ...['X-Amz-Credential=a/20181105/b/kms/aws4_request&', 'X-Amz-SignedHeaders=host&'],
    ...['X-Amz-Signature=0&', 'X-Amz-Date=20181105T221604Z&', 'X-Amz-Expires='],
  ],
  names: ['X-Amz-Date', 'Date', 'X-Amz-Security-Token'],
  fields: ['Host', 'a', 'X-Amz-Date', '20181105T221604Z'],
});

t.test('a claim says who signed, when and for which region', async (t) => {
  for (const inQuery of [false, true])
    for (const sessionToken of [undefined, 'session/token==']) {
      const claim = check(signed({ inQuery, sessionToken }));
      t.match(claim, {
        accessKey: 'AKIDEXAMPLE',
        sessionToken,
        region: 'eu-west-1',
        time: now,
        scope: '20181105/eu-west-1/kms/aws4_request',
      });
    }
});

t.test(
  'the texts of a time out of its window are the live service’s, also in a query',
  async (t) => {
    for (const inQuery of [false, true])
      for (const [at, message] of [
        [
          now + 5 * minute + 1,
          'Signature expired: 20181105T221604Z is now earlier than 20181105T221604Z (20181105T222104Z - 5 min.)',
        ],
        [
          now + 6 * minute,
          'Signature expired: 20181105T221604Z is now earlier than 20181105T221704Z (20181105T222204Z - 5 min.)',
        ],
        [
          now - 6 * minute,
          'Signature not yet current: 20181105T221604Z is still later than 20181105T221504Z (20181105T221004Z + 5 min.)',
        ],
      ] as const)
        t.throws(() => check(signed({ inQuery }), at), invalid(message), message);
  },
);

t.test('the SDK’s hash of the body counts, and no other', async (t) => {
  const bySdk = await signWithSmithy(plain, signing);
  t.match(headerOf(bySdk, 'x-amz-content-sha256'), /^[0-9a-f]{64}$/);
  t.doesNotThrow(() => check(bySdk));
  for (const hash of ['UNSIGNED-PAYLOAD', '', '0'.repeat(64)]) {
    const field = ['x-amz-content-sha256', [hash]] as const;
    const claimed = await signWithSmithy({ ...plain, headers: [...plain.headers, field] }, signing);
    t.throws(() => check(claimed), invalid(mismatch), hash);
  }
});

t.test("AWS's published signatures verify", async (t) => {
  // aws-sig-v4-test-suite. Its service is `service`: the scope is put into the claim. Its path tests
  // are left out: the path of KMS is always `/`. So is the header of several lines: HTTP has none.
  const unreserved = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const form = 'application/x-www-form-urlencoded';
  for (const [name, query, fields, body, signature] of [
    ['get-vanilla', '', [], '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'get-vanilla-empty-query-key',
      'Param1=value1',
      [],
      '',
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    [
      'get-vanilla-query-order-key-case',
      'Param2=value2&Param1=value1',
      [],
      '',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-query-order-encoded',
      'Param-3=Value3&Param=Value2&%E1%88%B4=Value1',
      [],
      '',
      '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac',
    ],
    [
      'get-vanilla-query-unreserved',
      `${unreserved}=${unreserved}`,
      [],
      '',
      '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
    ],
    [
      'get-header-key-duplicate',
      '',
      ['My-Header1', 'value2', 'My-Header1', 'value2', 'My-Header1', 'value1'],
      '',
      'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea',
    ],
    [
      'get-header-value-order',
      '',
      [
        'My-Header1',
        'value4',
        'My-Header1',
        'value1',
        'My-Header1',
        'value3',
        'My-Header1',
        'value2',
      ],
      '',
      '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
    ],
    [
      'get-header-value-trim',
      '',
      ['My-Header1', ' value1', 'My-Header2', ' "a   b   c"'],
      '',
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    [
      'post-vanilla',
      '',
      [],
      '',
      '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    ],
    [
      'post-vanilla-query',
      'Param1=value1',
      [],
      '',
      '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
    ],
    [
      'post-header-key-sort',
      '',
      ['My-Header1', 'value1'],
      '',
      'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    ],
    [
      'post-header-value-case',
      '',
      ['My-Header1', 'VALUE1'],
      '',
      'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
    ],
    [
      'post-x-www-form-urlencoded',
      '',
      ['Content-Type', form],
      'Param1=value1',
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
    [
      'post-x-www-form-urlencoded-parameters',
      '',
      ['Content-Type', `${form}; charset=utf8`],
      'Param1=value1',
      '1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe',
    ],
  ] as const) {
    const names = new Set(['host', 'x-amz-date', ...fields.filter((_, at) => at % 2 === 0)]);
    const list = [...names].map((text) => text.toLowerCase()).sort();
    const request = {
      method: name.startsWith('get') ? 'GET' : 'POST',
      path: '/',
      query,
      rawHeaders: [
        'Host',
        'example.amazonaws.com',
        'X-Amz-Date',
        '20150830T123600Z',
        ...fields,
        'Authorization',
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=${list.join(';')}, Signature=${signature}`,
      ],
      body: Buffer.from(body),
    };
    const claim = {
      ...read(request),
      scope: '20150830/us-east-1/service/aws4_request',
    };
    const verify = () =>
      verifySigV4(request, claim, { secretKey: signing.secretKey, now: claim.time, errors });
    t.doesNotThrow(verify, name);
  }
});

t.test('the scope names kms, a region, the day of the request and the terminator', async (t) => {
  const scope = '/20181105/eu-west-1/kms/aws4_request';
  for (const [name, to, error] of [
    [
      'service',
      '/20181105/eu-west-1/s3/aws4_request',
      invalid("Credential should be scoped to correct service: 'kms'. "),
    ],
    [
      'region',
      '/20181105/EU!/kms/aws4_request',
      invalid("Credential should be scoped to a valid region, not 'EU!'. "),
    ],
    [
      'no region',
      '/20181105//kms/aws4_request',
      invalid("Credential should be scoped to a valid region, not ''. "),
    ],
    [
      'terminator',
      '/20181105/eu-west-1/kms/aws4',
      invalid("Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. "),
    ],
    [
      'day',
      '/20181104/eu-west-1/kms/aws4_request',
      invalid(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20181104' != '20181105', from '20181105T221604Z'.",
      ),
    ],
    [
      'all of it',
      '/b/C/d/e',
      invalid(
        "Credential should be scoped to a valid region, not 'C'. Credential should be scoped to correct service: 'kms'. Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20181105', from '20181105T221604Z'.",
      ),
    ],
    ...['/20181105/eu-west-1/kms', '/1/2/3/aws4_request/', '', '/20181105/eu-west-1/kms/'].map(
      (to) =>
        [
          `${to.split('/').length} elements`,
          to,
          incomplete(
            `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE${to}'`,
          ),
        ] as const,
    ),
  ] as const)
    t.throws(() => read(edited(signed(), scope, to)), error, name);
  t.throws(
    () => read(edited(signed(), 'AKIDEXAMPLE', '')),
    incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${scope}'`,
    ),
    'no access key',
  );
});

t.test('only regions of the list are accepted', async (t) => {
  t.equal(read(signed(), { regions: ['us-east-1', 'eu-west-1'] }).region, 'eu-west-1');
  for (const regions of [[], ['us-east-1']])
    t.throws(
      () => read(signed(), { regions }),
      invalid("Credential should be scoped to a valid region, not 'eu-west-1'. "),
    );
  const long = 'a'.repeat(64);
  t.throws(() => read(signed({ region: long })), { code: 'InvalidSignatureException' });
});

t.test('only AWS4-HMAC-SHA256 is accepted', async (t) => {
  for (const name of ['AWS4-HMAC-SHA25', 'AWS4-ECDSA-P256-SHA256'])
    t.throws(
      () => read(edited(signed(), 'AWS4-HMAC-SHA256', name)),
      incomplete(`Unsupported AWS 'algorithm': '${name}' (only AWS4-HMAC-SHA256 for now). `),
    );
});

t.test('signed headers are lower-case, sorted, unique and present', async (t) => {
  const list = /SignedHeaders=[^,]+/;
  const bad = incomplete("'SignedHeaders' must be lower-case, sorted and unique.");
  for (const [to, error] of [
    ['Host;x-amz-date;x-amz-target', bad],
    ['x-amz-date;host;x-amz-target', bad],
    ['host;host;x-amz-date;x-amz-target', bad],
    ['host;;x-amz-date;x-amz-target', bad],
    [';host;x-amz-date;x-amz-target', bad],
    ['constructor;host;x-amz-date;x-amz-target', invalid(mismatch)],
    ['host;x-absent;x-amz-date;x-amz-target', invalid(mismatch)],
  ] as const)
    t.throws(() => read(edited(signed(), list, `SignedHeaders=${to}`)), error, to);
});

t.test('Host must be signed, and what the caller says; other fields need not be', async (t) => {
  const others: UnsignedRequest['headers'] = [
    ['x-amz-empty', ['']],
    ['amz-sdk-request', ['attempt=1']],
    ['user-agent', ['a']],
  ];
  const request = { headers: [...plain.headers, ...others] };
  const mustSign = ['x-amz-target', 'x-amz-empty', 'x-amz-absent'];
  for (const [name, message] of [
    ['host', "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."],
    ['x-amz-target', "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."],
    ['x-amz-empty', "'x-amz-empty' must be a 'SignedHeader' in the AWS Authorization."],
  ] as const)
    for (const inQuery of [false, true])
      t.throws(
        () => read(signed({ unsigned: [name], inQuery }, request), { mustSign }),
        invalid(message),
        name,
      );
  t.throws(
    () => read(withField(signed({}, request), 'X-AMZ-Absent', ''), { mustSign }),
    invalid("'x-amz-absent' must be a 'SignedHeader' in the AWS Authorization."),
    'added on the way',
  );
  t.throws(() => read(signed({ unsigned: ['host'] })), invalid(/^'Host'/), 'without any rule');
  for (const name of ['content-type', 'x-amz-date', 'x-amz-target', 'x-amz-empty', 'user-agent'])
    t.doesNotThrow(() => check(signed({ unsigned: [name] }, request)), `${name} is not signed`);
});

t.test('what is not a signed field is checked all the same', async (t) => {
  const unsigned = ['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'];
  const request = signed({ unsigned, sessionToken: 'token' });
  t.equal(check(request).sessionToken, 'token');
  const later = withHeaders(request, { 'x-amz-date': '20181105T221605Z' });
  t.throws(() => check(later), invalid(mismatch), 'the date is in the string to sign');
  const hash = withField(signed({ unsigned }), 'X-Amz-Content-Sha256', '0'.repeat(64));
  t.throws(() => check(hash), invalid(mismatch), 'a hash of another body');
});

t.test('a session token that was added to the query after signing is not accepted', async (t) => {
  const link = signed({ inQuery: true });
  const query = `${link.query}&X-Amz-Security-Token=token`;
  t.throws(() => check({ ...link, query }), invalid(mismatch));
});

t.test('X-Amz-Expires shortens the five minutes and never lengthens them', async (t) => {
  const link = (lifetimeSeconds: number) => signed({ inQuery: true, lifetimeSeconds });
  for (const [seconds, lifetimeMs] of [
    [1, 1000],
    [60, minute],
    [300, 5 * minute],
    [301, 5 * minute],
    [604_800, 5 * minute],
  ] as const) {
    t.equal(check(link(seconds), now + lifetimeMs).lifetimeMs, lifetimeMs, `${seconds} s`);
    t.throws(() => check(link(seconds), now + lifetimeMs + 1000), /^Signature expired: /);
  }
  t.throws(
    () => check(link(60), now + 61_000),
    invalid(
      'Signature expired: 20181105T221604Z is now earlier than 20181105T221605Z (20181105T221705Z - 60 sec.)',
    ),
  );
  t.throws(() => check(link(60), now - 6 * minute), /^Signature not yet current: /);
});

t.test('signing keys are kept by secret: a changed secret is in force at once', async (t) => {
  for (const secretKey of ['one', 'two', 'one']) {
    const request = signed({ secretKey });
    for (let i = 0; i < 2; i++) t.doesNotThrow(() => check(request, now, secretKey), secretKey);
    for (const other of ['one', 'two', 'three'].filter((text) => text !== secretKey))
      t.throws(() => check(request, now, other), invalid(mismatch));
  }
});

t.test('of Date and X-Amz-Date the latter counts; Date has two forms', async (t) => {
  const request = signed();
  const withDate = (date: string) => withHeaders(request, { 'x-amz-date': undefined, date });
  const list = 'SignedHeaders=content-length;content-type;host;x-amz-target';
  for (const date of ['20181105T221604Z', 'Mon, 05 Nov 2018 22:16:04 GMT']) {
    const claim = read(edited(withDate(date), /SignedHeaders=[^,]+/, list));
    t.match(claim, { time: now, timestamp: '20181105T221604Z' }, date);
  }
  t.equal(read(withField(request, 'Date', 'nonsense')).time, now);
});

const scope = '20150830/us-east-1/iam/aws4_request';
const text = 'what is signed';
const macOf = (secret: string, scope: string) =>
  createHmac('sha256', deriveKey(secret, scope)).update(text).digest('hex');

t.test("AWS's published example is derived", async (t) => {
  // IAM User Guide, examples of signature keys.
  t.equal(
    deriveKey(
      'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      '20120215/us-east-1/iam/aws4_request',
    ).toString('hex'),
    'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d',
  );
});

t.test('a key is derived once for a secret and scope', async (t) => {
  const keys = createSigningKeys();
  const key = keys.get('secret', scope);
  t.equal(key.sign(text), macOf('secret', scope));
  t.equal(keys.get('secret', scope), key);
  for (const [secret, other] of [
    ['secret', scope.replace('30', '31')],
    ['Secret', scope],
    ['', scope],
    ['__proto__', scope],
  ] as const)
    t.equal(keys.get(secret, other).sign(text), macOf(secret, other), `${secret} ${other}`);
});

t.test('keys that go are wiped: when all are cleared and when there are too many', async (t) => {
  const keys = createSigningKeys(3);
  const wiped = (key: HmacKey) => {
    try {
      key.sign(text);
      return false;
    } catch {
      return true;
    }
  };
  const first = keys.get('a', scope);
  keys.clear();
  t.ok(wiped(first));
  const kept = ['a', 'b', 'c'].map((secret) => keys.get(secret, scope));
  t.notOk(kept.some(wiped), 'three are kept');
  const fourth = keys.get('d', scope);
  t.ok(kept.every(wiped), 'the fourth wipes them');
  t.notOk(wiped(fourth));
  t.equal(keys.get('d', scope), fourth);
  t.equal(keys.get('a', scope).sign(text), macOf('a', scope), 'and they are derived again');
});

t.test('invented regions take no more than the limit', async (t) => {
  const keys = createSigningKeys();
  const first = keys.get('secret', 'region 0');
  for (let i = 1; i < maxSigningKeys; i++) keys.get('secret', `region ${i}`);
  t.equal(keys.get('secret', 'region 0'), first);
  keys.get('secret', 'one more');
  t.not(keys.get('secret', 'region 0'), first);
});
