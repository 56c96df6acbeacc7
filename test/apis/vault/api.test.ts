import t from 'tap';
import type { Access, ApiRequest } from '../../../src/apis/api.js';
import { vault } from '../../../src/apis/vault/api.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { accessOf, credentials, day, now, signerOf, tokenOf } from '../../support/credentials.js';
import { answerOf, apiRequest, fakeSource, openAccess } from '../../support/gateway.js';
import { signAws, signSdkHmac } from '../../support/signing/signed-calls.js';

const token = { 'x-vault-token': tokenOf('default') };
const responseHeaders = { 'Content-Type': 'application/json', 'x-request-id': 'id-1' };
const good = '/v1/sys/tools/random';
const lookup = '/v1/auth/token/lookup-self';

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

t.test('refuses in the order token, path, method, members', async (t) => {
  const wrapped = { headers: { ...token, 'x-vault-wrap-ttl': '60' } };
  const nobody = { headers: {} };
  const noRoute = 'no handler for route "other/random". route entry not found.';
  for (const [request, status, error] of [
    [vaultRequest('/v1/other/random', '', nobody), 403, 'permission denied'],
    [vaultRequest(`${good}/`, '{bad', nobody), 403, 'permission denied'],
    [vaultRequest(good, '', { method: 'GET', ...nobody }), 403, 'permission denied'],
    [vaultRequest(lookup, '', { method: 'DELETE', ...nobody }), 403, 'permission denied'],
    [vaultRequest('/v1/other/random', '{bad', { method: 'GET' }), 404, noRoute],
    [vaultRequest('/v1/sys/leader'), 404, /unsupported path/],
    [vaultRequest(`${good}/`, '{bad', { method: 'GET' }), 404, /unsupported path/],
    [vaultRequest(good, '{bad', { method: 'GET' }), 405, /unsupported operation/],
    [vaultRequest(good, '', { method: 'LIST' }), 405, /unsupported operation/],
    [vaultRequest(lookup, '', { method: 'HEAD' }), 405, /unsupported operation/],
    [vaultRequest(lookup, '', { method: 'GET', ...wrapped }), 400, /^response wrapping/],
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

t.test('a body is JSON or a form; white space is none', async (t) => {
  const form = 'application/x-www-form-urlencoded';
  for (const [type, body, result] of [
    [undefined, ' \t\r\n', 32],
    [form, ' \n', 32],
    [form, 'bytes=64', 64],
    [`${form.toUpperCase()} ; charset=utf-8`, ' bytes=64', 32],
    [form, '%62ytes=6+', /error converting input for field "bytes"/],
    [form, 'bytes=6&bytes=4', /error converting input for field "bytes"/],
    [form, 'bytes=7&format=x,y', /unsupported encoding format "x,y"/],
    [form, 'bytes=7&format=x&format=y', /unsupported encoding format "x,y"/],
    [form, '\n{"bytes":64}', 64],
    [form, '[]', /failed to parse JSON input/],
    [`${form}x`, 'bytes=64', /failed to parse JSON input/],
    ['text/plain', '{"bytes":64}', 64],
    [undefined, '\u00a0', /failed to parse JSON input/],
  ] as const) {
    const headers = type === undefined ? token : { ...token, 'content-type': type };
    const answer = await answerOf(api, vaultRequest(good, body, { headers }));
    const { data, errors, warnings } = JSON.parse(answer.body);
    const name = `${type}: ${JSON.stringify(body)}`;
    if (typeof result === 'number')
      t.equal(Buffer.from(data.random_bytes, 'base64').length, result, name);
    else t.match(errors, [result], name);
    if (body === ' bytes=64') t.match(warnings, [/ignored .*: \[ bytes\]/], 'a name of its own');
  }
});

t.test('says whether it serves, to whom it may concern', async (t) => {
  const ask = (path: string, state: string, query = '', method = 'GET') => {
    const health = async () => ({ state, healthy: false, reason: '' });
    const request = apiRequest({ path, query, method });
    return answerOf(vault.create({}), request, fakeSource({ health })).then((answer) => ({
      ...answer,
      request,
    }));
  };
  for (const [state, query, status] of [
    ['operational', '', 200],
    ['degraded', 'standbyok=true&sealedcode=299', 200],
    ['fallback', 'activecode=204', 204],
    ['seeding', '', 503],
    ['error', 'activecode=204', 503],
    ['error', 'sealedcode=299&uninitcode=299', 299],
    ['of another version', '', 503],
    ['error', 'sealedcode=x', 400],
    ['operational', 'activecode=100', 400],
    ['operational', 'activecode=600', 400],
    ['operational', 'activecode=', 400],
  ] as const)
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask('/v1/sys/health', state, query, method);
      t.match(answer, { status, headers: responseHeaders }, `${state}, ${query}`);
      const sealed = ['error', 'seeding', 'of another version'].includes(state);
      if (status === 400) t.match(JSON.parse(answer.body), { errors: [/^want a status code/] });
      else t.match(JSON.parse(answer.body), { initialized: true, sealed, standby: false });
      t.equal(answer.isProbe, status === 400 ? undefined : true);
      t.strictSame(answer.request.audit, { key: null, operation: null, size: null });
    }
  for (const [state, sealed] of [
    ['operational', false],
    ['error', true],
  ] as const) {
    const answer = await ask('/v1/sys/seal-status', state);
    t.match(answer, { status: 200, headers: responseHeaders, isProbe: true });
    t.match(JSON.parse(answer.body), { initialized: true, sealed, t: 0, n: 0, progress: 0 });
  }
  for (const path of ['/v1/sys/health', '/v1/sys/seal-status'])
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await ask(path, 'operational', '', method);
      t.match(answer, { status: 405, error: { code: 'unsupported operation' } }, method);
      t.equal(answer.isProbe, undefined);
    }
});

t.test('asks the daemon once for all who ask at the same time', async (t) => {
  let calls = 0;
  const health = async () => {
    calls++;
    return { state: 'operational', healthy: true, reason: '' };
  };
  const answers = Array.from({ length: 9 }, (_, i) => {
    const path = i === 0 ? '/v1/sys/seal-status' : '/v1/sys/health';
    return answerOf(api, apiRequest({ path, method: 'GET' }), fakeSource({ health }));
  });
  for (const { status } of await Promise.all(answers)) t.equal(status, 200);
  t.equal(calls, 1);
});

t.test('says to the holder of a token that it is good, and until when', async (t) => {
  const ask = (
    held: string,
    later = 0,
    access: Access = accessOf(credentials, { at: now + later }),
  ) => {
    const headers = { 'x-vault-token': held };
    const request = vaultRequest(lookup, '', { method: 'GET', headers });
    return answerOf(api, request, fakeSource(), access).then((answer) => ({ ...answer, request }));
  };
  for (const [held, later, ttl, expires] of [
    ['token-default', 0, 0, null],
    ['token-denied', 0, 0, null],
    ['token-temporary', 0, day / 1000, new Date(now + day).toISOString()],
    ['token-temporary', day - 1, 1, new Date(now + day).toISOString()],
  ] as const) {
    const answer = await ask(held, later);
    t.match(answer, { status: 200, headers: responseHeaders, outcome: 'ok' }, held);
    t.equal(answer.isProbe, undefined, 'it is in the audit log');
    const { data, ...envelope } = JSON.parse(answer.body);
    t.match(envelope, { request_id: 'id-1', lease_id: '', warnings: null, auth: null });
    t.match(data, { id: held, ttl, creation_ttl: ttl, expire_time: expires, renewable: false });
    t.equal(data.creation_time + ttl >= (now + later) / 1000, true);
    const { audit } = answer.request;
    const key = `${held.slice('token-'.length)}-token`;
    t.strictSame(audit, { key, operation: 'lookup-self', size: null });
    const { id, ...rest } = data;
    t.notMatch(JSON.stringify(rest), key, 'and not what the operator calls it');
  }
  for (const [held, later] of [
    ['x', 0],
    ['token-temporary', day],
    ['', 0],
  ] as const)
    t.match(await ask(held, later), { status: 403 }, 'as when bytes are asked for');
  const limited = accessOf();
  for (let i = 0; i < 5; i++)
    t.equal((await ask('token-limited', 0, limited)).status, 200, 'costs nothing of the rate');
  const open = await ask('any', 0, openAccess);
  t.match(JSON.parse(open.body).data, { id: 'any', ttl: 0 });
  t.equal(open.request.audit.key, null);
});

t.test('what is learnt of a request is noted as far as it gets', async (t) => {
  const operation = 'vault-random';
  for (const [request, outcome, audit] of [
    [vaultRequest(`${good}/0`), 'invalid request', { key: 'default-token', operation, size: null }],
    [
      vaultRequest('/v1/x'),
      'unsupported path',
      { key: 'default-token', operation: null, size: null },
    ],
    [
      vaultRequest('/v1/x', '', { headers: {} }),
      'no token',
      { key: null, operation: null, size: null },
    ],
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
