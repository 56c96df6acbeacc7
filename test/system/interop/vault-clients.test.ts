/**
 * Clients of Vault that ask before they ask for bytes: each starts, gets bytes, is told why not, and sees
 * a daemon that is away as a sealed server. The programs are in vault/; each prints one JSON object.
 */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import type { GatewayOptions } from '../../../src/gateway/gateway.js';
import { writePrivate } from '../../support/credentials.js';
import { failingSource } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/paths.js';
import { type Client, pypiClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const programs = fileURLToPath(new URL('vault', import.meta.url));

/** Fetching and compiling takes a minute where nothing is cached. */
const prepareMs = 300_000;

/** A client's library, fetched by its own package manager with the versions in vault/. */
function fetched(name: string, command: string, fetch: readonly string[], cwd = programs): Client {
  const [fetcher = '', ...args] = fetch;
  const { status } = spawnSync(fetcher, args, { cwd, timeout: prepareMs });
  return { name, command: status === 0 ? command : undefined, optional: true };
}

const folder = temporaryFolder();
cpSync(programs, folder, { recursive: true });

const hvac = pypiClient('hvac', 'hvac==2.4.0');
const node = fetched(
  'node-vault-client 1.0.2',
  process.execPath,
  ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'],
  folder,
);
const go = fetched('go 1.25, and the modules of vault/go.mod', 'go', ['go', 'mod', 'download']);
const jars = join(folder, 'jars');
const copy = [
  'dependency:copy-dependencies',
  '-DincludeScope=runtime',
  `-DoutputDirectory=${jars}`,
];
const java = fetched('a JDK 17, Maven, and spring-vault-core 4.0.0', 'java', [
  'mvn',
  '-q',
  '-B',
  ...copy,
]);

/** What a client prints, and how it was told; node-vault-client asks nobody about health. */
interface Told {
  readonly sealed?: boolean;
  readonly health?: { readonly sealed: boolean };
  readonly head?: number;
  readonly authenticated?: boolean;
  readonly ttl?: number;
  readonly size?: number;
  readonly refusal?: string;
}

const nanoseconds = 1e9;
const credentials = [
  '[[token]]\nname = "app"\ntoken = "hvs.app"\nexpires = 9999-01-01T00:00:00Z\n',
  '[[token]]\nname = "denied"\ntoken = "hvs.denied"\nallow = []\n',
  '[[token]]\nname = "expired"\ntoken = "hvs.expired"\nexpires = 2020-01-01T00:00:00Z\n',
].join('');

/** Runs a program against a gateway of its own. */
async function ask(
  t: Test,
  command: readonly string[],
  token: string,
  options: Partial<GatewayOptions> = {},
): Promise<Told> {
  const { port } = await startRealPath(t, options);
  const [program = '', ...args] = command;
  const { status, stdout, stderr } = await run(program, [
    ...args,
    `http://127.0.0.1:${port}`,
    token,
  ]);
  t.equal(status, 0, stderr);
  return JSON.parse(stdout) as Told;
}

async function buildGo(t: Test, command: string, module: string): Promise<string> {
  const source = readFileSync(join(programs, 'main.go'), 'utf8');
  const dir = t.testdir({
    'main.go': source.replace('github.com/hashicorp/vault/api', module),
    'go.mod': readFileSync(join(programs, 'go.mod'), 'utf8'),
    'go.sum': readFileSync(join(programs, 'go.sum'), 'utf8'),
  });
  // The versions and their hashes are those of go.sum.
  await promisify(execFile)(command, ['build', '-mod=readonly', '-o', 'client', '.'], {
    cwd: dir,
    timeout: prepareMs,
  });
  return join(dir, 'client');
}

for (const [client, title, prepare] of [
  [hvac, 'hvac', async (_t, python) => [python, join(programs, 'client.py')]],
  [node, 'node-vault-client', async (_t, command) => [command, join(folder, 'client.mjs')]],
  ...(['github.com/hashicorp/vault/api', 'github.com/openbao/openbao/api/v2'] as const).map(
    (module) =>
      [
        go,
        module,
        async (t: Test, command: string) => [await buildGo(t, command, module)],
      ] as const,
  ),
  [
    java,
    'spring-vault-core',
    async (_t, command) => [command, '-cp', join(jars, '*'), join(programs, 'Client.java')],
  ],
] as const satisfies readonly (readonly [
  Client,
  string,
  (t: Test, command: string) => Promise<readonly string[]>,
])[])
  testWith(client, `${title}: starts, gets bytes, is told why not`, async (t, installed) => {
    const command = await prepare(t, installed);
    const asksHealth = title !== 'node-vault-client';

    const open = await ask(t, command, 'any');
    t.match(open, { size: 32 });
    t.notOk(open.refusal);
    if (asksHealth)
      t.match(open, { sealed: false, health: { sealed: false }, authenticated: true });

    const verified = { credentials: writePrivate(folder, 'credentials.toml', credentials) };
    const known = await ask(t, command, 'hvs.app', verified);
    t.match(known, { size: 32 });
    if (known.ttl !== undefined) t.equal(known.ttl, (2 ** 31 - 1) * nanoseconds, 'until 9999');

    for (const token of ['hvs.other', 'hvs.expired']) {
      const unknown = await ask(t, command, token, verified);
      t.match(unknown.refusal, /403|Forbidden/, token);
      t.match(unknown.refusal, /permission denied/, token);
      if (asksHealth) t.match(unknown, { sealed: false, authenticated: false });
    }
    const denied = await ask(t, command, 'hvs.denied', verified);
    t.match(denied.refusal, /permission denied/);
    if (asksHealth) t.match(denied, { authenticated: true }, 'it may ask who it is');

    const away = failingSource(new EntropyError('ERR_CONNECT', 'x'));
    const sealed = await ask(t, command, 'any', { client: away });
    t.match(sealed.refusal, /Vault is sealed/);
    if (asksHealth)
      t.match(sealed, { sealed: true, health: { sealed: true }, authenticated: true });
    if (title === 'hvac') t.strictSame([open.head, sealed.head], [200, 503], 'its HEAD');
  });
