import { Readable } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import type { GatewayRequest } from '../../../src/apis/api.js';
import {
  authorizeAws,
  authorizeForwarding,
  awsCaller,
  awsRoute,
} from '../../../src/apis/aws-kms/api.js';
import { EntropyError } from '../../../src/common/errors.js';
import { createAccess } from '../../../src/gateway/auth/credentials.js';
import {
  accessOf,
  answerOf,
  failingSource,
  fakeSource,
  gatewayRequest,
} from '../../support/gateway.js';
import {
  signAws,
  awsRequest as signedRequest,
  unverifiable,
} from '../../support/signing/signed-calls.js';

const awsJson = 'application/x-amz-json-1.1';
const target = 'TrentService.GenerateRandom';
const awsHeaders = unverifiable;

/** A request as an SDK sends it, but for what is given. */
function awsRequest(body: string, overrides: Partial<GatewayRequest> = {}): GatewayRequest {
  return gatewayRequest({ headers: awsHeaders, body: Buffer.from(body), ...overrides });
}

const open = createAccess();
const ask = (request: GatewayRequest, source = fakeSource(), access = open) =>
  answerOf(awsRoute(source, { access }), request);

t.test('answers a good request in base64', async (t) => {
  for (const [size, overrides] of [
    [1, {}],
    [32, {}],
    [1024, {}],
    [
      32,
      { headers: { ...awsHeaders, 'content-type': 'Application/X-Amz-Json-1.1 ; charset=UTF-8' } },
    ],
    [32, { headers: { ...awsHeaders, host: 'kms.us-east-2.amazonaws.com' } }],
    [32, { headers: { ...awsHeaders, 'sec-fetch-site': 'none' } }],
  ] as const) {
    const { status, headers, body } = await ask(
      awsRequest(`{"NumberOfBytes": ${size}, "Unknown": {}}`, overrides),
    );
    const expected = Buffer.from(await fakeSource().random(size)).toString('base64');
    t.strictSame(
      { status, headers, body },
      {
        status: 200,
        headers: { 'Content-Type': awsJson, 'x-amzn-RequestId': 'id-1' },
        body: `{"Plaintext":"${expected}"}`,
      },
      `${size} ${JSON.stringify(overrides)}`,
    );
  }
});

t.test('checks method, content type, JSON, target, members, in that order', async (t) => {
  const foreign = { 'content-type': awsJson, 'x-amz-target': 'TrentService.Nope' };
  const { 'x-amz-target': _, ...untargeted } = awsHeaders;
  for (const [name, request, status, body] of [
    ['GET', awsRequest('{bad', { method: 'GET' }), 400, { __type: 'UnknownOperationException' }],
    ['another path', awsRequest('', { path: '/x' }), 400, { __type: 'UnknownOperationException' }],
    [
      'another content type',
      awsRequest('{bad', { headers: { ...awsHeaders, 'content-type': 'application/json' } }),
      400,
      { __type: 'UnknownOperationException' },
    ],
    [
      'no content type',
      awsRequest('{bad', { headers: { 'x-amz-target': target } }),
      400,
      { __type: 'UnknownOperationException' },
    ],
    ['{bad', awsRequest('{bad', { headers: foreign }), 400, { __type: 'SerializationException' }],
    ['empty', awsRequest(''), 400, { __type: 'SerializationException' }],
    ['scalar', awsRequest('32'), 400, { __type: 'SerializationException' }],
    ['[[[...', awsRequest('['.repeat(500_000)), 400, { __type: 'SerializationException' }],
    [
      'another target',
      awsRequest('{}', { headers: foreign }),
      400,
      { __type: 'UnknownOperationException' },
    ],
    [
      'no target',
      awsRequest('{}', { headers: untargeted }),
      400,
      { __type: 'UnknownOperationException' },
    ],
    [
      'no size',
      awsRequest('{}'),
      400,
      { __type: 'ValidationException', message: 'NumberOfBytes is required.' },
    ],
  ] as const) {
    const answer = await ask(request);
    t.equal(answer.status, status, name);
    t.strictSame(JSON.parse(answer.body), body, name);
    t.strictSame(answer.headers, { 'Content-Type': awsJson, 'x-amzn-RequestId': 'id-1' }, name);
  }
});

t.test('authentication comes after the target and before the members', async (t) => {
  const key = { accessKey: 'AKID', secretKey: 'secret' };
  const access = accessOf('[[key]]\nname = "k"\naccess_key = "AKID"\nsecret_key = "secret"');
  const { authorization: _, ...unsigned } = awsHeaders;
  for (const [name, request, type] of [
    ['nothing', awsRequest('{}', { headers: unsigned }), 'MissingAuthenticationTokenException'],
    ['no JSON', awsRequest('{bad', { headers: unsigned }), 'SerializationException'],
    ['a good one', signedRequest(key, '{}'), 'ValidationException'],
    ['a bad one', signedRequest({ ...key, secretKey: 'x' }, '{}'), 'InvalidSignatureException'],
  ] as const)
    t.match((await ask(request, fakeSource(), access)).outcome, type, name);
  t.equal(
    (await ask(awsRequest('{}', { headers: unsigned }))).outcome,
    'MissingAuthenticationTokenException',
    'also where the gateway is open',
  );
});

t.test('notes what it learns, as far as it gets', async (t) => {
  const signer = { accessKey: 'AKID', secretKey: 'secret' };
  const access = accessOf('[[key]]\nname = "k"\naccess_key = "AKID"\nsecret_key = "secret"');
  for (const [request, access_, facts, outcome] of [
    [signedRequest(signer), access, { key: 'k', operation: 'GenerateRandom', size: 32 }, undefined],
    [
      signedRequest(signer, '{}'),
      access,
      { key: 'k', operation: 'GenerateRandom', size: null },
      'ValidationException',
    ],
    [
      signedRequest({ ...signer, secretKey: 'x' }),
      access,
      { key: null, operation: 'GenerateRandom', size: null },
      'InvalidSignatureException',
    ],
    [signedRequest(signer), open, { key: null, operation: 'GenerateRandom', size: 32 }, undefined],
    [
      gatewayRequest(),
      open,
      { key: null, operation: null, size: null },
      'UnknownOperationException',
    ],
  ] as const) {
    const { outcome: told } = await ask(request, fakeSource(), access_);
    t.equal(told, outcome);
    t.strictSame(request.facts, facts, `${outcome}`);
  }
});

t.test('refuses web pages before anything else', async (t) => {
  for (const [method, extra] of [
    ['POST', { origin: 'http://localhost:8478' }],
    ['OPTIONS', { origin: 'https://example.com' }],
    ['POST', { 'sec-fetch-site': 'cross-site' }],
  ] as const) {
    const { status, body } = await ask(
      awsRequest('{"NumberOfBytes": 32}', { method, headers: { ...awsHeaders, ...extra } }),
    );
    t.equal(status, 403);
    t.strictSame(JSON.parse(body), {
      __type: 'AccessDeniedException',
      Message: 'Requests of web pages are refused.',
    });
  }
});

t.test('tells a failing daemon in the terms of the service', async (t) => {
  for (const [code, status, type] of [
    ['ERR_HEALTH', 500, 'KMSInternalException'],
    ['ERR_CONNECT', 503, 'DependencyTimeoutException'],
    ['ERR_RATE', 400, 'ThrottlingException'],
  ] as const) {
    const source = failingSource(new EntropyError(code, 'x'));
    const answer = await ask(awsRequest('{"NumberOfBytes": 32}'), source);
    t.equal(answer.status, status, code);
    t.equal(JSON.parse(answer.body).__type, type, code);
  }
});

t.test('answers any body with JSON, and never with bytes that were not asked for', async (t) => {
  const members = fc.record({ NumberOfBytes: fc.jsonValue(), Recipient: fc.jsonValue() });
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    members.map((value) => JSON.stringify(value)),
  );
  await t.resolves(
    fc.assert(
      fc.asyncProperty(body, async (body) => {
        const answer = await ask(awsRequest(body));
        const { Plaintext, __type } = JSON.parse(answer.body);
        if (answer.status === 400) return Plaintext === undefined && typeof __type === 'string';
        const size = Math.trunc(JSON.parse(body).NumberOfBytes);
        return answer.status === 200 && Buffer.from(Plaintext, 'base64').length === size;
      }),
    ),
  );
});

t.test('an upstream gets what is not served here, after the checks', async (t) => {
  const forwarded: string[] = [];
  const upstream = {
    host: 'kms.example',
    resign: false,
    async forward({ headers }: GatewayRequest) {
      forwarded.push(String(headers['x-amz-target']));
      return { status: 299, headers: {}, body: Readable.from(['theirs']) };
    },
    async close() {},
  };
  const signer = { accessKey: 'AKID', secretKey: 'secret' };
  const access = accessOf(
    '[[key]]\nname = "all"\naccess_key = "AKID"\nsecret_key = "secret"\nallow = ["GenerateRandom", "upstream"]\n',
  );
  const long = `TrentService.${'a'.repeat(65)}`;
  for (const [name, body, headers, status] of [
    ['TrentService.Encrypt', '{}', {}, 299],
    [target, '{"Recipient":{}}', {}, 299],
    [target, '{"NumberOfBytes":"x","CustomKeyStoreId":"a"}', {}, 299],
    [target, '{"NumberOfBytes":1}', {}, 200],
    [target, '{"NumberOfBytes":1,"Recipient":null}', {}, 200],
    ['TrentService.Encrypt', '{bad', {}, 400],
    ['TrentService.Encrypt', 'null', {}, 400],
    ['TrentService.Encrypt', '{}', { 'content-type': 'text/plain' }, 400],
    ['TrentService.Encrypt', '{}', { origin: 'null' }, 403],
    [`${target}, ${target}`, '{}', {}, 400],
    ['TrentService.', '{}', {}, 400],
    ['trentservice.Encrypt', '{}', {}, 400],
    [long, '{}', {}, 400],
  ] as const) {
    const before = forwarded.length;
    const request = awsRequest(body, {
      headers: signAws(signer, body, { 'x-amz-target': name, ...headers }),
    });
    const answer = await answerOf(awsRoute(fakeSource(), { access, upstream }), request);
    t.equal(answer.status, status, `${name} ${body}`);
    t.equal(forwarded.length - before, status === 299 ? 1 : 0, `${name} ${body}`);
  }
});

t.test('nobody uses the upstream who may not', async (t) => {
  const access = accessOf(`[[key]]
name = "some"
access_key = "AKID"
secret_key = "secret"
allow = ["GenerateRandom", "upstream:Encrypt", "upstream:GenerateRandom"]
[[key]]
name = "none"
access_key = "AKNO"
secret_key = "secret"
`);
  const forward = async ({ facts }: GatewayRequest) => {
    t.match(facts, { key: 'some', size: null });
    return { status: 400, headers: {}, body: Readable.from(['theirs']) };
  };
  const upstream = { host: 'kms.example', resign: true, forward, close: async () => {} };
  const recipient = '{"Recipient":{}}';
  for (const [accessKey, name, body, outcome, who] of [
    ['AKID', 'Encrypt', '{}', 'upstream 400', access],
    ['AKID', 'GenerateRandom', recipient, 'upstream 400', access],
    ['AKID', 'Decrypt', '{}', 'AccessDeniedException', access],
    ['AKNO', 'Encrypt', '{}', 'AccessDeniedException', access],
    ['AKNO', 'GenerateRandom', recipient, 'AccessDeniedException', access],
    ['AKXX', 'Encrypt', '{}', 'UnrecognizedClientException', access],
    ['AKID', 'Encrypt', '{}', 'AccessDeniedException', open],
  ] as const) {
    const headers = signAws({ accessKey, secretKey: 'secret' }, body, {
      'x-amz-target': `TrentService.${name}`,
    });
    const answer = await answerOf(
      awsRoute(fakeSource(), { access: who, upstream }),
      awsRequest(body, { headers }),
    );
    t.equal(answer.outcome, outcome, `${accessKey} ${name}`);
  }
});

const now = Date.UTC(2026, 5, 1);
const key = { accessKey: 'AKID', secretKey: 'secret', time: now };
const temporary = { accessKey: 'ASID', secretKey: 'other', sessionToken: 'session', time: now };
const file = `[[key]]
name = "lasting"
access_key = "AKID"
secret_key = "secret"
requests_per_second = 2
[[key]]
name = "temporary"
access_key = "ASID"
secret_key = "other"
session_token = "session"
expires = 2026-06-02T00:00:00Z
allow = []
`;

t.test('knows who signed, and tells everybody else why not', async (t) => {
  const access = accessOf(file, now);
  const dayLater = accessOf(file, now + 86_400_000);
  for (const [title, request, result, where] of [
    ['a key', signedRequest(key), 'lasting'],
    ['a temporary key', signedRequest(temporary), 'temporary'],
    ['nobody', gatewayRequest(), 'MissingAuthenticationTokenException'],
    ['an unknown key', signedRequest({ ...key, accessKey: 'X' }), 'UnrecognizedClientException'],
    [
      'an unknown key with a wrong clock',
      signedRequest({ ...key, accessKey: 'X', time: 0 }),
      'UnrecognizedClientException',
    ],
    ['another secret', signedRequest({ ...key, secretKey: 'x' }), 'InvalidSignatureException'],
    ['a wrong clock', signedRequest({ ...key, time: now - 400_000 }), 'InvalidSignatureException'],
    [
      'a session token too many',
      signedRequest({ ...key, sessionToken: 'session' }),
      'UnrecognizedClientException',
    ],
    [
      'another session token',
      signedRequest({ ...temporary, sessionToken: 'x' }),
      'UnrecognizedClientException',
    ],
    [
      'no session token',
      signedRequest({ accessKey: 'ASID', secretKey: 'other', time: now }),
      'UnrecognizedClientException',
    ],
    [
      'an expired key',
      signedRequest({ ...temporary, time: now + 86_400_000 }),
      'ExpiredTokenException',
      dayLater,
    ],
    [
      'an expired key and another secret',
      signedRequest({ ...temporary, secretKey: 'x', time: now + 86_400_000 }),
      'InvalidSignatureException',
      dayLater,
    ],
    [
      'the last moment',
      signedRequest({ ...temporary, time: now + 86_399_000 }),
      'temporary',
      accessOf(file, now + 86_399_999),
    ],
  ] as const) {
    const outcome = () => {
      try {
        return awsCaller(request, where ?? access)?.name;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    t.equal(outcome(), result, title);
  }
});

t.test('an open gateway wants a well-formed signature, and knows nobody', async (t) => {
  const access = createAccess();
  t.equal(awsCaller(signedRequest({ ...key, secretKey: 'x', time: 0 }), access), undefined);
  t.throws(() => awsCaller(gatewayRequest(), access), {
    code: 'MissingAuthenticationTokenException',
  });
});

t.test('takes only regions that are configured, also where it is open', async (t) => {
  for (const [regions, accepted] of [
    [[], true],
    [['us-east-1', 'eu-central-1'], true],
    [['us-east-1'], false],
  ] as const) {
    const call = () => awsCaller(signedRequest(key), createAccess(regions));
    if (accepted) t.doesNotThrow(call);
    else t.throws(call, { code: 'InvalidSignatureException', message: /'eu-central-1'/ });
  }
});

t.test('who is known may do what is allowed, as often as allowed', async (t) => {
  const access = accessOf(file, now);
  const [lasting, denied] = [
    awsCaller(signedRequest(key), access),
    access.credentials?.key('ASID'),
  ];
  const authorize = (caller = lasting) => authorizeAws(caller, 'GenerateRandom', access);
  t.throws(() => authorize(denied), {
    code: 'AccessDeniedException',
    status: 400,
    message:
      'User: arn:aws:iam::000000000000:user/temporary is not authorized to perform: kms:GenerateRandom because no identity-based policy allows the kms:GenerateRandom action',
  });
  t.throws(() => authorizeForwarding(lasting, 'CreateKey', access), {
    code: 'AccessDeniedException',
    message: /kms:CreateKey/,
  });
  t.doesNotThrow(() => authorize(), 'what is refused takes nothing from the rate');
  t.doesNotThrow(() => authorize());
  t.throws(() => authorize(), { code: 'ThrottlingException', status: 400 });
  access.clock += 500;
  t.doesNotThrow(() => authorize());
  for (let i = 0; i < 100; i++) authorizeAws(undefined, 'GenerateRandom', access);
  t.throws(
    () => authorizeForwarding(undefined, 'CreateKey', access),
    { code: 'AccessDeniedException', message: /user\/anonymous/ },
    'where nobody is known, nobody uses the upstream',
  );
});
