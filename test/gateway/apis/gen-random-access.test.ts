import t from 'tap';
import {
  authorizeGenRandom,
  genRandomCaller,
} from '../../../src/gateway/apis/gen-random-access.js';
import { createAccess } from '../../../src/gateway/credentials/access.js';
import { type Signer, signSdkHmac } from '../signatures/signed-calls.js';
import { accessOf, gatewayRequest } from '../support.js';

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
