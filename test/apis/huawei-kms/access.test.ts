import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { withoutKnownToken } from '../../../src/apis/huawei-kms/access.js';
import { huaweiKms } from '../../../src/apis/huawei-kms/api.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import {
  accessOf,
  day,
  type Kind,
  minute,
  now,
  signerOf,
  tokenOf,
} from '../../support/credentials.js';
import { answerOf, apiRequest, openAccess } from '../../support/gateway.js';
import { type Signer, signSdkHmac } from '../../support/signing/signed-calls.js';

const goodBody = '{"random_data_length":"512"}';
const path = '/v1.0/project/kms/gen-random';
const api = () => huaweiKms.create({ dialect: 'otc' });

const genRandom = (body: string, overrides: Partial<ApiRequest> = {}) =>
  apiRequest({ path, body: Buffer.from(body), ...overrides });

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

t.test(
  'a token that is good here is taken out of a request, however often it is there',
  async (t) => {
    const rawHeaders = [
      ...['Host', 'a', 'X-Auth-Token', 'token-default', 'Accept', 'token-default'],
      ...['x-auth-token', 'token-denied', 'X-AUTH-TOKEN', 'of the real IAM'],
    ];
    const request = apiRequest({ rawHeaders });
    t.strictSame(withoutKnownToken(request, accessOf()).rawHeaders, [
      ...['Host', 'a', 'Accept', 'token-default', 'X-AUTH-TOKEN', 'of the real IAM'],
    ]);
    t.strictSame(withoutKnownToken(request, openAccess).rawHeaders, rawHeaders, 'open: no secret');
    t.equal(request.rawHeaders, rawHeaders, 'the request itself stays as it is');
  },
);
