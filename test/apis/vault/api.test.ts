import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { vault } from '../../../src/apis/vault/api.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { day, signerOf, tokenOf } from '../../support/credentials.js';
import { answerOf, apiRequest, fakeSource } from '../../support/gateway.js';
import { signAws, signSdkHmac } from '../../support/signing/signed-calls.js';

const token = { 'x-vault-token': tokenOf('default') };
const responseHeaders = { 'Content-Type': 'application/json', 'x-request-id': 'id-1' };
const good = '/v1/sys/tools/random';

/** A request with a token, but for what is given. */
const vaultRequest = (path: string, body = '', overrides: Partial<ApiRequest> = {}) =>
  apiRequest({ path, headers: token, body: Buffer.from(body), ...overrides });

const api = vault.create({});

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
    const answer = await answerOf(api, vaultRequest(path, body, { method }));
    t.match(answer, { status: 200, headers: responseHeaders, outcome: 'ok' }, `${method} ${path}`);
    const { data, ...envelope } = JSON.parse(answer.body);
    t.match(envelope, { request_id: 'id-1', lease_id: '', wrap_info: null, warnings, auth: null });
    const expected = Buffer.from(await fakeSource().random(size)).toString(format);
    t.ok(data.random_bytes === expected, `${size} bytes in ${format}`);
  }
});

t.test('refuses in the order path, method, token, members', async (t) => {
  const wrapped = { headers: { ...token, 'x-vault-wrap-ttl': '60' } };
  for (const [request, status, error] of [
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
    const answer = await answerOf(api, request);
    t.match(answer, { status, headers: responseHeaders, error: { code: /./ } }, request.path);
    t.match(JSON.parse(answer.body), { errors: [error] }, `${request.method} ${request.body}`);
  }
  for (const ttl of ['0', '']) {
    const headers = { ...token, 'x-vault-wrap-ttl': ttl };
    t.equal(await outcomeOf(api, vaultRequest(good, '', { headers })), 'ok', 'not to be wrapped');
  }
});

t.test('what is learnt of a request is noted as far as it gets', async (t) => {
  const operation = 'vault-random';
  for (const [request, outcome, audit] of [
    [vaultRequest(`${good}/0`), 'invalid request', { key: 'default-token', operation, size: null }],
    [vaultRequest('/v1/x'), 'unsupported path', { key: null, operation: null, size: null }],
  ] as const) {
    t.equal(await outcomeOf(api, request), outcome);
    t.strictSame(request.audit, audit);
  }
});

t.test('all below /v1/ is Vault’s', async (t) => {
  for (const [path, claim] of [
    ['/v1/', 'path'],
    ['/v1/secret/data/x', 'path'],
    ['/v1', 'no'],
    ['/v1.0/project/kms/gen-random', 'no'],
    ['/x/v1/', 'no'],
  ] as const)
    t.equal(api.claim(apiRequest({ path })), claim, path);
});

t.test('knows who holds a token, and tells everybody else why not', async (t) => {
  const claim = (headers: Record<string, string>, is: string, later = 0) => ({
    title: JSON.stringify(headers).slice(0, 80),
    request: vaultRequest(good, '', { headers }),
    is,
    later,
  });
  const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
  await checkClaims(t, api, [
    claim({ 'x-vault-token': 'token-temporary' }, 'temporary-token'),
    claim(bearer('token-temporary'), 'temporary-token'),
    claim({ authorization: 'bearer  token-temporary' }, 'temporary-token'),
    claim({ 'x-vault-token': 'token-project', 'x-vault-namespace': 'team/' }, 'project-token'),
    claim({ 'x-vault-token': '', ...bearer('token-project') }, 'project-token'),
    claim({ 'x-vault-token': 'token-project', ...bearer('token-default') }, 'project-token'),
    claim({ 'x-vault-token': 'x', ...bearer('token-default') }, 'invalid token'),
    claim({ 'x-vault-token': 'token-defaul' }, 'invalid token'),
    claim({ 'x-vault-token': 'token-default, token-default' }, 'invalid token'),
    claim({ 'x-vault-token': 'secret-default' }, 'invalid token'),
    claim({ 'x-vault-token': 'AK-default' }, 'invalid token'),
    claim({ 'x-vault-token': 'token-temporary' }, 'temporary-token', day - 1),
    claim({ 'x-vault-token': 'token-temporary' }, 'invalid token', day),
    claim({}, 'no token'),
    claim({ 'x-vault-token': '' }, 'no token'),
    claim(bearer(''), 'no token'),
    claim(bearer('a b'), 'no token'),
    claim({ authorization: 'Basic aHZzLmFiYw==' }, 'no token'),
    claim({ 'x-auth-token': 'token-default' }, 'no token'),
    claim(signSdkHmac(signerOf('default'), '/', ''), 'no token'),
    claim(signAws(signerOf('default'), ''), 'no token'),
    // Neither of them a token, and neither quadratic in blanks.
    claim(bearer(' '.repeat(16_000)), 'no token'),
    claim(bearer(`${'a'.repeat(16_000)} `), 'no token'),
  ]);
});

t.test('an open gateway wants some token, and knows nobody', async (t) => {
  for (const [headers, outcome] of [
    [{ 'x-vault-token': 'any' }, 'ok'],
    [{ authorization: 'Bearer any' }, 'ok'],
    [{}, 'no token'],
    [{ 'x-vault-token': '' }, 'no token'],
  ] as const) {
    const request = vaultRequest(good, '', { headers });
    t.equal((await answerOf(api, request)).outcome, outcome);
    t.equal(request.audit.key, null);
  }
});
