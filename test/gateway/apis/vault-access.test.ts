import t from 'tap';
import { authorizeVault, vaultCaller } from '../../../src/gateway/apis/vault-access.js';
import { type Access, createAccess } from '../../../src/gateway/credentials/access.js';
import { signAws, signSdkHmac } from '../signatures/signed-calls.js';
import { accessOf, gatewayRequest } from '../support.js';

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
