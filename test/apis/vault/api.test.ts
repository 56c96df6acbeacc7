import fc from 'fast-check';
import t from 'tap';
import type { GatewayRequest } from '../../../src/apis/api.js';
import {
  authorizeVault,
  isVaultPath,
  vaultCaller,
  vaultRoute,
} from '../../../src/apis/vault/api.js';
import { EntropyError } from '../../../src/common/errors.js';
import { type Access, createAccess } from '../../../src/gateway/auth/credentials.js';
import {
  accessOf,
  answerOf,
  failingSource,
  fakeSource,
  gatewayRequest,
} from '../../support/gateway.js';
import { signAws, signSdkHmac } from '../../support/signing/signed-calls.js';

const token = { 'x-vault-token': 'token' };
const answerHeaders = { 'Content-Type': 'application/json', 'x-request-id': 'id-1' };
const open = createAccess();

/** A request with a token, but for what is given. */
function vaultRequest(
  path: string,
  body = '',
  overrides: Partial<GatewayRequest> = {},
): GatewayRequest {
  return gatewayRequest({ path, headers: token, body: Buffer.from(body), ...overrides });
}

const ask = (request: GatewayRequest, client = fakeSource(), access = open) =>
  answerOf(vaultRoute({ client, access }), request);

t.test('answers a good request in the envelope', async (t) => {
  for (const [method, path, body, format, size, warnings] of [
    ['POST', '/v1/sys/tools/random', '', 'base64', 32, null],
    ['PUT', '/v1/sys/tools/random', 'null', 'base64', 32, null],
    ['POST', '/v1/sys/tools/random/131072', '{}', 'base64', 131_072, null],
    ['POST', '/v1/sys/tools/random/platform/1', '{"format":"hex"}', 'hex', 1, null],
    ['PUT', '/v1/transit/random', '{"bytes":"64","format":"hex"}', 'hex', 64, null],
    ['POST', '/v1/transit/random/all', '{"bytes":3}', 'base64', 3, null],
    ['POST', '/v1/transit/random/seal/3', '', 'base64', 3, [/^no seal/]],
  ] as const) {
    const { body: text, ...answer } = await ask(vaultRequest(path, body, { method }));
    t.strictSame(answer, { status: 200, headers: answerHeaders }, `${method} ${path}`);
    const { data, ...envelope } = JSON.parse(text);
    t.match(envelope, { request_id: 'id-1', lease_id: '', wrap_info: null, warnings, auth: null });
    const expected = Buffer.from(await fakeSource().random(size)).toString(format);
    t.ok(data.random_bytes === expected, `${size} bytes in ${format}`);
  }
});

t.test('refuses in the order path, method, token, members', async (t) => {
  const good = '/v1/sys/tools/random';
  const web = { headers: { ...token, origin: 'https://example.com' } };
  const wrapped = { headers: { ...token, 'x-vault-wrap-ttl': '60' } };
  for (const [request, status, error] of [
    [vaultRequest('/v1/x', '', web), 403, 'Requests of web pages are refused.'],
    [vaultRequest(good, '{bad', web), 403, 'Requests of web pages are refused.'],
    [vaultRequest('/v1/sys/health', '', { headers: {} }), 404, /unsupported path/],
    [vaultRequest(`${good}/`, '{bad', { method: 'GET' }), 404, /unsupported path/],
    [vaultRequest(good, '', { method: 'GET', headers: {} }), 405, /unsupported operation/],
    [vaultRequest(good, '', { method: 'LIST' }), 405, /unsupported operation/],
    [vaultRequest(good, '{bad', { headers: {} }), 403, 'permission denied'],
    [vaultRequest(good, '{bad', wrapped), 400, 'response wrapping is not supported'],
    [vaultRequest(good, '{bad'), 400, 'failed to parse JSON input'],
    [vaultRequest(good, 'bytes=64'), 400, 'failed to parse JSON input'],
    [vaultRequest(good, '[]'), 400, 'failed to parse JSON input'],
    [vaultRequest(`${good}/0`), 400, '"bytes" cannot be less than 1'],
    [vaultRequest(`${good}/131073`), 400, '"bytes" should be less than 131072'],
    [vaultRequest(`${good}/x/1`), 400, /^unsupported entropy source "x"/],
  ] as const) {
    const answer = await ask(request);
    t.match(answer, { status, headers: answerHeaders, outcome: /./ }, request.path);
    t.match(JSON.parse(answer.body), { errors: [error] }, `${request.method} ${request.body}`);
  }
  for (const ttl of ['0', '']) {
    const headers = { ...token, 'x-vault-wrap-ttl': ttl };
    t.equal((await ask(vaultRequest(good, '', { headers }))).status, 200, 'not to be wrapped');
  }
});

t.test('what is learnt of a request is noted for the audit log', async (t) => {
  const access = accessOf('[[token]]\nname = "t"\ntoken = "token"\nproject_id = "p"\n');
  const path = '/v1/transit/random';
  const operation = 'vault-random';
  for (const [request, outcome, facts] of [
    [vaultRequest(`${path}/7`), undefined, { key: 't', operation, size: 7 }],
    [vaultRequest(`${path}/0`), 'invalid request', { key: 't', operation, size: null }],
    [
      vaultRequest(path, '', { headers: { 'x-vault-token': 'x' } }),
      'invalid token',
      { key: null, operation, size: null },
    ],
    [vaultRequest('/v1/x'), 'unsupported path', { key: null, operation: null, size: null }],
  ] as const) {
    t.equal((await ask(request, fakeSource(), access)).outcome, outcome);
    t.strictSame(request.facts, facts);
  }
});

t.test('tells a failing daemon in the terms of the service', async (t) => {
  for (const [code, status, text] of [
    ['ERR_HEALTH', 500, 'internal error'],
    ['ERR_CONNECT', 503, 'Vault is sealed'],
    ['ERR_RATE', 429, 'rate limit quota exceeded'],
  ] as const) {
    const answer = await ask(
      vaultRequest('/v1/transit/random'),
      failingSource(new EntropyError(code, 'x')),
    );
    t.equal(answer.status, status, code);
    t.strictSame(JSON.parse(answer.body), { errors: [text] });
  }
});

t.test('answers any path, method and body with JSON, and with bytes only as asked', async (t) => {
  const segment = fc.oneof(
    fc.constantFrom(
      'sys',
      'tools',
      'transit',
      'random',
      'platform',
      'seal',
      'all',
      '',
      '..',
      '%2f',
    ),
    fc.integer({ min: -5, max: 2000 }).map(String),
    fc.string(),
  );
  const good = fc
    .tuple(
      fc.constantFrom('/v1/sys/tools/random', '/v1/transit/random'),
      fc.array(segment, { maxLength: 3 }),
    )
    .map(([start, rest]) => [start, ...rest].join('/'));
  const path = fc.oneof(
    good,
    fc.array(segment).map((parts) => `/v1/${parts.join('/')}`),
  );
  const members = fc.record(
    {
      bytes: fc.oneof(fc.nat(2000), fc.jsonValue()),
      format: fc.constantFrom('hex', 'base64', 'x'),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constant(''),
    members.map((value) => JSON.stringify(value)),
  );
  const method = fc.constantFrom('POST', 'POST', 'PUT', 'GET', 'DELETE', 'LIST', 'M-SEARCH');
  let answered = 0;
  await t.resolves(
    fc.assert(
      fc.asyncProperty(method, path, body, async (method, path, body) => {
        const request = vaultRequest(path, body, { method });
        const answer = await ask(request);
        const { data, errors } = JSON.parse(answer.body);
        if (answer.status !== 200)
          return (
            [400, 404, 405].includes(answer.status) && data === undefined && errors.length === 1
          );
        answered++;
        const text: string = data.random_bytes;
        const { size } = request.facts;
        return errors === undefined && [2, 4 / 3].some((per) => text.length >= (size ?? 0) * per);
      }),
      { numRuns: 1000 },
    ),
  );
  t.ok(answered > 20, `${answered} of them with bytes`);
});

t.test('all below /v1/ is Vault’s', async (t) => {
  for (const [path, is] of [
    ['/v1/', true],
    ['/v1/secret/data/x', true],
    ['/v1', false],
    ['/v1.0/project/kms/gen-random', false],
    ['/x/v1/', false],
  ] as const)
    t.equal(isVaultPath(path), is, path);
});

const now = Date.UTC(2026, 5, 1);
const day = 86_400_000;
const file = `[[key]]
name = "key"
access_key = "AKID"
secret_key = "secret"
[[token]]
name = "app"
token = "hvs.abc"
expires = 2026-06-02T00:00:00Z
requests_per_second = 2
[[token]]
name = "project"
token = "def"
project_id = "project"
[[token]]
name = "denied"
token = "ghi"
allow = ["gen-random"]
`;

const caller = (headers: Record<string, string>, access: Access = accessOf(file, now)) =>
  vaultCaller(gatewayRequest({ headers }), access);
const key = { accessKey: 'AKID', secretKey: 'secret', time: now };

t.test('knows who holds a token, and tells everybody else why not', async (t) => {
  for (const [headers, result, later = 0] of [
    [{ 'x-vault-token': 'hvs.abc' }, 'app'],
    [{ authorization: 'Bearer hvs.abc' }, 'app'],
    [{ authorization: 'bearer  hvs.abc' }, 'app'],
    [{ 'x-vault-token': 'def', 'x-vault-namespace': 'team/' }, 'project'],
    [{ 'x-vault-token': '', authorization: 'Bearer def' }, 'project'],
    [{ 'x-vault-token': 'def', authorization: 'Bearer hvs.abc' }, 'project'],
    [{ 'x-vault-token': 'x', authorization: 'Bearer hvs.abc' }, 'invalid token'],
    [{ 'x-vault-token': 'hvs.abd' }, 'invalid token'],
    [{ 'x-vault-token': 'hvs.abc, hvs.abc' }, 'invalid token'],
    [{ 'x-vault-token': 'secret' }, 'invalid token'],
    [{ 'x-vault-token': 'AKID' }, 'invalid token'],
    [{ 'x-vault-token': 'hvs.abc' }, 'app', day - 1],
    [{ 'x-vault-token': 'hvs.abc' }, 'invalid token', day],
    [{}, 'no token'],
    [{ 'x-vault-token': '' }, 'no token'],
    [{ authorization: 'Bearer ' }, 'no token'],
    [{ authorization: 'Bearer a b' }, 'no token'],
    [{ authorization: 'Basic aHZzLmFiYw==' }, 'no token'],
    [{ 'x-auth-token': 'hvs.abc' }, 'no token'],
    [signSdkHmac(key, '/', ''), 'no token'],
    [signAws(key, ''), 'no token'],
  ] as const) {
    const outcome = () => {
      try {
        return caller(headers, accessOf(file, now + later))?.name;
      } catch (error) {
        t.equal((error as { status: number }).status, 403);
        return (error as { code: string }).code;
      }
    };
    t.equal(outcome(), result, JSON.stringify(headers).slice(0, 80));
  }
});

t.test('an open gateway wants some token, and knows nobody', async (t) => {
  const open = createAccess();
  t.equal(caller({ 'x-vault-token': 'any' }, open), undefined);
  t.equal(caller({ authorization: 'Bearer any' }, open), undefined);
  t.throws(() => caller({}, open), { code: 'no token' });
  t.throws(() => caller({ 'x-vault-token': '' }, open), { code: 'no token' });
  t.doesNotThrow(() => authorizeVault(undefined, open));
});

t.test('who is known may ask if allowed, as often as allowed', async (t) => {
  const access = accessOf(file, now);
  for (const [name, code] of [
    ['app', undefined],
    ['denied', 'permission denied'],
    ['app', undefined],
    ['app', 'rate limit quota exceeded'],
    ['project', undefined],
  ] as const) {
    const authorize = () => authorizeVault(access.credentials?.named(name), access);
    if (code === undefined) t.doesNotThrow(authorize, name);
    else t.throws(authorize, { code }, name);
  }
  access.clock += 500;
  t.doesNotThrow(() => authorizeVault(access.credentials?.named('app'), access));
});

t.test('the time taken grows no faster than the header', async (t) => {
  const started = performance.now();
  for (const header of [`Bearer ${' '.repeat(16_000)}`, `Bearer ${'a'.repeat(16_000)} `])
    t.throws(() => caller({ authorization: header }), { code: 'no token' });
  t.ok(performance.now() - started < 1000);
});
