import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { huaweiKms } from '../../../src/apis/huawei-kms/api.js';
import type { Dialect } from '../../../src/apis/huawei-kms/format.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { day, type Kind, minute, now, signerOf, tokenOf } from '../../support/credentials.js';
import { answerOf, apiRequest, fakeSource } from '../../support/gateway.js';
import { type Signer, signSdkHmac } from '../../support/signing/signed-calls.js';

const goodSequence = '919c82d4-8046-4722-9094-35c3c6524cff';
const goodBody = '{"random_data_length":"512"}';
const responseHeaders = { 'Content-Type': 'application/json', 'x-request-id': 'id-1' };
const path = '/v1.0/project/kms/gen-random';

/** A request as an SDK sends it, but for what is given. */
const genRandom = (body: string, overrides: Partial<ApiRequest> = {}) =>
  apiRequest({
    path,
    headers: { 'content-type': 'application/json', 'x-auth-token': tokenOf('default') },
    body: Buffer.from(body),
    ...overrides,
  });

const api = (dialect: Dialect = 'otc') => huaweiKms.create({ dialect });

t.test('answers a good request in upper-case hexadecimal and nothing else', async (t) => {
  for (const [dialect, length, size] of [
    ['otc', '"512"', 64],
    ['otc', '512', 64],
    ['hwc', '"8"', 1],
    ['hwc', '"8192"', 1024],
  ] as const) {
    const body = `{"random_data_length":${length},"sequence":"${goodSequence}"}`;
    const bytes = Buffer.from(await fakeSource().random(size));
    t.strictSame(
      await answerOf(api(dialect), genRandom(body)),
      {
        status: 200,
        headers: responseHeaders,
        body: `{"random_data":"${bytes.toString('hex').toUpperCase()}"}`,
        outcome: 'ok',
      },
      `${dialect} ${length}`,
    );
  }
});

t.test('refuses with number and status of the service, in the order of its checks', async (t) => {
  for (const [dialect, request, status, code] of [
    ['otc', genRandom(goodBody, { method: 'GET' }), 405, 'KMS.0215'],
    ['otc', genRandom('{bad', { method: 'PUT' }), 405, 'KMS.0215'],
    ['otc', genRandom('{bad'), 400, 'KMS.0202'],
    ['otc', genRandom(''), 400, 'KMS.0202'],
    ['otc', genRandom('[]'), 400, 'KMS.0202'],
    ['otc', genRandom('{}'), 400, 'KMS.0204'],
    ['otc', genRandom('{"random_data_length":"256"}'), 400, 'KMS.1801'],
    ['hwc', genRandom('{"random_data_length":"12"}'), 400, 'KMS.1802'],
    ['hwc', genRandom('{"random_data_length":"0"}'), 400, 'KMS.1801'],
    ['hwc', genRandom('{"random_data_length":"8200"}'), 400, 'KMS.1801'],
    [
      'otc',
      genRandom(`{"random_data_length":"512","sequence":"${goodSequence.slice(1)}"}`),
      400,
      'KMS.0206',
    ],
  ] as const) {
    const answer = await answerOf(api(dialect), request);
    t.match(
      { ...answer, body: JSON.parse(answer.body) },
      { status, headers: responseHeaders, body: { error: { error_code: code, error_msg: /./ } } },
      `${dialect} ${request.method} ${request.body}`,
    );
  }
});

t.test('authentication comes after path and method, and before the JSON', async (t) => {
  const headers = { 'content-type': 'application/json' };
  const operation = 'gen-random';
  for (const [request, outcome, audit] of [
    [genRandom('{bad'), 'KMS.0202', { key: 'default-token', operation, size: null }],
    [genRandom('{bad', { headers }), 'APIGW.0301', { key: null, operation, size: null }],
    [genRandom('{bad', { headers, method: 'PUT' }), 'KMS.0215', { key: null, operation: null }],
    [genRandom('{bad', { headers, path: '/x' }), 'APIGW.0101', { key: null, operation: null }],
  ] as const) {
    t.equal(await outcomeOf(api(), request), outcome);
    t.match(request.audit, audit, outcome);
  }
});

t.test('answers other paths flat, as the API gateway in front of the clouds does', async (t) => {
  for (const other of [
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
    const request = genRandom(goodBody, { path: other });
    t.equal(api().claim(request), 'leftover', 'only if nobody else wants it');
    const { status, body } = await answerOf(api(), request);
    t.equal(status, 404, other);
    t.strictSame(JSON.parse(body), {
      error_code: 'APIGW.0101',
      error_msg: 'The API does not exist or has not been published in the environment',
      request_id: 'id-1',
    });
  }
  t.equal(api().claim(genRandom(goodBody)), 'path');
});

t.test('in hwc a method that is not published is no API, whoever asks', async (t) => {
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await answerOf(api('hwc'), genRandom(goodBody, { method, headers: {} }));
    t.match(answer, { status: 404, outcome: 'APIGW.0101', body: /"error_code":"APIGW\.0101"/ });
  }
});

t.test('request ids are of 32 hexadecimal digits', async (t) => {
  const { requestId } = api();
  t.equal(requestId?.('0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d'), '0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d');
});

t.test('adds on demand what the Node SDK reads', async (t) => {
  const verbose = huaweiKms.create({ dialect: 'otc', nodeSdkErrors: true });
  const { body } = await answerOf(verbose, genRandom('{}'));
  t.match(JSON.parse(body), { error: { error_code: 'KMS.0204', code: 'KMS.0204', message: /./ } });
});

const signed = (kind: Kind, changed: Partial<Signer> = {}, more = {}) =>
  genRandom(goodBody, {
    headers: { ...signSdkHmac(signerOf(kind, changed), path, goodBody), ...more },
  });
const holding = (token: string) => genRandom(goodBody, { headers: { 'x-auth-token': token } });

t.test('knows who signed or holds a token, and tells everybody else why not', async (t) => {
  const mismatch = { is: 'APIGW.0301', body: /information: verify aksk signature fail/ };
  const nested = (code: string, text: string) => ({
    is: code,
    body: JSON.stringify({ error: { error_code: code, error_msg: text } }),
  });
  const noToken = { is: 'APIGW.0301', body: /information: decrypt token fail/ };
  const notExist = { is: 'APIGW.0301', body: /information: ak X not exist"/ };
  const scope = ['', ''] as const;
  await checkClaims(t, api(), [
    { title: 'a key', request: signed('default'), is: 'default-key' },
    { title: 'a temporary key', request: signed('temporary'), is: 'temporary-key' },
    { title: 'a token', request: holding('token-temporary'), is: 'temporary-token' },
    {
      title: 'nothing',
      request: genRandom(goodBody, { headers: {} }),
      is: 'APIGW.0301',
      body: /information: x-auth-token not found/,
    },
    {
      title: 'an empty token',
      request: holding(''),
      ...nested('KMS.0301', 'Invalid or null X-Auth-Token.'),
    },
    {
      title: 'another token',
      request: holding('token-defaul'),
      ...noToken,
    },
    {
      title: 'a secret key as a token',
      request: holding('secret-default'),
      ...noToken,
    },
    {
      title: 'an expired token',
      request: holding('token-temporary'),
      later: day,
      is: 'APIGW.0301',
      body: /information: token expires, expires_at: 2026-06-02T00:00:00\.000Z/,
    },
    { title: 'an unknown key', request: signed('default', { accessKey: 'X' }), ...notExist },
    { title: 'a key with a scope', request: signed('default', { scope }), is: 'default-key' },
    {
      title: 'an unknown key with a scope',
      request: signed('default', { accessKey: 'X', scope }),
      ...notExist,
    },
    {
      title: 'another secret with a scope',
      request: signed('default', { secretKey: 'x', scope }),
      ...mismatch,
    },
    ...[
      ['session', 'temporary-key'],
      ['sessio', 'APIGW.0301'],
      [undefined, 'APIGW.0301'],
    ].map(([token, is = '']) => ({
      title: `the unsigned security token ${token} with a scope`,
      request: signed(
        'temporary',
        { sessionToken: undefined, scope },
        token === undefined ? {} : { 'x-security-token': token },
      ),
      is,
    })),
    {
      title: 'an unsigned security token too many',
      request: signed('default', { scope }, { 'x-security-token': 'session' }),
      ...mismatch,
    },
    { title: 'another secret', request: signed('default', { secretKey: 'x' }), ...mismatch },
    {
      title: 'a wrong clock',
      request: signed('default', { time: now - 16 * minute }),
      is: 'APIGW.0301',
      body: /calc ak sk signature fail:signature expired/,
    },
    {
      title: 'a security token too many',
      request: signed('default', { sessionToken: 'session' }),
      ...mismatch,
    },
    {
      title: 'another security token',
      request: signed('temporary', { sessionToken: 'x' }),
      ...mismatch,
    },
    {
      title: 'an expired key',
      request: signed('temporary', { time: now + day }),
      is: 'APIGW.0301',
      body: /token expires, expires_at: 2026-06-02T00:00:00\.000Z/,
      later: day,
    },
    {
      title: 'a bad signature beside a good token',
      request: signed('default', { secretKey: 'x' }, { 'x-auth-token': 'token-default' }),
      ...mismatch,
    },
    {
      title: 'another scheme beside a good token',
      request: genRandom(goodBody, {
        headers: { authorization: 'Basic YTpi', 'x-auth-token': 'token-default' },
      }),
      ...mismatch,
    },
  ]);
});

t.test('an open gateway wants a token or a well-formed signature, and knows nobody', async (t) => {
  for (const [request, outcome] of [
    [holding('any'), 'ok'],
    [signed('default', { secretKey: 'x', time: 0 }), 'ok'],
    [genRandom(goodBody, { headers: {} }), 'APIGW.0301'],
    [holding(''), 'KMS.0301'],
    [genRandom(goodBody, { headers: { authorization: 'SDK-HMAC-SHA256 Access=a' } }), 'APIGW.0301'],
  ] as const) {
    t.equal((await answerOf(api(), request)).outcome, outcome);
    t.equal(request.audit.key, null);
  }
});

t.test('a credential of a project asks for that project, others for any', async (t) => {
  for (const [kind, project, outcome] of [
    ['project', 'project', 'ok'],
    ['project', 'Project', 'KMS.0321'],
    ['default', 'any', 'ok'],
    ['denied', 'any', 'KMS.0330'],
  ] as const) {
    const other = `/v1.0/${project}/kms/gen-random`;
    const headers = { 'x-auth-token': tokenOf(kind) };
    t.equal(await outcomeOf(api(), genRandom(goodBody, { path: other, headers })), outcome, kind);
  }
});

t.test('its examples name the dialect, and a socket if there is one', async (t) => {
  const at = { url: 'http://127.0.0.1:8478', verifies: false, socketPath: '/run/a.sock' };
  const [overUrl, overSocket] = api('hwc').examples(at);
  t.match(overUrl, {
    title: 'gen-random of Open Telekom Cloud and Huawei Cloud (dialect hwc)',
    command: `curl -H 'X-Auth-Token: any' -d '${goodBody}' http://127.0.0.1:8478/v1.0/project/kms/gen-random`,
  });
  t.match(overSocket?.command, /^curl --unix-socket \/run\/a\.sock -H /);
});
