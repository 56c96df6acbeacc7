import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { createHuaweiKms, huaweiKms } from '../../../src/apis/huawei-kms/api.js';
import type { Dialect } from '../../../src/apis/huawei-kms/format.js';
import { createHuaweiUpstream } from '../../../src/apis/huawei-kms/upstream.js';
import { openMetricsPage } from '../../../src/common/prometheus.js';
import { outcomeOf } from '../../support/claims.js';
import { accessOf, credentials, now, tokenOf } from '../../support/credentials.js';
import { answerOf, apiRequest, call, fakeSource, serve, serveApis } from '../../support/gateway.js';
import { samplesOf } from '../../support/metrics-page.js';
import { signSdkHmac } from '../../support/signing/signed-calls.js';

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

t.test('its examples name the dialect, and a socket if there is one', async (t) => {
  const at = { url: 'http://127.0.0.1:8478', verifies: false, socketPath: '/run/a.sock' };
  const [overUrl, overSocket] = api('hwc').examples(at);
  t.match(overUrl, {
    title: 'gen-random of Open Telekom Cloud and Huawei Cloud (dialect hwc)',
    command: `curl -H 'X-Auth-Token: any' -d '${goodBody}' http://127.0.0.1:8478/v1.0/project/kms/gen-random`,
  });
  t.match(overSocket?.command, /^curl --unix-socket \/run\/a\.sock -H /);
});

// With an upstream.

/** What came to the upstream. */
interface Came {
  readonly line: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Keys and tokens that may have the upstream, besides those of every test. */
const grants = `${credentials}
[[key]]
name = "all"
access_key = "AK-all"
secret_key = "secret-all"
project_id = "project"
allow = ["gen-random", "huawei-upstream"]
[[token]]
name = "reader"
token = "token-reader"
allow = ["huawei-upstream:describe-key", "huawei-upstream:list-kms-tags"]
[[token]]
name = "slow"
token = "token-slow"
requests_per_second = 1
allow = ["huawei-upstream"]
[[token]]
name = "aws"
token = "token-aws"
allow = ["upstream"]
`;

const all = { accessKey: 'AK-all', secretKey: 'secret-all', time: now };
const keyPath = (operation: string) => `/v1.0/project/kms/${operation}`;

/** A gateway before an upstream that answers `status`. */
async function gatewayBefore(
  t: Test,
  {
    status = 200,
    resign = false,
    isOpen = false,
  }: { status?: number; resign?: boolean; isOpen?: boolean } = {},
) {
  const came: Came[] = [];
  const port = await serve(t, async (request, response) => {
    const { method, url, rawHeaders } = request;
    came.push({ line: `${method} ${url}`, rawHeaders, body: await text(request) });
    response.setHeader('Set-Cookie', 'a=b');
    if (status !== 204) response.setHeader('X-Request-Id', 'theirs');
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(status === 204 ? undefined : '{"from":"upstream"}');
  });
  const upstream = createHuaweiUpstream({
    url: `http://127.0.0.1:${port}`,
    resign,
    credentials: async () => ({ accessKey: 'AKGATEWAY', secretKey: 'gateway' }),
    now: () => now,
  });
  const made = createHuaweiKms({ dialect: 'otc', upstream, isUpstreamOpen: isOpen });
  t.teardown(() => made.close?.());
  const access = accessOf(grants);
  const served = await serveApis(
    t,
    [{ name: 'huawei-kms', create: () => made }],
    isOpen ? {} : { access },
  );
  const ask = (
    path: string,
    headers: Record<string, string>,
    { method = 'POST', body = '{}' }: { method?: string; body?: string } = {},
  ) => call({ port: served.port, method, path, headers, body });
  return { ...served, made, came, ask };
}

const bearer = (token: string) => ({ 'x-auth-token': token, 'content-type': 'application/json' });

t.test('gen-random is served here, every other operation goes on', async (t) => {
  const { ask, came, audit, made } = await gatewayBefore(t);
  const random = await ask(path, signSdkHmac(all, path, goodBody), { body: goodBody });
  t.match(JSON.parse(random.body), { random_data: /^[0-9A-F]{128}$/ });
  t.equal(came.length, 0, 'the upstream was not asked');
  const created = await ask(keyPath('create-key'), signSdkHmac(all, keyPath('create-key'), '{}'));
  t.match(created, { status: 200, body: '{"from":"upstream"}' });
  t.match(created.headers, { 'x-request-id': 'theirs', via: '1.1 entropyd' });
  t.equal(created.headers['set-cookie'], undefined);
  const tags = await ask('/v1.0/project/kms/tags?limit=1', bearer('token-reader'), {
    method: 'GET',
    body: '',
  });
  t.equal(tags.status, 200);
  t.strictSame(
    came.map(({ line, body }) => [line, body]),
    [
      ['POST /v1.0/project/kms/create-key', '{}'],
      ['GET /v1.0/project/kms/tags?limit=1', ''],
    ],
  );
  t.match(audit, [
    { key: 'all', operation: 'gen-random', size: 64, outcome: 'ok' },
    { key: 'all', operation: 'create-key', size: null, outcome: 'ok' },
    { key: 'reader', operation: 'list-kms-tags', size: null, outcome: 'ok' },
  ]);
  const page = await openMetricsPage();
  made.metrics?.(page);
  t.equal(
    new Map(samplesOf(await page.text())).get(
      'entropyd_gateway_upstream_requests_total{api="huawei-kms",outcome="ok"}',
    ),
    2,
  );
});

t.test('whoever may not have an operation of the upstream is refused here', async (t) => {
  const { ask, came, audit } = await gatewayBefore(t);
  const describe = keyPath('describe-key');
  const decrypt = keyPath('decrypt-data');
  for (const [to, headers, status, code] of [
    [describe, {}, 401, 'APIGW.0301'],
    [describe, bearer('token of the real IAM'), 401, 'APIGW.0301'],
    [describe, bearer(''), 403, 'KMS.0301'],
    [describe, signSdkHmac({ ...all, secretKey: 'x' }, describe, '{}'), 401, 'APIGW.0301'],
    [describe, signSdkHmac({ ...all, accessKey: 'X' }, describe, '{}'), 401, 'APIGW.0301'],
    [describe, signSdkHmac(all, describe, '{"key_id":"x"}'), 401, 'APIGW.0301'],
    [decrypt, signSdkHmac(all, describe, '{}'), 401, 'APIGW.0301'],
    [describe, bearer(tokenOf('default')), 403, 'KMS.0330'],
    [describe, bearer('token-aws'), 403, 'KMS.0330'],
    [decrypt, bearer('token-reader'), 403, 'KMS.0330'],
    [
      '/v1.0/other/kms/describe-key',
      signSdkHmac(all, '/v1.0/other/kms/describe-key', '{}'),
      403,
      'KMS.0321',
    ],
    [keyPath('gen-random/'), bearer('token-slow'), 404, 'APIGW.0101'],
    ['/v1.0/', bearer('token-slow'), 404, 'APIGW.0101'],
    [describe, { ...bearer('token-slow'), origin: 'http://localhost' }, 403, 'KMS.0326'],
  ] as const) {
    const answer = await ask(to, headers);
    t.equal(answer.status, status, `${to} ${JSON.stringify(headers)}`);
    const { error, error_code } = JSON.parse(answer.body);
    t.equal(error_code ?? error.error_code, code, `${to} ${JSON.stringify(headers)}`);
  }
  t.strictSame(came, [], 'the upstream was never asked');
  t.equal((await ask(describe, bearer('token-reader'))).status, 200);
  t.equal((await ask(decrypt, bearer('token-slow'))).status, 200);
  t.match(await ask(decrypt, bearer('token-slow')), {
    status: 429,
    body: /over ratelimit,limit:1/,
  });
  t.match(audit.at(-1), { key: 'slow', operation: 'decrypt-data', outcome: 'APIGW.0308' });
});

t.test('a request goes on as it came, but a token that is good here stays here', async (t) => {
  const { ask, came } = await gatewayBefore(t);
  const describe = keyPath('describe-key');
  const signedHeaders = signSdkHmac(all, describe, '{}');
  await ask(describe, { ...signedHeaders, 'X-Auth-Token': 'of the real IAM' });
  const [first] = came;
  for (const [name, value] of Object.entries({
    ...signedHeaders,
    'x-auth-token': 'of the real IAM',
  })) {
    const at = first?.rawHeaders.findIndex((each) => each.toLowerCase() === name) ?? -1;
    t.equal(first?.rawHeaders[at + 1], value, name);
  }
  await ask(describe, bearer('token-reader'));
  await ask(describe, { ...signedHeaders, 'X-Auth-Token': 'token-default' });
  t.equal(came.length, 3);
  for (const { rawHeaders } of came.slice(1)) t.notMatch(rawHeaders.join(), /token/i);
});

t.test('signed again, nothing of the caller goes on but the request', async (t) => {
  const { ask, came } = await gatewayBefore(t, { resign: true });
  const describe = keyPath('describe-key');
  await ask(describe, { ...signSdkHmac(all, describe, '{}'), 'x-project-id': 'another' });
  await ask(describe, { ...bearer('token-reader'), 'x-project-id': 'another' });
  t.equal(came.length, 2);
  for (const { line, rawHeaders, body } of came) {
    t.strictSame([line, body], [`POST ${describe}`, '{}']);
    t.notMatch(rawHeaders.join(), /AK-all|token|another/i);
    const at = rawHeaders.indexOf('authorization');
    t.match(
      rawHeaders[at + 1],
      /^SDK-HMAC-SHA256 Access=AKGATEWAY, SignedHeaders=.*host.*;x-sdk-date, /,
    );
    t.equal(rawHeaders[rawHeaders.indexOf('x-project-id') + 1], 'project');
  }
});

t.test('the answers of the upstream are its own, and its failures have our form', async (t) => {
  for (const status of [204, 400, 403, 503]) {
    const { ask, audit } = await gatewayBefore(t, { status });
    const answer = await ask(keyPath('list-keys'), bearer('token-slow'));
    t.match(answer, { status, body: status === 204 ? '' : '{"from":"upstream"}' });
    t.match(answer.headers['x-request-id'], status === 204 ? /^[0-9a-f]{32}$/ : 'theirs');
    t.match(audit, [{ outcome: status === 204 ? 'ok' : `upstream ${status}`, status }]);
  }
  const { ask, log } = await gatewayBefore(t, { status: 307 });
  const answer = await ask(keyPath('list-keys'), bearer('token-slow'));
  t.equal(answer.status, 503);
  t.strictSame(JSON.parse(answer.body), {
    error: {
      error_code: 'KMS.0104',
      error_msg: 'The KMS endpoint behind this gateway did not answer. You can retry the request.',
    },
  });
  t.match(log.records, [{ code: 'ERR_UPSTREAM', reason: /redirect, 307/ }]);
});

t.test('only an emulator is open, and only if that is wanted', async (t) => {
  const open = await gatewayBefore(t, { isOpen: true });
  t.equal((await open.ask(keyPath('list-keys'), bearer('any'))).status, 200);
  t.ok(open.came[0]?.rawHeaders.includes('any'), 'a token that nobody verified goes on');
  t.equal((await open.ask(keyPath('list-keys'), {})).status, 401, 'no proof at all');
  const upstream = createHuaweiUpstream({ url: 'http://127.0.0.1:9' });
  const closed = createHuaweiKms({ dialect: 'otc', upstream });
  const request = genRandom('{}', { path: keyPath('list-keys'), headers: bearer('any') });
  t.equal((await answerOf(closed, request)).outcome, 'KMS.0330');
  await closed.close?.();
  for (const settings of [
    { huaweiUpstream: 'https://kms.eu-de.otc.t-systems.com', insecureNetwork: true },
    { huaweiUpstream: 'http://127.0.0.1:9', huaweiUpstreamResign: true, insecureNetwork: true },
    { huaweiUpstream: 'http://127.0.0.1:9' },
  ])
    t.throws(() => huaweiKms.create({ dialect: 'otc', ...settings }), {
      code: 'ERR_CONFIG',
      key: 'gateway.huawei_upstream',
      message: /want --credentials too/,
    });
  for (const settings of [
    { huaweiUpstream: 'http://127.0.0.1:9', insecureNetwork: true },
    { huaweiUpstream: 'https://kms.eu-de.otc.t-systems.com', credentials: 'file' },
  ])
    await huaweiKms.create({ dialect: 'otc', ...settings }).close?.();
});

t.test('with an upstream its paths are claimed by their form', async (t) => {
  const upstream = createHuaweiUpstream({ url: 'http://127.0.0.1:9' });
  const made = createHuaweiKms({ dialect: 'otc', upstream });
  t.teardown(() => made.close?.());
  for (const [method, to, wanted, without] of [
    ['POST', path, 'path', 'path'],
    ['POST', keyPath('create-key'), 'path', 'leftover'],
    ['GET', '/v2/project/kms/regions', 'path', 'leftover'],
    ['GET', keyPath('create-key'), 'leftover', 'leftover'],
  ] as const) {
    const request = genRandom('', { method, path: to });
    t.equal(made.claim(request), wanted, to);
    t.equal(api().claim(request), without, to);
  }
});
