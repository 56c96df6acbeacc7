/**
 * gen-random by the clouds' own SDKs for Go, Python and Java: open, verified, refused, throttled; and create-key
 * through an upstream.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { serve } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/paths.js';
import { createHuaweiKmsDouble, doubleDigits, type TakenByHuawei } from './huawei-kms-double.js';
import { type Client, pypiClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const folder = fileURLToPath(new URL('huawei/', import.meta.url));

/** Longest that a registry and a compiler may take. */
const buildMs = 300_000;

/** A call as the clients take it: signed, or with a token. */
interface Call {
  readonly ak?: string;
  readonly sk?: string;
  readonly securityToken?: string;
  readonly token?: string;
  /** What signing in again gives. */
  readonly freshToken?: string;
  readonly length?: string;
  /** Creates a key of this name instead. */
  readonly keyAlias?: string;
}

/** How a call ended: the digits, or the refusal as the SDK reads it. */
interface Outcome {
  readonly data?: string;
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  readonly id?: string;
}

/** An SDK, and the arguments of its client before the endpoint. */
interface Sdk {
  readonly client: Client;
  readonly args: () => readonly string[];
}

/** The client of both SDKs for Go, with the versions and hashes of go.sum; undefined without Go. */
const goProgram = (() => {
  const program = join(temporaryFolder(), 'huawei-client');
  const options = { cwd: join(folder, 'go'), timeout: buildMs };
  const built = spawnSync('go', ['build', '-mod=readonly', '-o', program, '.'], options);
  return built.status === 0 ? program : undefined;
})();

/** The SDK for Java with its dependencies; undefined without Maven. Only CI downloads it. */
const javaClasses = (() => {
  const found = join(temporaryFolder(), 'huawei-classes');
  const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:2.8:build-classpath';
  const offline = process.env.CI === 'true' ? [] : ['-o'];
  const args = ['-q', '-B', ...offline, '-f', folder, plugin, `-Dmdep.outputFile=${found}`];
  const { status } = spawnSync('mvn', args, { timeout: buildMs });
  if (status !== 0) return undefined;
  return readFileSync(found, 'utf8');
})();

// Debian 12 has an older Go.
const go = (name: string): Client => ({ name, command: goProgram, optional: true });

const sdks: readonly Sdk[] = [
  {
    client: go('huaweicloud-sdk-go-v3 0.1.207, go 1.24'),
    args: () => ['huawei'],
  },
  {
    client: go('gophertelekomcloud 0.9.3, go 1.24'),
    args: () => ['otc'],
  },
  {
    client: pypiClient('huaweicloudsdkkms', 'huaweicloudsdkkms==3.1.219'),
    args: () => [join(folder, 'client.py')],
  },
  {
    client: {
      name: 'huaweicloud-sdk-kms 3.1.143 for Java (Debian packages default-jdk-headless, maven)',
      command: javaClasses === undefined ? undefined : 'java',
    },
    args: () => ['-cp', javaClasses ?? '', join(folder, 'Client.java')],
  },
];

/** Makes the calls one after the other. */
async function callWith(
  command: string,
  { args }: Sdk,
  port: number,
  calls: readonly Call[],
): Promise<Outcome[]> {
  const texts = calls.map((call) => JSON.stringify({ length: '512', ...call }));
  const { status, stdout, stderr } = await run(command, [
    ...args(),
    `http://127.0.0.1:${port}`,
    ...texts,
  ]);
  if (status !== 0) throw new Error(`the client ended with ${status}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

const credentials = join(temporaryFolder(), 'huawei-sdks.toml');
const key = (name: string, more = '') =>
  `[[key]]\nname = "${name}"\naccess_key = "${name}"\nsecret_key = "sk"\n${more}\n`;
const tokenOf = (name: string, more = '') =>
  `[[token]]\nname = "${name}"\ntoken = "${name}"\n${more}\n`;
writeFileSync(
  credentials,
  [
    key('app', 'project_id = "project"'),
    key('temporary', 'session_token = "session/token+=="'),
    key('denied', 'allow = []'),
    key('slow', 'requests_per_second = 1'),
    key(
      'forwarded',
      'project_id = "project"\nallow = ["gen-random", "huawei-upstream:create-key"]',
    ),
    tokenOf('good', 'project_id = "project"'),
    tokenOf('old', 'expires = 2020-01-01T00:00:00Z'),
    tokenOf('slow-token', 'requests_per_second = 1'),
    tokenOf('forwarded-token', 'allow = ["huawei-upstream"]'),
  ].join(''),
  { mode: 0o600 },
);

const app = { ak: 'app', sk: 'sk' };
const digits = /^[0-9A-F]{128}$/;
const refusal = (text: string): Outcome => ({
  status: 401,
  code: 'APIGW.0301',
  message: `Incorrect IAM authentication information: ${text}`,
});

/** Enough calls that a client cannot spread them so that one a second is served. */
const repeated = (call: Call) => Array.from({ length: 12 }, () => call);

function checkThrottled(t: Test, outcomes: readonly Outcome[]): void {
  const refused = outcomes.filter(({ status }) => status !== undefined);
  t.match(outcomes[0], { data: digits }, 'the first is served');
  t.ok(refused.length > 0, 'not all are');
  for (const each of refused)
    t.match(each, {
      status: 429,
      code: 'APIGW.0308',
      message:
        'The throttling threshold has been reached: policy user over ratelimit,limit:1,time:1 second',
    });
}

for (const sdk of sdks) {
  testWith(
    sdk.client,
    `${sdk.client.name}: an open gateway serves whoever signs`,
    async (t, command) => {
      const open = await startRealPath(t);
      const outcomes = await callWith(command, sdk, open.port, [
        { ak: 'any', sk: 'any' },
        { ak: 'any', sk: 'any', securityToken: 'any' },
      ]);
      t.match(outcomes, [{ data: digits }, { data: digits }]);
      t.not(outcomes[0]?.data, outcomes[1]?.data);
      const { port } = await startRealPath(t, { dialect: 'hwc' });
      const calls = ['8', '8192'].map((length) => ({ ...app, length }));
      const [least, most] = await callWith(command, sdk, port, calls);
      t.match([least?.data, most?.data], [/^[0-9A-F]{2}$/, /^[0-9A-F]{2048}$/]);
    },
  );

  testWith(sdk.client, `${sdk.client.name}: its signature is verified`, async (t, command) => {
    const { port } = await startRealPath(t, { credentials });
    const temporary = { ak: 'temporary', sk: 'sk' };
    const verify = refusal('verify aksk signature fail');
    const cases: readonly (readonly [call: Call, outcome: object])[] = [
      [app, { data: digits }],
      [{ ...app, sk: 'x' }, verify],
      [{ ...app, ak: 'nobody' }, refusal('ak nobody not exist')],
      [{ ...temporary, securityToken: 'session/token+==' }, { data: digits }],
      [{ ...temporary, securityToken: 'x' }, verify],
      [temporary, verify],
      [{ ...app, securityToken: 'session/token+==' }, verify],
    ];
    const outcomes = await callWith(
      command,
      sdk,
      port,
      cases.map(([call]) => call),
    );
    t.equal(outcomes.length, cases.length);
    for (const [at, [call, wanted]] of cases.entries())
      t.match(outcomes[at], wanted, JSON.stringify(call));
    const ids = outcomes.map(({ id }) => id).filter((id) => id !== undefined);
    t.equal(new Set(ids).size, 5, 'each refusal has an id');
    for (const id of ids) t.match(id, /^[0-9a-f]{32}$/);
  });

  testWith(
    sdk.client,
    `${sdk.client.name}: above its rate a key is told so`,
    async (t, command) => {
      const { port } = await startRealPath(t, { credentials });
      checkThrottled(t, await callWith(command, sdk, port, repeated({ ak: 'slow', sk: 'sk' })));
    },
  );
}

/** A gateway before a double of the clouds' KMS that knows the key `forwarded`, and the gateway's own. */
async function startForwarding(t: Test, resign: boolean) {
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  Object.assign(process.env, { HUAWEICLOUD_SDK_AK: 'own', HUAWEICLOUD_SDK_SK: 'own secret' });
  const taken: TakenByHuawei[] = [];
  const secrets = new Map([
    ['forwarded', 'sk'],
    ['own', 'own secret'],
  ]);
  const upstream = await serve(t, createHuaweiKmsDouble(secrets, taken));
  const { port } = await startRealPath(t, {
    credentials,
    huaweiUpstream: `http://127.0.0.1:${upstream}`,
    huaweiUpstreamResign: resign,
  });
  return { port, taken };
}

const keyId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const forwarded = { ak: 'forwarded', sk: 'sk' };
const notAllowed = { status: 403, code: 'KMS.0330', message: 'User has no permission.' };

for (const sdk of sdks)
  for (const [way, resign, accessKey] of [
    ['under its own signature', false, 'forwarded'],
    ["under the gateway's", true, 'own'],
  ] as const)
    testWith(
      sdk.client,
      `${sdk.client.name}: create-key goes to the upstream ${way}, gen-random does not`,
      async (t, command) => {
        const { port, taken } = await startForwarding(t, resign);
        const [created, random, refused] = await callWith(command, sdk, port, [
          { ...forwarded, keyAlias: 'a' },
          forwarded,
          { ...app, keyAlias: 'a' },
        ]);
        t.match(created?.data, keyId);
        t.match(random?.data, digits);
        t.not(random?.data, doubleDigits);
        t.match(refused, notAllowed);
        t.match(taken, [{ line: 'POST /v1.0/project/kms/create-key', accessKey }]);
        t.match(JSON.parse(taken[0]?.body ?? ''), { key_alias: 'a' });
      },
    );

const otc = sdks[1] as Sdk;

testWith(
  otc.client,
  `${otc.client.name}: with a token create-key goes on under the gateway's signature`,
  async (t, command) => {
    const { port, taken } = await startForwarding(t, true);
    const [created, refused] = await callWith(command, otc, port, [
      { token: 'forwarded-token', keyAlias: 'a' },
      { token: 'good', keyAlias: 'a' },
    ]);
    t.match(created?.data, keyId);
    t.match(refused, notAllowed);
    t.match(taken, [{ accessKey: 'own' }]);
    t.notMatch(JSON.stringify(taken), /forwarded-token/);
  },
);

testWith(
  otc.client,
  `${otc.client.name}: tokens, and a new one after a bad one`,
  async (t, command) => {
    const { port } = await startRealPath(t, { credentials });
    const outcomes = await callWith(command, otc, port, [
      { token: 'good' },
      { token: 'goo' },
      { token: 'old' },
      { token: 'goo', freshToken: 'good' },
      { token: 'old', freshToken: 'good' },
    ]);
    t.match(outcomes, [
      { data: digits },
      refusal('decrypt token fail'),
      refusal('token expires, expires_at: 2020-01-01T00:00:00.000Z'),
      { data: digits },
      { data: digits },
    ]);
    checkThrottled(t, await callWith(command, otc, port, repeated({ token: 'slow-token' })));
    const open = await startRealPath(t);
    t.match(await callWith(command, otc, open.port, [{ token: 'any' }]), [{ data: digits }]);
  },
);
