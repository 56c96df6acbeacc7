import fc from 'fast-check';
import t from 'tap';
import type { GatewayRequest } from '../../../src/apis/api.js';
import {
  authorizeGenRandom,
  genRandomCaller,
  genRandomRoute,
} from '../../../src/apis/huawei-kms/api.js';
import type { Dialect } from '../../../src/apis/huawei-kms/format.js';
import { EntropyError } from '../../../src/common/errors.js';
import { createAccess } from '../../../src/gateway/auth/credentials.js';
import {
  accessOf,
  answerOf,
  failingSource,
  fakeSource,
  gatewayRequest,
} from '../../support/gateway.js';
import { type Signer, signSdkHmac } from '../../support/signing/signed-calls.js';

const goodSequence = '919c82d4-8046-4722-9094-35c3c6524cff';
const goodBody = '{"random_data_length":"512"}';
const answerHeaders = { 'Content-Type': 'application/json', 'x-request-id': 'id-1' };

/** A request as an SDK sends it, but for what is given. */
function genRandomRequest(body: string, overrides: Partial<GatewayRequest> = {}): GatewayRequest {
  return gatewayRequest({
    path: '/v1.0/53d1aefc533f4ce9a59c26b01667cbcf/kms/gen-random',
    headers: { 'content-type': 'application/json', 'x-auth-token': 'token' },
    body: Buffer.from(body),
    ...overrides,
  });
}

const open = createAccess();

function ask(
  request: GatewayRequest,
  dialect: Dialect = 'otc',
  client = fakeSource(),
  access = open,
) {
  return answerOf(genRandomRoute({ client, access, dialect }), request);
}

t.test('answers a good request in upper-case hexadecimal and nothing else', async (t) => {
  for (const [dialect, length, size] of [
    ['otc', '"512"', 64],
    ['otc', '512', 64],
    ['hwc', '"8"', 1],
    ['hwc', '"8192"', 1024],
  ] as const) {
    const answer = await ask(
      genRandomRequest(`{"random_data_length":${length},"sequence":"${goodSequence}"}`),
      dialect,
    );
    const expected = Buffer.from(await fakeSource().random(size))
      .toString('hex')
      .toUpperCase();
    t.strictSame(
      answer,
      { status: 200, headers: answerHeaders, body: `{"random_data":"${expected}"}` },
      `${dialect} ${length}`,
    );
  }
});

t.test('refuses with number and status of the service, in the order of its checks', async (t) => {
  for (const [dialect, request, status, code] of [
    ['otc', genRandomRequest(goodBody, { method: 'GET' }), 405, 'KMS.0215'],
    ['otc', genRandomRequest('{bad', { method: 'PUT' }), 405, 'KMS.0215'],
    ['otc', genRandomRequest('{bad'), 400, 'KMS.0202'],
    ['otc', genRandomRequest(''), 400, 'KMS.0202'],
    ['otc', genRandomRequest('[]'), 400, 'KMS.0202'],
    ['otc', genRandomRequest('{}'), 400, 'KMS.0204'],
    ['otc', genRandomRequest('{"random_data_length":"256"}'), 400, 'KMS.1801'],
    ['hwc', genRandomRequest('{"random_data_length":"12"}'), 400, 'KMS.1802'],
    ['hwc', genRandomRequest('{"random_data_length":"0"}'), 400, 'KMS.1801'],
    ['hwc', genRandomRequest('{"random_data_length":"8200"}'), 400, 'KMS.1801'],
    [
      'otc',
      genRandomRequest(`{"random_data_length":"512","sequence":"${goodSequence.slice(1)}"}`),
      400,
      'KMS.0206',
    ],
    [
      'otc',
      genRandomRequest(goodBody, { method: 'GET', headers: { origin: 'https://example.com' } }),
      403,
      'KMS.0326',
    ],
    [
      'otc',
      genRandomRequest(goodBody, { headers: { 'sec-fetch-site': 'same-site' } }),
      403,
      'KMS.0326',
    ],
  ] as const) {
    const answer = await ask(request, dialect);
    t.match(
      { ...answer, body: JSON.parse(answer.body) },
      { status, headers: answerHeaders, body: { error: { error_code: code, error_msg: /./ } } },
      `${dialect} ${request.method} ${request.body}`,
    );
  }
});

t.test('authentication comes after path and method, and before the JSON', async (t) => {
  const headers = { 'content-type': 'application/json' };
  const access = accessOf(
    '[[token]]\nname = "t"\ntoken = "token"\nproject_id = "53d1aefc533f4ce9a59c26b01667cbcf"',
  );
  const notes = (key: string | null, operation: string | null, size: number | null) => ({
    key,
    operation,
    size,
  });
  for (const [request, outcome, facts] of [
    [genRandomRequest(goodBody), undefined, notes('t', 'gen-random', 64)],
    [genRandomRequest('{bad'), 'KMS.0202', notes('t', 'gen-random', null)],
    [genRandomRequest('{bad', { headers }), 'APIGW.0301', notes(null, 'gen-random', null)],
    [genRandomRequest('{bad', { headers, method: 'PUT' }), 'KMS.0215', notes(null, null, null)],
    [genRandomRequest('{bad', { headers, path: '/x' }), 'APIGW.0101', notes(null, null, null)],
    [
      genRandomRequest(goodBody, { path: '/v1.0/other/kms/gen-random' }),
      'KMS.0321',
      notes('t', 'gen-random', null),
    ],
  ] as const) {
    const answer = await ask(request, 'otc', fakeSource(), access);
    t.equal(answer.outcome, outcome);
    t.strictSame(request.facts, facts, `${outcome}`);
  }
});

t.test('answers other paths flat, as the API gateway in front of the clouds does', async (t) => {
  for (const path of [
    '',
    '*',
    '/x',
    '/v1.0//kms/gen-random',
    '/v1.0/a/b/kms/gen-random',
    '/v1.0/project/kms/gen-random/',
    '/v1.0/project/kms/gen-randomx',
    '/x/v1.0/project/kms/gen-random',
    '/v2.0/project/kms/gen-random',
  ]) {
    const { status, body } = await ask(genRandomRequest(goodBody, { path }));
    t.equal(status, 404, path);
    t.strictSame(JSON.parse(body), {
      error_code: 'APIGW.0101',
      error_msg: 'The API does not exist or has not been published in the environment',
      request_id: 'id-1',
    });
  }
});

t.test('tells a failing daemon in the terms of the service', async (t) => {
  for (const [code, status, body] of [
    ['ERR_HEALTH', 500, { error: { error_code: 'KMS.0101' } }],
    ['ERR_CONNECT', 503, { error: { error_code: 'KMS.0104' } }],
    ['ERR_RATE', 429, { error_code: 'APIGW.0308', request_id: 'id-1' }],
  ] as const) {
    const source = failingSource(new EntropyError(code, 'x'));
    const answer = await ask(genRandomRequest(goodBody), 'otc', source);
    t.equal(answer.status, status, code);
    t.match(JSON.parse(answer.body), body, code);
  }
});

t.test('adds on demand what the Node SDK reads', async (t) => {
  const route = genRandomRoute({
    client: fakeSource(),
    access: open,
    dialect: 'otc',
    nodeSdkErrors: true,
  });
  const { body } = await answerOf(route, genRandomRequest('{}'));
  t.match(JSON.parse(body), { error: { error_code: 'KMS.0204', code: 'KMS.0204', message: /./ } });
});

t.test('answers any path and method with JSON in one of the two shapes', async (t) => {
  const segment = fc.oneof(
    fc.constantFrom('v1.0', 'kms', 'gen-random', 'project', '', '..', '%2f', '__proto__'),
    fc.string(),
  );
  const path = fc.oneof(
    fc.array(segment).map((parts) => `/${parts.join('/')}`),
    segment.map((project) => `/v1.0/${project}/kms/gen-random`),
    fc.string(),
  );
  const method = fc.constantFrom('POST', 'POST', 'PUT', 'GET', 'DELETE', 'M-SEARCH');
  const headers = fc.constantFrom({ 'x-auth-token': 'token' }, {}, { authorization: 'Basic x' });
  await t.resolves(
    fc.assert(
      fc.asyncProperty(method, path, headers, async (method, path, headers) => {
        const answer = await ask(genRandomRequest(goodBody, { method, path, headers }));
        const { random_data, error, error_code, error_msg, request_id } = JSON.parse(answer.body);
        if (answer.status === 200) return random_data.length === 128;
        const code = error === undefined ? error_code : error.error_code;
        const isFlat = request_id === 'id-1' && error_msg !== '' && error === undefined;
        return (
          { 401: 'APIGW.0301', 404: 'APIGW.0101', 405: 'KMS.0215' }[answer.status] === code &&
          isFlat === code.startsWith('APIGW.')
        );
      }),
      { numRuns: 1000 },
    ),
  );
});

t.test('answers any body with JSON, with bytes only for a length of the dialect', async (t) => {
  const members = fc.record({ random_data_length: fc.jsonValue(), sequence: fc.jsonValue() });
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    members.map((value) => JSON.stringify(value)),
    fc.nat(9000).map((length) => `{"random_data_length":${length}}`),
  );
  await t.resolves(
    fc.assert(
      fc.asyncProperty(body, async (body) => {
        const answer = await ask(genRandomRequest(body), 'hwc');
        const { random_data, error } = JSON.parse(answer.body);
        if (answer.status === 400)
          return random_data === undefined && error.error_code.length === 8;
        const bits = Number(JSON.parse(body).random_data_length);
        return answer.status === 200 && random_data.length === bits / 4;
      }),
    ),
  );
});

const path = '/v1.0/project/kms/gen-random';
const now = Date.UTC(2026, 5, 1);
const day = 86_400_000;
const key = { accessKey: 'AKID', secretKey: 'secret', time: now };
const temporary = { accessKey: 'ASID', secretKey: 'other', sessionToken: 'session', time: now };
const file = `[[key]]
name = "lasting"
access_key = "AKID"
secret_key = "secret"
project_id = "project"
[[key]]
name = "temporary"
access_key = "ASID"
secret_key = "other"
session_token = "session"
expires = 2026-06-02T00:00:00Z
[[token]]
name = "reports"
token = "abc"
expires = 2026-06-02T00:00:00Z
requests_per_second = 2
[[token]]
name = "denied"
token = "def"
project_id = "project"
allow = ["GenerateRandom"]
`;

const request = (headers: Record<string, string>) => gatewayRequest({ path, headers });
const signed = (signer: Signer) => request(signSdkHmac(signer, path, ''));
const holding = (token: string) => request({ 'x-auth-token': token });
const verifyFault = 'Incorrect IAM authentication information: verify aksk signature fail';

t.test('knows who signed or holds a token, and tells everybody else why not', async (t) => {
  for (const [title, request_, result, later = 0] of [
    ['a key', signed(key), 'lasting'],
    ['a temporary key', signed(temporary), 'temporary'],
    ['a token', holding('abc'), 'reports'],
    [
      'nothing',
      request({}),
      'APIGW.0301 401 Incorrect IAM authentication information: x-auth-token not found',
    ],
    ['an empty token', holding(''), 'KMS.0301 403 Invalid or null X-Auth-Token.'],
    ['another token', holding('abd'), 'KMS.0302 403 Invalid X-Auth-Token.'],
    ['a secret key as a token', holding('secret'), 'KMS.0302 403 Invalid X-Auth-Token.'],
    ['an expired token', holding('abc'), 'KMS.0303 403 X-Auth-Token expired.', day],
    ['an unknown key', signed({ ...key, accessKey: 'X' }), `APIGW.0301 401 ${verifyFault}`],
    ['another secret', signed({ ...key, secretKey: 'x' }), `APIGW.0301 401 ${verifyFault}`],
    [
      'a wrong clock',
      signed({ ...key, time: now - 16 * 60_000 }),
      'APIGW.0301 401 Incorrect IAM authentication information: calc ak sk signature fail:signature expired',
    ],
    [
      'a security token too many',
      signed({ ...key, sessionToken: 'session' }),
      `APIGW.0301 401 ${verifyFault}`,
    ],
    [
      'another security token',
      signed({ ...temporary, sessionToken: 'x' }),
      `APIGW.0301 401 ${verifyFault}`,
    ],
    [
      'an expired key',
      signed({ ...temporary, time: now + day }),
      'APIGW.0301 401 Incorrect IAM authentication information: token expires, expires_at: 2026-06-02T00:00:00.000Z',
      day,
    ],
    [
      'a bad signature beside a good token',
      request({ ...signSdkHmac({ ...key, secretKey: 'x' }, path, ''), 'x-auth-token': 'abc' }),
      `APIGW.0301 401 ${verifyFault}`,
    ],
    [
      'another scheme beside a good token',
      request({ authorization: 'Basic YTpi', 'x-auth-token': 'abc' }),
      `APIGW.0301 401 ${verifyFault}`,
    ],
  ] as const) {
    const outcome = () => {
      try {
        return genRandomCaller(request_, accessOf(file, now + later))?.name;
      } catch (error) {
        const { code, status, message } = error as { code: string; status: number } & Error;
        return `${code} ${status} ${message}`;
      }
    };
    t.equal(outcome(), result, title);
  }
});

t.test('an open gateway wants a token or a well-formed signature, and knows nobody', async (t) => {
  const access = createAccess();
  for (const [request_, code] of [
    [holding('any'), undefined],
    [signed({ ...key, secretKey: 'x', time: 0 }), undefined],
    [request({}), 'APIGW.0301'],
    [holding(''), 'KMS.0301'],
    [request({ authorization: 'SDK-HMAC-SHA256 Access=a' }), 'APIGW.0301'],
  ] as const)
    if (code === undefined) t.equal(genRandomCaller(request_, access), undefined);
    else t.throws(() => genRandomCaller(request_, access), { code });
});

t.test('who is known may ask for its project, if allowed, as often as allowed', async (t) => {
  const access = accessOf(file, now);
  const named = (name: string) => access.credentials?.named(name);
  for (const [name, project, code] of [
    ['lasting', 'project', undefined],
    ['lasting', 'Project', 'KMS.0321'],
    ['denied', 'other', 'KMS.0321'],
    ['denied', 'project', 'KMS.0330'],
    ['reports', 'any', undefined],
    ['reports', 'other', undefined],
    ['reports', 'any', 'APIGW.0308'],
  ] as const) {
    const authorize = () => authorizeGenRandom(named(name), project, access);
    if (code === undefined) t.doesNotThrow(authorize, `${name} ${project}`);
    else t.throws(authorize, { code }, `${name} ${project}`);
  }
  t.doesNotThrow(() => authorizeGenRandom(undefined, 'any', access), 'nobody is known');
});
