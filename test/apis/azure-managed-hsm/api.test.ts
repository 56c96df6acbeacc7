import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { azureManagedHsm } from '../../../src/apis/azure-managed-hsm/api.js';
import { vault } from '../../../src/apis/vault/api.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { accessOf, day, tokenOf } from '../../support/credentials.js';
import { answerOf, apiRequest, call, fakeSource, serveApis } from '../../support/gateway.js';

const api = azureManagedHsm.create({});
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const json = 'application/json; charset=utf-8';
const challenge =
  'Bearer authorization="https://hsm.example.com:8443/entropyd", resource="https://example.com:8443"';

/** A good request, but for what is given. */
const rng = (overrides: Partial<ApiRequest> = {}) =>
  apiRequest({
    path: '/rng',
    query: 'api-version=2025-07-01',
    authority: 'hsm.example.com:8443',
    headers: { ...bearer(tokenOf('default')), 'content-type': 'application/json' },
    body: Buffer.from('{"count":16}'),
    ...overrides,
  });

t.test('answers a good request', async (t) => {
  for (const size of [1, 2, 3, 128]) {
    const request = rng({ body: Buffer.from(`{"count":${size}}`) });
    const answer = await answerOf(api, request);
    const headers = { 'Content-Type': json, 'x-ms-request-id': 'id-1' };
    t.match(answer, { status: 200, headers, outcome: 'ok' });
    const value = Buffer.from(await fakeSource().random(size)).toString('base64url');
    t.strictSame(JSON.parse(answer.body), { value });
    t.strictSame(request.audit, { key: null, operation: 'azure-random', size });
  }
});

t.test('a client without a token is asked for one, whatever else it sends', async (t) => {
  const none = { 'content-length': '0' };
  for (const request of [
    rng({ headers: none, body: Buffer.alloc(0) }),
    rng({ headers: {}, query: '', body: Buffer.from('{bad') }),
    rng({ headers: { 'content-type': 'text/plain' }, method: 'GET' }),
  ])
    for (const access of [undefined, accessOf()]) {
      const answer = await answerOf(api, request, fakeSource(), access);
      t.match(answer, { status: 401, error: { code: 'Unauthorized', reason: 'authentication' } });
      t.equal(answer.headers['WWW-Authenticate'], challenge);
      const message = 'AKV10000: Request is missing a Bearer or PoP token.';
      t.strictSame(JSON.parse(answer.body), { error: { code: 'Unauthorized', message } });
    }
  const wrong = await answerOf(api, rng({ headers: bearer('x') }), fakeSource(), accessOf());
  t.match(wrong, { status: 401, headers: { 'WWW-Authenticate': challenge } });
  t.match(JSON.parse(wrong.body), { error: { message: 'The token is unknown or has expired.' } });
});

t.test('refuses in the order token, method, rights, rate, version, type, body', async (t) => {
  const access = accessOf();
  const by = (kind: 'default' | 'limited' | 'denied') => bearer(tokenOf(kind));
  const nothing = { query: '', body: Buffer.alloc(0) };
  const text = { 'content-type': 'text/plain' };
  for (let i = 0; i < 2; i++)
    t.equal((await answerOf(api, rng({ headers: by('limited') }), undefined, access)).status, 200);
  for (const [overrides, status, code, headers = {}] of [
    [
      { method: 'GET', headers: by('denied'), ...nothing },
      405,
      'MethodNotAllowed',
      { Allow: 'POST' },
    ],
    [{ headers: by('denied'), ...nothing }, 403, 'Forbidden'],
    [{ headers: by('limited'), ...nothing }, 429, 'Throttled', { 'Retry-After': '1' }],
    [{ headers: { ...by('default'), ...text }, ...nothing }, 400, 'BadParameter'],
    [
      { headers: { ...by('default'), ...text }, body: Buffer.alloc(0) },
      415,
      'UnsupportedMediaType',
    ],
    [{ body: Buffer.alloc(0) }, 400, 'BadParameter'],
    [{ body: Buffer.from('{bad') }, 400, 'BadParameter'],
    [{ body: Buffer.from('[]') }, 400, 'BadParameter'],
  ] as const) {
    const answer = await answerOf(api, rng(overrides), fakeSource(), access);
    t.match(answer, { status, headers, outcome: code }, `${status} ${code}`);
    const { error } = JSON.parse(answer.body);
    t.match(error, { code, message: /\. \(Activity ID: id-1\)$/ });
    t.equal(answer.headers['WWW-Authenticate'], undefined);
  }
});

t.test('takes JSON, whatever is said about its characters or not at all', async (t) => {
  for (const [type, outcome] of [
    [undefined, 'ok'],
    ['application/json', 'ok'],
    ['Application/JSON ; charset=utf-8', 'ok'],
    ['application/jsonx', 'UnsupportedMediaType'],
    ['application/x-www-form-urlencoded', 'UnsupportedMediaType'],
    ['', 'UnsupportedMediaType'],
  ] as const) {
    const headers = {
      ...bearer(tokenOf('default')),
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    t.equal(await outcomeOf(api, rng({ headers })), outcome, String(type));
  }
});

t.test('knows who holds a token', async (t) => {
  const claim = (headers: Record<string, string>, is: string, later = 0) => ({
    title: JSON.stringify(headers).slice(0, 80),
    request: rng({ headers }),
    is,
    later,
  });
  await checkClaims(t, api, [
    claim(bearer('token-temporary'), 'temporary-token'),
    claim({ authorization: 'bearer  token-project' }, 'project-token'),
    claim(bearer('token-temporary'), 'temporary-token', day - 1),
    claim(bearer('token-temporary'), 'Unauthorized', day),
    claim(bearer('token-defaul'), 'Unauthorized'),
    claim(bearer('secret-default'), 'Unauthorized'),
    claim(bearer('AK-default'), 'Unauthorized'),
    claim(bearer(''), 'Unauthorized'),
    claim(bearer('a b'), 'Unauthorized'),
    claim({ authorization: 'PoP token-default' }, 'Unauthorized'),
    claim({ authorization: 'Basic token-default' }, 'Unauthorized'),
    claim({ 'x-vault-token': 'token-default' }, 'Unauthorized'),
    claim({}, 'Unauthorized'),
    // Neither of them a token, and neither quadratic in blanks.
    claim(bearer(' '.repeat(16_000)), 'Unauthorized'),
    claim(bearer(`${'a'.repeat(16_000)} `), 'Unauthorized'),
  ]);
});

t.test('/rng is Managed HSM’s, also below a URL that ends in a slash', async (t) => {
  for (const [path, claim] of [
    ['/rng', 'path'],
    ['//rng', 'path'],
    ['///rng', 'no'],
    ['/rng/', 'no'],
    ['/RNG', 'no'],
    ['/x/rng', 'no'],
    ['/keys/x/create', 'no'],
  ] as const)
    t.equal(api.claim(apiRequest({ path })), claim, path);
  const { port } = await serveApis(t, [azureManagedHsm, vault]);
  const { headers, body } = azureManagedHsm.sample;
  const path = '//rng?api%2Dversion=7.4';
  const answer = await call({ port, method: 'POST', path, headers, body });
  t.equal(answer.status, 200);
});
