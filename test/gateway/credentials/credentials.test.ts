import t from 'tap';
import { randomOperations } from '../../../src/apis/operations.js';
import { createCredentials, isSessionOf } from '../../../src/gateway/credentials/credentials.js';
import { parseCredentialsFile } from '../../../src/gateway/credentials/credentials-file.js';

const file = parseCredentialsFile(
  `[[key]]
name = "lasting"
access_key = "AKID"
secret_key = "secret"
[[key]]
name = "temporary"
access_key = "ASID"
secret_key = "other"
session_token = "session"
expires = 2027-01-01T00:00:00Z
allow = ["upstream"]
requests_per_second = 5
project_id = "p"
[[token]]
name = "reports"
token = "abc"
allow = []
`,
  'f',
);

t.test('finds keys by access key and tokens by token, exactly', async (t) => {
  const credentials = createCredentials(file, 0);
  t.match(credentials, { keys: 2, tokens: 1 });
  for (const [found, name] of [
    [credentials.key('AKID'), 'lasting'],
    [credentials.key('ASID'), 'temporary'],
    [credentials.token('abc'), 'reports'],
    [credentials.named('reports'), 'reports'],
    ...['akid', 'AKID ', '', 'abc', '__proto__', 'constructor'].map(
      (accessKey) => [credentials.key(accessKey), undefined] as const,
    ),
    ...['ab', 'abcd', 'ABC', '', 'AKID', 'secret', '__proto__'].map(
      (token) => [credentials.token(token), undefined] as const,
    ),
  ] as const)
    t.equal(found?.name, name);
});

t.test('without allow the random operations are allowed and nothing else', async (t) => {
  t.strictSame([...randomOperations], ['GenerateRandom', 'gen-random', 'vault-random']);
  const credentials = createCredentials(file, 0);
  for (const [name, allowed] of [
    ['lasting', [...randomOperations]],
    ['temporary', ['upstream']],
    ['reports', []],
  ] as const)
    t.strictSame([...(credentials.named(name)?.allow ?? [])], allowed, name);
});

t.test('expiry and project are those of the file, never and any where it has none', async (t) => {
  const credentials = createCredentials(file, 0);
  t.match(credentials.key('ASID'), {
    secretKey: 'other',
    expiresAt: Date.UTC(2027, 0, 1),
    projectId: 'p',
  });
  t.match(credentials.key('AKID'), { expiresAt: Number.POSITIVE_INFINITY, bucket: undefined });
  t.equal(credentials.key('AKID')?.projectId, undefined);
});

t.test('a temporary key goes with its session token, a lasting one with none', async (t) => {
  const { key } = createCredentials(file, 0);
  for (const [accessKey, given, expected] of [
    ['AKID', undefined, true],
    ['AKID', '', false],
    ['AKID', 'session', false],
    ['ASID', 'session', true],
    ['ASID', undefined, false],
    ['ASID', '', false],
    ['ASID', 'sessiom', false],
    ['ASID', 'session2', false],
  ] as const) {
    const found = key(accessKey);
    t.equal(found && isSessionOf(found, given), expected, `${accessKey} ${given}`);
  }
});

t.test('tokens are kept as digests only', async (t) => {
  const credentials = createCredentials(file, 0);
  const kept = JSON.stringify([credentials.named('reports'), credentials.named('temporary')]);
  t.notMatch(kept, /abc|session"/);
});

t.test('rates go on where a name stays', async (t) => {
  const before = createCredentials(file, 0);
  const bucket = before.named('temporary')?.bucket;
  for (let i = 0; i < 5; i++) t.ok(bucket?.take(0));
  const renamed = { ...file, key: file.key.map((key) => ({ ...key, name: `${key.name}2` })) };
  t.notOk(createCredentials(file, 0, before).named('temporary')?.bucket?.take(0), 'the same name');
  t.ok(createCredentials(renamed, 0, before).named('temporary2')?.bucket?.take(0), 'another');
});
