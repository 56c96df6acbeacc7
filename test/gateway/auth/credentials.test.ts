import t from 'tap';
import {
  createAccess,
  createCredentials,
  TokenBucket,
} from '../../../src/gateway/auth/credentials.js';
import { parseCredentialsFile } from '../../../src/gateway/auth/credentials-file.js';
import { accessOf } from '../../support/credentials.js';

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
    ...['akid', 'AKID ', '', 'abc', '__proto__', 'constructor'].map(
      (accessKey) => [credentials.key(accessKey), undefined] as const,
    ),
    ...['ab', 'abcd', 'ABC', '', 'AKID', 'secret', '__proto__'].map(
      (token) => [credentials.token(token), undefined] as const,
    ),
  ] as const)
    t.equal(found?.name, name);
});

t.test('without allow the default operations are allowed and nothing else', async (t) => {
  for (const [defaults, wanted] of [
    [
      undefined,
      [
        ...['GenerateRandom', 'GetRandomPassword', 'gen-random'],
        ...['GenerateRandomBytes', 'vault-random', 'azure-random'],
      ],
    ],
    [['roll'], ['roll']],
    [[], []],
  ] as const) {
    const credentials = createCredentials(file, 0, defaults);
    for (const [found, allowed] of [
      [credentials.key('AKID'), wanted],
      [credentials.key('ASID'), ['upstream']],
      [credentials.token('abc'), []],
    ] as const)
      t.strictSame([...(found?.allow ?? ['nobody'])], allowed);
  }
});

t.test('expiry and project are those of the file, never and any where it has none', async (t) => {
  const credentials = createCredentials(file, 0);
  t.match(credentials.key('ASID'), {
    secretKey: 'other',
    expiresAt: Date.UTC(2027, 0, 1),
    projectId: 'p',
  });
  t.match(credentials.key('AKID'), { expiresAt: Number.POSITIVE_INFINITY });
  t.equal(credentials.bucket('lasting'), undefined, 'as often as wanted');
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
  ] as const)
    t.equal(key(accessKey)?.hasSession(given), expected, `${accessKey} ${given}`);
});

t.test('tokens are kept as digests only', async (t) => {
  const credentials = createCredentials(file, 0);
  const kept = JSON.stringify([credentials.token('abc'), credentials.key('ASID')]);
  t.notMatch(kept, /abc|session"/);
});

t.test('rates go on where a name stays', async (t) => {
  const before = createCredentials(file, 0);
  const bucket = before.bucket('temporary');
  for (let i = 0; i < 5; i++) t.ok(bucket?.take(0));
  const renamed = { ...file, key: file.key.map((key) => ({ ...key, name: `${key.name}2` })) };
  t.notOk(createCredentials(file, 0, [], before).bucket('temporary')?.take(0), 'the same name');
  t.ok(createCredentials(renamed, 0, [], before).bucket('temporary2')?.take(0), 'another');
});

/** How many of `count` requests at `nowMs` are granted. */
function granted(bucket: TokenBucket, nowMs: number, count = 100): number {
  let taken = 0;
  for (let i = 0; i < count; i++) if (bucket.take(nowMs)) taken++;
  return taken;
}

t.test('grants the rate, in bursts of at most one second’s worth', async (t) => {
  const bucket = new TokenBucket(10, 1000);
  for (const [nowMs, expected] of [
    [1000, 10],
    [1000, 0],
    [1099, 0],
    [1100, 1],
    [1350, 2],
    [1400, 1],
    [2400, 10],
    [90_000, 10],
  ] as const)
    t.equal(granted(bucket, nowMs), expected, `at ${nowMs} ms`);
});

t.test('over a long time it grants the rate and no more', async (t) => {
  for (const perSecond of [1, 3, 1000]) {
    const bucket = new TokenBucket(perSecond, 0);
    let taken = 0;
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 7) taken += granted(bucket, nowMs, 20);
    t.ok(taken > 9.9 * perSecond && taken <= 11 * perSecond, `${taken} at ${perSecond} a second`);
  }
});

t.test('what takes its place goes on with its tokens, and no reload grants a burst', async (t) => {
  const before = new TokenBucket(10, 0);
  t.equal(granted(before, 0, 8), 8);
  for (const [perSecond, nowMs, expected] of [
    [10, 0, 2],
    [100, 0, 2],
    [1, 0, 1],
    [100, 100, 3],
  ] as const)
    t.equal(granted(new TokenBucket(perSecond, nowMs, before), nowMs), expected, `${perSecond}`);
});

const limited = (rate: number) =>
  `[[token]]\nname = "t"\ntoken = "abc"\nrequests_per_second = ${rate}\n`;

t.test('is open until credentials are adopted, and then has those alone', async (t) => {
  const access = createAccess();
  t.match(access, { verifies: false, counts: undefined });
  t.equal(access.token('abc'), undefined);
  t.equal(access.key('abc'), undefined);
  access.adopt(parseCredentialsFile(limited(1), 'f'));
  t.match(access, { verifies: true, counts: { keys: 0, tokens: 1 } });
  t.equal(access.token('abc')?.name, 't');
  access.adopt({ key: [], token: [] });
  t.match(access, { verifies: true, counts: { keys: 0, tokens: 0 } });
  t.equal(access.token('abc'), undefined);
});

t.test('takes requests by the steady clock, and goes on over an adoption', async (t) => {
  const access = accessOf(limited(2));
  const take = () => {
    const credential = access.token('abc');
    return credential && access.take(credential);
  };
  t.strictSame([take(), take(), take()], [true, true, false]);
  access.adopt(parseCredentialsFile(limited(2), 'f'));
  t.equal(take(), false);
  access.clock += 500;
  t.strictSame([take(), take()], [true, false]);
  access.adopt(parseCredentialsFile(limited(2).replace(/requests.*/, ''), 'f'));
  t.strictSame([take(), take(), take()], [true, true, true], 'without a rate');
});

t.test('the clock is the wall’s unless another is given', async (t) => {
  t.intercept(Date, 'now', { value: () => 42 });
  t.equal(accessOf(limited(1), { at: 7 }).now(), 7);
  const { createAccess: fresh } = await t.mockImport<
    typeof import('../../../src/gateway/auth/credentials.js')
  >('../../../src/gateway/auth/credentials.js');
  t.equal(fresh().now(), 42);
});
