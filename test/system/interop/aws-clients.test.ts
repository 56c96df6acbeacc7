/**
 * Official AWS clients, each in its own process, with KMS and Secrets Manager: served by an open gateway and
 * by one that verifies, refused in the words of the service, and sent here by a variable such as
 * AWS_ENDPOINT_URL_KMS or a profile. Each program of aws-clients/ prints `ok SIZE` or `error CODE TEXT`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Access, ApiEntry, ApiResponse } from '../../../src/apis/api.js';
import { apis } from '../../../src/apis/list.js';
import { type Client, cacheFolder, pypiClient, testWith } from './installed.js';
import { type ClientKey, goodKey, verdicts, writeKnownKeys } from './known-keys.js';
import { startRealPath } from './real-path.js';
import { type Outcome, run } from './run.js';

/** Compiling the SDK for Rust takes minutes on one core. */
const buildMs = 600_000;
const hourMs = 3_600_000;

const source = (name: string) => fileURLToPath(new URL(`aws-clients/${name}`, import.meta.url));

/** What clients ask a service for, in 32 bytes or characters, and how it is named. */
interface Service {
  readonly operation: 'GenerateRandom' | 'GetRandomPassword';
  /** As IAM names it. */
  readonly action: string;
  readonly variable: string;
  /** In the section `services` of a profile. */
  readonly section: string;
  /** Of the aws command. */
  readonly cliArgs: readonly string[];
  /** What the aws command prints. */
  readonly cliOutput: RegExp;
  /** The text of a ThrottlingException. */
  readonly throttled: string;
}

const kms: Service = {
  operation: 'GenerateRandom',
  action: 'kms:GenerateRandom',
  variable: 'AWS_ENDPOINT_URL_KMS',
  section: 'kms',
  cliArgs: [
    ...['kms', 'generate-random', '--number-of-bytes', '32', '--query', 'Plaintext'],
    ...['--output', 'text'],
  ],
  cliOutput: /^[A-Za-z0-9+/]{43}=\n$/,
  throttled:
    'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
};

const secretsManager: Service = {
  operation: 'GetRandomPassword',
  action: 'secretsmanager:GetRandomPassword',
  variable: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
  section: 'secrets_manager',
  cliArgs: [
    ...['secretsmanager', 'get-random-password', '--query', 'RandomPassword'],
    ...['--output', 'text'],
  ],
  cliOutput: /^[!-~]{32}\n$/,
  throttled: 'Rate exceeded',
};

/**
 * A client that is compiled, or whose libraries are fetched, into the cache: once, or always if CI=true.
 * @param kind its folder in aws-clients/
 * @param made what the build leaves, in the folder
 * @param program in the folder's name
 */
function builtClient(
  kind: string,
  name: string,
  made: string,
  program: string,
  build: readonly (readonly [tool: string, ...args: string[]])[],
): Client {
  const folder = cacheFolder(`${program}-${kind}`);
  const command = join(folder, made);
  if (process.env.CI === 'true') {
    cpSync(source(kind), folder, { recursive: true });
    const isBuilt = build.every(
      ([tool, ...args]) => spawnSync(tool, args, { cwd: folder, timeout: buildMs }).status === 0,
    );
    if (!isBuilt) return { name, command: undefined, optional: true };
  }
  return { name, command: existsSync(command) ? command : undefined, optional: true };
}

const go = builtClient('go', 'AWS SDK for Go v2 (go 1.24 or later)', 'aws-client', 'aws-client', [
  ['go', 'build', '-mod=readonly', '-o', 'aws-client', '.'],
]);

const rust = builtClient(
  'rust',
  'AWS SDK for Rust (cargo 1.94 or later; Debian 12 has 0.66)',
  'target/debug/kms-client',
  'kms-client',
  [['cargo', 'build', '--quiet', '--target-dir', 'target']],
);

const copyJars = [
  'dependency:copy-dependencies',
  '-DincludeScope=runtime',
  '-DoutputDirectory=jars',
];
const java = builtClient(
  'java',
  'AWS SDK for Java v2 (a JDK from 17 on, and maven)',
  'jars',
  'aws-client',
  [
    ['javac', '--version'],
    ['mvn', '--quiet', '--batch-mode', ...copyJars],
  ],
);

/** Runs a shell command that succeeds where the client is there in that version. */
const client = (name: string, command: string, check: string): Client => ({
  name,
  command: spawnSync('sh', ['-c', check]).status === 0 ? command : undefined,
});

const oldCli = client(
  'aws-cli 2.9.19 (Debian package awscli)',
  '/usr/bin/aws',
  '/usr/bin/aws --version | grep -q "^aws-cli/2.9.19 "',
);
const ruby = client(
  'AWS SDK for Ruby 1.24.0 (Debian package ruby-aws-sdk-kms)',
  'ruby',
  `ruby -raws-sdk-kms -e 'exit Aws::KMS::GEM_VERSION == "1.24.0"'`,
);

/** How a client is called and what it does by itself. */
interface Row {
  readonly client: Client;
  /** What it asks; default: both. */
  readonly services?: readonly Service[];
  /** Whether it is the aws command. */
  readonly isCli?: boolean;
  /** Its arguments, in front of the endpoint if there is one. */
  readonly args: (command: string, service: Service) => readonly string[];
  readonly command?: string;
  /** Whether it reads AWS_ENDPOINT_URL_KMS and the section `services` of profiles. */
  readonly isRedirected: boolean;
  /** Whether it takes the gateway's time from the Date of a refusal, and succeeds with a retry. */
  readonly setsItsClock: boolean;
}

const python = () => [source('client.py')];

const rows: readonly Row[] = [
  {
    client: pypiClient('awscli', 'awscli==1.46.2'),
    isCli: true,
    args: (_, { cliArgs }) => ['-m', 'awscli', ...cliArgs],
    isRedirected: true,
    setsItsClock: false,
  },
  {
    client: oldCli,
    isCli: true,
    args: (_, { cliArgs }) => cliArgs,
    isRedirected: false,
    setsItsClock: false,
  },
  {
    client: pypiClient('boto3', 'boto3==1.44.8'),
    args: python,
    isRedirected: true,
    setsItsClock: false,
  },
  {
    // That of Debian 12.
    client: pypiClient('boto3', 'boto3==1.26.27'),
    args: python,
    isRedirected: false,
    setsItsClock: false,
  },
  {
    client: { name: 'AWS SDK for JavaScript v3', command: process.execPath },
    args: () => [source('client.mjs')],
    isRedirected: true,
    setsItsClock: true,
  },
  { client: go, args: () => [], isRedirected: true, setsItsClock: true },
  {
    client: ruby,
    services: [kms],
    args: () => [source('client.rb')],
    isRedirected: false,
    setsItsClock: true,
  },
  {
    client: java,
    command: 'java',
    args: (jars) => ['-cp', `${jars}/*`, join(jars, '../Client.java')],
    isRedirected: true,
    setsItsClock: true,
  },
  { client: rust, services: [kms], args: () => [], isRedirected: true, setsItsClock: true },
];

const credentials = writeKnownKeys();
const anyKey = { accessKeyId: 'any', secretAccessKey: 'any' };

/** All APIs, but with other answers to who may ask and when; their responses tell that time. */
function changed(change: (access: Access) => Partial<Access>): readonly ApiEntry[] {
  const withDate = (response: ApiResponse, now: number): ApiResponse => ({
    ...response,
    headers: { ...response.headers, Date: new Date(now).toUTCString() },
  });
  return apis.map((entry) => ({
    ...entry,
    create(settings, log) {
      const api = (entry as ApiEntry).create(settings, log);
      let now = Date.now;
      return {
        ...api,
        async answer(request, services) {
          const access = Object.assign(Object.create(services.access), change(services.access));
          now = () => access.now();
          return withDate(await api.answer(request, { ...services, access }), now());
        },
        refuse: (failure, head) => withDate(api.refuse(failure, head), now()),
      };
    },
  }));
}

const exhausted = changed(() => ({ take: () => false }));
const ahead = changed((access) => ({ now: () => access.now() + hourMs }));

const urlOf = ({ port }: { port: number }) => `http://127.0.0.1:${port}`;
const open = urlOf(await startRealPath(t));
const verifying = urlOf(await startRealPath(t, { credentials }));
const throttling = urlOf(await startRealPath(t, { credentials }, exhausted));
const hourAhead = urlOf(await startRealPath(t, { credentials }, ahead));

const expired =
  /^error InvalidSignatureException Signature expired: \d{8}T\d{6}Z is now earlier than /;

/** What becomes of calls: what every client prints, an error with its code and text. */
function casesOf({
  action,
  throttled,
}: Service): readonly (readonly [
  title: string,
  url: string,
  key: ClientKey,
  prints: string | RegExp,
])[] {
  const refused = ['a key that is denied', 'another secret'].map((title) => {
    const [, key = goodKey, refusal = []] = verdicts.find((each) => each[0] === title) ?? [];
    const text = refusal.join(' ').replaceAll(kms.action, action);
    return [title, verifying, key, `error ${text}`] as const;
  });
  return [
    ['open', open, anyKey, 'ok 32'],
    ['verified', verifying, goodKey, 'ok 32'],
    ...refused,
    ['throttled', throttling, goodKey, `error ThrottlingException ${throttled}`],
    ['a clock that is an hour late', hourAhead, goodKey, expired],
  ];
}

/** The aws command says it in its own words. */
function printed({ stdout, stderr }: Outcome, { operation, cliOutput }: Service): string {
  if (cliOutput.test(stdout)) return 'ok 32';
  const [, code, name, text] =
    /\((\w+)\) when calling the (\w+) operation(?: \(.*?\))?: (.*)/.exec(stderr) ?? [];
  if (name === operation) return `error ${code} ${text}`;
  return stdout.trim() || stderr.trim();
}

/** One call: one attempt, no proxy but to this host. */
async function call(
  { command = '', args, isCli = false }: Row,
  service: Service,
  found: string,
  endpoint: string | undefined,
  { accessKeyId, secretAccessKey }: ClientKey,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const before = args(found, service);
  const name = isCli ? ['--endpoint-url'] : [];
  const after = endpoint === undefined ? [] : [...name, endpoint];
  const outcome = await run(command || found, [...before, ...after], {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_MAX_ATTEMPTS: '1',
    // A client that ignores the variable must not reach the real service.
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1',
    OPERATION: service.operation,
    ...variables,
  });
  return printed(outcome, service);
}

for (const row of rows)
  for (const service of row.services ?? [kms, secretsManager]) {
    const { client, isRedirected, setsItsClock } = row;
    const { operation, variable, section } = service;
    testWith(client, `${client.name}: ${operation}, and reads why not`, async (t, found) => {
      for (const [title, url, key, prints] of casesOf(service)) {
        const got = await call(row, service, found, url, key);
        if (typeof prints === 'string') t.equal(got, prints, title);
        else t.match(got, prints, title);
      }
      const again = await call(row, service, found, hourAhead, goodKey, { AWS_MAX_ATTEMPTS: '3' });
      t.match(again, setsItsClock ? /^ok 32$/ : expired, 'its clock, with retries');
    });

    const rule = isRedirected ? 'reads' : 'ignores';
    testWith(
      client,
      `${client.name}: ${rule} ${variable} and the services of a profile`,
      async (t, found) => {
        const file = join(t.testdir(), 'config');
        // The SDK for JavaScript takes the keys of a profile that is named, and of nothing else.
        const keys = ['aws_access_key_id = any', 'aws_secret_access_key = any'];
        const profile = ['[profile local]', ...keys, 'services = local'];
        const services = ['[services local]', `${section} =`, `  endpoint_url = ${open}`];
        writeFileSync(file, [...profile, ...services, ''].join('\n'));
        for (const [title, variables] of [
          ['the variable', { [variable]: open }],
          ['the profile', { AWS_CONFIG_FILE: file, AWS_PROFILE: 'local' }],
        ] as const) {
          const got = await call(row, service, found, undefined, anyKey, variables);
          if (isRedirected) t.equal(got, 'ok 32', title);
          else t.not(got, 'ok 32', title);
        }
      },
    );
  }

t.test('the versions in docs/support.md are those that are run', async (t) => {
  const support = readFileSync(new URL('../../../docs/support.md', import.meta.url), 'utf8');
  const [gomod, cargo, pom] = ['go/go.mod', 'rust/Cargo.toml', 'java/pom.xml'].map((name) =>
    readFileSync(source(name), 'utf8'),
  );
  for (const [what, version] of [
    ['Go v2', /service\/kms v([\d.]+)/.exec(`${gomod}`)?.[1]],
    ['Rust', /aws-sdk-kms = \{ version = "=([\d.]+)"/.exec(`${cargo}`)?.[1]],
    ['Java v2', /<version>(2[\d.]+)<\/version>/.exec(`${pom}`)?.[1]],
  ] as const)
    t.match(support, new RegExp(`${what}[^\n]*${version?.replaceAll('.', '\\.')}`), what);
});
