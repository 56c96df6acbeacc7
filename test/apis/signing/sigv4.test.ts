import fc from 'fast-check';
import t from 'tap';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import {
  createDerivedKeys,
  type DerivedKeys,
  deriveKey,
  maxDerivedKeys,
  readSigV4,
  type SigV4Claim,
  verifySigV4,
} from '../../../src/apis/signing/sigv4.js';
import { ServiceError } from '../../../src/common/errors.js';
import {
  body,
  type Change,
  change,
  changed,
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

const now = Date.UTC(2018, 10, 5, 22, 16, 4);
const minute = 60_000;
const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';

const signing: Signing = {
  accessKey: 'AKIDEXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'eu-west-1',
  time: now,
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

const signed = (changes: Partial<Signing> = {}, request: Partial<UnsignedRequest> = {}) =>
  signWithAws4({ ...plain, ...request }, { ...signing, ...changes });

/** Reads and verifies. */
function check(
  request: SignedRequest,
  at = now,
  { secretKey = signing.secretKey, keys }: { secretKey?: string; keys?: DerivedKeys } = {},
): SigV4Claim {
  const claim = readSigV4(request);
  verifySigV4(request, claim, secretKey, at, keys);
  return claim;
}

const invalid = (message: string) => ({
  name: 'ServiceError',
  code: 'InvalidSignatureException',
  status: 400,
  message,
});
const incomplete = (message: string) => ({
  name: 'ServiceError',
  code: 'IncompleteSignatureException',
  status: 400,
  message,
});

/** A request with another Authorization: `from` becomes `to` in it. */
const edited = (request: SignedRequest, from: string | RegExp, to: string) =>
  withHeaders(request, {
    authorization: headerOf(request, 'authorization').replace(from, to),
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
      ...readSigV4(request),
      scope: '20150830/us-east-1/service/aws4_request',
    };
    const verify = () => verifySigV4(request, claim, signing.secretKey, claim.time);
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
    t.throws(() => readSigV4(edited(signed(), scope, to)), error, name);
  t.throws(
    () => readSigV4(edited(signed(), 'AKIDEXAMPLE', '')),
    incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${scope}'`,
    ),
    'no access key',
  );
});

t.test('a list of regions is kept to', async (t) => {
  t.equal(readSigV4(signed(), { regions: ['us-east-1', 'eu-west-1'] }).region, 'eu-west-1');
  for (const regions of [[], ['us-east-1']])
    t.throws(
      () => readSigV4(signed(), { regions }),
      invalid("Credential should be scoped to a valid region, not 'eu-west-1'. "),
    );
  const long = 'a'.repeat(64);
  t.throws(() => readSigV4(signed({ region: long })), { code: 'InvalidSignatureException' });
});

t.test('only AWS4-HMAC-SHA256 is taken', async (t) => {
  for (const name of ['AWS4-HMAC-SHA25', 'AWS4-ECDSA-P256-SHA256'])
    t.throws(
      () => readSigV4(edited(signed(), 'AWS4-HMAC-SHA256', name)),
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
    t.throws(() => readSigV4(edited(signed(), list, `SignedHeaders=${to}`)), error, to);
});

t.test('Host and every X-Amz-* field must be signed, others need not be', async (t) => {
  const others: UnsignedRequest['headers'] = [
    ['x-amz-empty', ['']],
    ['amz-sdk-request', ['attempt=1']],
    ['x-amzn-trace-id', ['Root=1']],
    ['user-agent', ['a']],
  ];
  const request = { headers: [...plain.headers, ...others] };
  for (const [name, message] of [
    ['host', "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."],
    ['x-amz-date', "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization."],
    ['x-amz-target', "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."],
    ['x-amz-empty', "'x-amz-empty' must be a 'SignedHeader' in the AWS Authorization."],
  ] as const) {
    t.throws(() => readSigV4(signed({ unsigned: [name] }, request)), invalid(message), name);
    if (name !== 'x-amz-date')
      t.throws(
        () => readSigV4(signed({ unsigned: [name], inQuery: true }, request)),
        invalid(message),
      );
  }
  t.throws(
    () => readSigV4(withField(signed(), 'X-AMZ-Late', '')),
    invalid("'x-amz-late' must be a 'SignedHeader' in the AWS Authorization."),
    'added on the way',
  );
  for (const name of ['content-type', 'amz-sdk-request', 'x-amzn-trace-id', 'user-agent'])
    t.doesNotThrow(() => check(signed({ unsigned: [name] }, request)), `${name} is not signed`);
});

t.test('a signed field with an empty value cannot be taken away', async (t) => {
  const request = signed({}, { headers: [...plain.headers, ['x-empty', ['']]] });
  t.doesNotThrow(() => check(request));
  t.throws(() => check(withHeaders(request, { 'x-empty': undefined })), invalid(mismatch));
});

t.test('a signature is valid for five minutes before and after its time', async (t) => {
  for (const inQuery of [false, true]) {
    const request = signed({ inQuery });
    for (const [name, at] of [
      ['at once', now],
      ['4 minutes past', now + 4 * minute],
      ['5 minutes past', now + 5 * minute],
      ['5 minutes ahead', now - 5 * minute],
    ] as const)
      t.doesNotThrow(() => check(request, at), name);
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
      t.throws(() => check(request, at), invalid(message), message);
  }
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

t.test('the body is what its hash says', async (t) => {
  const request = signed();
  t.throws(
    () => check({ ...request, body: Buffer.from('{"NumberOfBytes": 33}') }),
    invalid(mismatch),
  );
  const bySdk = await signWithSmithy(plain, signing);
  t.match(headerOf(bySdk, 'x-amz-content-sha256'), /^[0-9a-f]{64}$/);
  t.doesNotThrow(() => check(bySdk));
  for (const hash of [
    'UNSIGNED-PAYLOAD',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    '',
    '0'.repeat(64),
  ]) {
    const claimed = await signWithSmithy(
      { ...plain, headers: [...plain.headers, ['x-amz-content-sha256', [hash]]] },
      signing,
    );
    t.throws(() => check(claimed), invalid(mismatch), hash);
    // Signed over the right hash, and another in the field.
    const other = signed({}, { headers: [...plain.headers, ['X-AMZ-Content-SHA256', [hash]]] });
    t.throws(() => check(other), invalid(mismatch), `${hash} beside the right one`);
  }
});

t.test('a wrong secret, and a signature in another form, do not match', async (t) => {
  const request = signed();
  t.throws(() => check(request, now, { secretKey: `${signing.secretKey} ` }), invalid(mismatch));
  const signature = /[0-9a-f]{64}$/.exec(headerOf(request, 'authorization'))?.[0] ?? '';
  for (const to of [
    signature.toUpperCase(),
    signature.slice(1),
    `${signature}0`,
    'x',
    'é'.repeat(64),
  ])
    t.throws(() => check(edited(request, signature, to)), invalid(mismatch), to);
});

t.test('derived keys are kept by secret: a changed secret is in force at once', async (t) => {
  const keys = createDerivedKeys();
  for (const secretKey of ['one', 'two', 'one']) {
    const request = signed({ secretKey });
    for (let i = 0; i < 2; i++)
      t.doesNotThrow(() => check(request, now, { secretKey, keys }), secretKey);
    for (const other of ['one', 'two', 'three'].filter((text) => text !== secretKey))
      t.throws(() => check(request, now, { secretKey: other, keys }), invalid(mismatch));
  }
});

t.test('the name of Host is not looked at, its port is signed', async (t) => {
  const request = signed({}, { headers: [['host', ['localhost:8478']]] });
  t.doesNotThrow(() => check(request));
  t.throws(() => check(withHeaders(request, { host: 'localhost' })), invalid(mismatch));
});

t.test('of Date and X-Amz-Date the latter counts; Date has two forms', async (t) => {
  const request = signed();
  const withDate = (date: string) => withHeaders(request, { 'x-amz-date': undefined, date });
  const list = 'SignedHeaders=content-length;content-type;host;x-amz-target';
  for (const date of ['20181105T221604Z', 'Mon, 05 Nov 2018 22:16:04 GMT']) {
    const claim = readSigV4(edited(withDate(date), /SignedHeaders=[^,]+/, list));
    t.match(claim, { time: now, timestamp: '20181105T221604Z' }, date);
  }
  t.equal(readSigV4(withField(request, 'Date', 'nonsense')).time, now);
});

const unsignedRequest = (values: fc.Arbitrary<readonly string[]>): fc.Arbitrary<UnsignedRequest> =>
  fc.record({
    method,
    // Other services normalise paths and encode them twice. KMS has none but `/`.
    path: fc.constantFrom('/', '/a', '/a-b/~c_d/'),
    query,
    headers: fc
      .tuple(host, headers(tokenAlphabet, values))
      .map(([name, rest]) => [['host', [name]] as const, ...rest]),
    body,
  });

const anySigning: fc.Arbitrary<Signing> = fc.record({
  accessKey: fc.stringMatching(/^[A-Z0-9_=]{1,24}$/),
  secretKey,
  sessionToken: fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,32}$/), { nil: undefined }),
  region: fc.constantFrom('eu-west-1', 'us-gov-east-1', 'local'),
  time,
  inQuery: fc.boolean(),
  lifetimeSeconds: fc.integer({ min: 1, max: 604_800 }),
});

/** Several values go out as a field each; a single one keeps the blanks at its ends. */
const fieldValues = fc.oneof(
  headerValue.map((value) => [value]),
  fc.array(trimmedValue, { minLength: 2, maxLength: 3 }),
);

/** Takes a claim for what it says it is, as a caller does that looks the secret up. */
function accepts(request: SignedRequest, by: Signing, keys: DerivedKeys): boolean {
  try {
    const claim = check(request, by.time, { secretKey: by.secretKey, keys });
    return claim.accessKey === by.accessKey && claim.sessionToken === by.sessionToken;
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

/** Whether a request is accepted, and no longer is when one byte of it has changed. */
function isTight(request: SignedRequest, by: Signing, where: Change, keys: DerivedKeys): boolean {
  const signedHeaders = readSigV4(request).canonicalRequest.split('\n').at(-2) ?? '';
  const fields = [...signedHeaders.split(';'), ...(by.inQuery ? [] : ['authorization'])];
  return (
    accepts(request, by, keys) &&
    !accepts(changed(request, where, fields), by, keys) &&
    !accepts(request, { ...by, secretKey: `${by.secretKey}.` }, keys)
  );
}

t.test('whatever aws4 signs is accepted, and nothing else', async (t) => {
  const keys = createDerivedKeys();
  // aws4 takes all of Unicode's blanks for spaces; for the SDKs and for us they are bytes like others.
  const values = fieldValues.filter((texts) => !texts.some((text) => /[^\S \t]/.test(text)));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(unsignedRequest(values), anySigning, change, (request, by, where) =>
        isTight(signWithAws4(request, by), by, where, keys),
      ),
      { numRuns: 3000 },
    ),
  );
});

t.test('whatever the SDK signs is accepted, and nothing else', async (t) => {
  const keys = createDerivedKeys();
  await t.resolves(
    fc.assert(
      fc.asyncProperty(
        unsignedRequest(fieldValues),
        anySigning,
        change,
        async (request, by, where) => isTight(await signWithSmithy(request, by), by, where, keys),
      ),
      { numRuns: 3000 },
    ),
  );
});

t.test('anything else is an error of the service', async (t) => {
  const codes = [
    'MissingAuthenticationTokenException',
    'IncompleteSignatureException',
    'InvalidSignatureException',
  ];
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  const piece = fc.oneof(
    latin1,
    fc.constantFrom(
      ...[
        'AWS4-HMAC-SHA256',
        ' ',
        ',',
        '=',
        ';',
        '/',
        '%',
        '&',
        '%4',
        'Credential=a/20181105/b/kms/aws4_request',
      ],
      ...['Signature=', `Signature=${'0'.repeat(64)}`, 'SignedHeaders=host', 'host', 'x-amz-date'],
      ...['20181105T221604Z', 'Mon, 05 Nov 2018 22:16:04 GMT', 'X-Amz-Algorithm=AWS4-HMAC-SHA256&'],
      ...['X-Amz-Credential=a/20181105/b/kms/aws4_request&', 'X-Amz-SignedHeaders=host&'],
      ...['X-Amz-Signature=0&', 'X-Amz-Date=20181105T221604Z&', 'X-Amz-Expires=', '__proto__'],
    ),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const name = fc.oneof(
    latin1,
    fc.constantFrom(
      'Authorization',
      'Host',
      'X-Amz-Date',
      'Date',
      'X-Amz-Security-Token',
      '__proto__',
    ),
  );
  const fields = fc.array(fc.tuple(name, text), { maxLength: 6 }).map((pairs) => pairs.flat());
  const anyRequest = fc.record({
    method: latin1,
    path: latin1,
    query: text,
    rawHeaders: fc.oneof(
      fields,
      fields.map((more) => ['Host', 'a', 'X-Amz-Date', '20181105T221604Z', ...more]),
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
            error instanceof ServiceError && codes.includes(error.code) && error.status === 400
          );
        }
      }),
      { numRuns: 5000 },
    ),
  );
});

t.test('the time taken grows no faster than the request', async (t) => {
  const keys = createDerivedKeys();
  const size = 16 * 1024; // node:http's limit, and the gateway's
  const many = (count: number, make: (at: number) => string[]) =>
    Array.from({ length: count }, (_, at) => make(at)).flat();
  const { rawHeaders } = signed();
  for (const [name, request] of [
    ...[' ', '\t', ',', '=', ';', '/', '%', 'a ', 'a=b,', 'a;', 'Credential=a,'].flatMap((unit) => {
      const text = unit.repeat(size / unit.length);
      return [
        [`Authorization ${unit}`, withHeaders(signed(), { authorization: `AWS4-${text}` })],
        [`SignedHeaders ${unit}`, edited(signed(), /(?<=SignedHeaders=)/, text)],
        [`X-Amz-Date ${unit}`, withHeaders(signed(), { 'x-amz-date': text })],
        [`Date ${unit}`, withHeaders(signed(), { 'x-amz-date': undefined, date: text })],
        [`Content-Type ${unit}`, withHeaders(signed(), { 'content-type': `a${text}a` })],
      ] as const;
    }),
    ...['&', '=', '%', '%41', 'a&', 'a=b&', 'X-Amz-Algorithm&', '+'].map(
      (unit) => [`query ${unit}`, { ...signed(), query: unit.repeat(size / unit.length) }] as const,
    ),
    [
      'fields',
      { ...signed(), rawHeaders: [...rawHeaders, ...many(2000, (at) => [`x-amz-${at}`, ''])] },
    ],
    [
      'one field',
      { ...signed(), rawHeaders: [...rawHeaders, ...many(2000, () => ['content-type', 'a'])] },
    ],
  ] as const) {
    const took = Math.min(
      ...Array.from({ length: 3 }, () => {
        const start = process.hrtime.bigint();
        accepts(request, signing, keys);
        return Number(process.hrtime.bigint() - start) / 1e6;
      }),
    );
    // Some milliseconds; quadratic work on 16 KiB is hundreds.
    t.ok(took < 100, `${name}: ${took.toFixed(1)} ms`);
  }
});

const scope = '20150830/us-east-1/iam/aws4_request';

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
  const keys = createDerivedKeys();
  const key = keys.get('secret', scope);
  t.ok(key.equals(deriveKey('secret', scope)));
  t.equal(keys.get('secret', scope), key);
  for (const [secret, other] of [
    ['secret', scope.replace('30', '31')],
    ['Secret', scope],
    ['', scope],
    ['__proto__', scope],
  ] as const)
    t.ok(keys.get(secret, other).equals(deriveKey(secret, other)), `${secret} ${other}`);
});

t.test('keys that go are wiped: when all are cleared and when there are too many', async (t) => {
  const keys = createDerivedKeys(3);
  const wiped = (key: Buffer) => key.every((byte) => byte === 0);
  const first = keys.get('a', scope);
  keys.clear();
  t.ok(wiped(first));
  const kept = ['a', 'b', 'c'].map((secret) => keys.get(secret, scope));
  t.notOk(kept.some(wiped), 'three are kept');
  const fourth = keys.get('d', scope);
  t.ok(kept.every(wiped), 'the fourth wipes them');
  t.notOk(wiped(fourth));
  t.equal(keys.get('d', scope), fourth);
  t.ok(keys.get('a', scope).equals(deriveKey('a', scope)), 'and they are derived anew');
});

t.test('invented regions take no more than the limit', async (t) => {
  const keys = createDerivedKeys();
  const first = keys.get('secret', 'region 0');
  for (let i = 1; i < maxDerivedKeys; i++) keys.get('secret', `region ${i}`);
  t.equal(keys.get('secret', 'region 0'), first);
  keys.get('secret', 'one more');
  t.not(keys.get('secret', 'region 0'), first);
});
