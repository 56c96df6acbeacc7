/** The package as users install it: on a host without network or compiler, and without install scripts. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { call, serve } from '../../support/gateway.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { Program } from '../../support/program.js';
import { signAws } from '../../support/signing/signed-calls.js';
import { createKmsDouble, type Taken } from '../interop/kms-double.js';
import { writeKeys } from '../interop/real-path.js';
import { withTarball } from './tarball.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const home = join(temporaryFolder(), 'home');
const bin = join(home, 'bin');
const installMs = 60_000;
/** Jest comes from the registry, and starts slowly. */
const jestMs = 120_000;

/** npm's program, not the link to it: it finds its own files from there. */
const npm = spawnSync('sh', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).stdout;
mkdirSync(bin, { recursive: true });
symlinkSync(process.execPath, join(bin, 'node'));
symlinkSync(npm.trim(), join(bin, 'npm'));
symlinkSync('/bin/sh', join(bin, 'sh'));

/** The environment of programs: only node, npm and a shell are on the path. */
const environment = { PATH: bin, HOME: home };

/** Arguments for a namespace without a network, as root or in a user namespace; undefined if neither works. */
const isolated = [['-n'], ['-rn']]
  .map((flags) => ['unshare', ...flags])
  .find(([command = '', ...flags]) => spawnSync(command, [...flags, 'true']).status === 0);

/** Runs npm without a network. */
function runNpm(args: readonly string[], cwd: string, path = bin) {
  const [command = '', ...rest] = [
    ...(isolated ?? []),
    ...['/usr/bin/env', '-i', `PATH=${path}`, `HOME=${home}`, 'npm', ...args],
  ];
  return spawnSync(command, rest, { cwd, encoding: 'utf8', timeout: installMs });
}

/** The address in a gateway's log. */
const listensOn = (log: string) => /"addresses":\["([^"]+)"\]/.exec(log)?.[1] ?? '';

/** A user's TypeScript program that uses every export of the package. */
const consumer = `
import { connect, EntropyError, type GenerateRandomOutput } from 'entropyd';
import { createRequestHandler } from 'entropyd/aws-sdk';
import { createGenerator, type GeneratorStatus } from 'entropyd/generator';

const client = connect();
const bytes: Uint8Array = await client.random(32);
const { Plaintext }: GenerateRandomOutput = await client.generateRandom({ NumberOfBytes: 32 });
const { random_data } = await client.genRandom({ random_data_length: '512' });
const { state } = await client.health();
const failure: unknown = await client.random(0).catch((error: unknown) => error);
const handler = createRequestHandler({ client });
const headers = { 'x-amz-target': 'TrentService.GenerateRandom' };
const { response } = await handler.handle({ method: 'POST', headers, body: '{"NumberOfBytes":32}' });
const generator = createGenerator({ devices: [] });
const status: GeneratorStatus = generator.status();
const target = generator.allocate(32);
generator.fill(target, 0, 32);
// @ts-expect-error the declarations are the functions' own
const wrong = () => client.random('32');
generator.close();
await client.close();
console.log(JSON.stringify([
  bytes.length, Plaintext.length, random_data.length, state,
  failure instanceof EntropyError && failure.code, response.statusCode,
  status.state, target.some((byte) => byte !== 0), typeof wrong,
]));
`;
const printed = [32, 32, 128, 'operational', 'ERR_LENGTH', 200, 'operational', true, 'function'];

await withTarball(async (tarball) => {
  if (isolated === undefined)
    t.comment('with the network: no namespace without one is allowed here');
  const offline = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  const prefix = join(home, 'prefix');
  const global = join(prefix, 'lib/node_modules/entropyd');
  const local = join(home, 'project');
  mkdirSync(local);
  writeFileSync(join(local, 'package.json'), '{ "type": "module", "private": true }');
  const start = (t: Test, name: string, args: readonly string[], env = {}) =>
    new Program(t, [join(prefix, 'bin', name), ...args], {
      // Started by its `#!` line.
      script: 'exec "$0" "$@"',
      env: { ...environment, ...env },
    });

  await t.test('it installs from the tarball alone', async (t) => {
    t.equal(spawnSync('/usr/bin/env', ['-i', `PATH=${bin}`, 'g++', '--version']).status, 127);
    for (const [where, args, modules] of [
      ['local', [], join(local, 'node_modules')],
      ['global', ['--global', '--prefix', prefix], join(prefix, 'lib/node_modules')],
    ] as const) {
      const { status, stdout, stderr } = runNpm([...offline, ...args, tarball], local);
      t.equal(status, 0, `${where}: ${stdout}${stderr}`);
      t.strictSame(
        readdirSync(modules).filter((name) => !name.startsWith('.')),
        ['entropyd'],
        where,
      );
      t.notOk(existsSync(join(modules, 'entropyd/build')), 'nothing was built');
    }
  });

  await t.test('daemon, gateway and entropyctl work, with the prebuilt addon', async (t) => {
    const [socket, http] = [freePath(), freePath()];
    const daemon = start(t, 'entropyd', ['--socket', socket, '--http', `unix:${http}`]);
    await daemon.says('gateway listening');
    const maps = readFileSync(`/proc/${daemon.child.pid}/maps`, 'utf8');
    const addon = `prebuilds/linux-${process.arch}/entropyd.glibc.node`;
    t.ok(maps.includes(join(realpathSync(global), addon)), addon);

    const env = { ENTROPYD_SOCKET: socket };
    for (const [args, stdout] of [
      [['health'], /^OK - operational/],
      [['random', '16', '--format', 'hex'], /^[0-9a-f]{32}\n$/],
      [['--version'], /^\d+\.\d+\.\d+(?:-\w+)?\n$/],
    ] as const)
      t.match(await start(t, 'entropyctl', args, env).ended, { status: 0, stdout }, args.join(' '));

    const body = '{"NumberOfBytes":32}';
    const headers = signAws({ accessKey: 'any', secretKey: 'any' }, body);
    const answer = await call({ socketPath: http, method: 'POST', headers, body });
    t.equal(answer.status, 200);
    t.equal(Buffer.from(JSON.parse(answer.body).Plaintext, 'base64').length, 32);
    t.match(await daemon.kill('SIGTERM'), { status: 0 });
  });

  await t.test('the gateway re-signs requests for an upstream', async (t) => {
    const [client, own] = ['AKIDCLIENT', 'AKIDGATEWAY'].map((accessKeyId) => ({
      accessKeyId,
      secretAccessKey: `secret of ${accessKeyId}`,
    })) as [Credentials, Credentials];
    const taken: Taken[] = [];
    const secrets = new Map([[own.accessKeyId, own.secretAccessKey]]);
    const upstream = `http://127.0.0.1:${await serve(t, createKmsDouble(secrets, taken))}`;
    const args = [
      ...['gateway', '--socket', freePath(), '--listen', '127.0.0.1:0'],
      ...['--credentials', writeKeys([client]), '--upstream', upstream, '--upstream-resign'],
    ];
    const gateway = start(t, 'entropyd', args, {
      AWS_ACCESS_KEY_ID: own.accessKeyId,
      AWS_SECRET_ACCESS_KEY: own.secretAccessKey,
    });
    const endpoint = `http://${listensOn(await gateway.says('gateway listening'))}`;
    const kms = new KMSClient({ region: 'eu-west-1', credentials: client, endpoint });
    t.teardown(() => kms.destroy());
    t.match(await kms.send(new ListKeysCommand({})), { Keys: [] });
    t.match(taken, [{ operation: 'ListKeys', accessKey: own.accessKeyId }]);
    t.match(await gateway.kill('SIGTERM'), { status: 0 });
  });

  await t.test('a TypeScript program compiles with every check, and runs', async (t) => {
    const socket = freePath();
    await start(t, 'entropyd', ['--socket', socket]).says('entropyd listening');
    writeFileSync(join(local, 'consumer.ts'), consumer);
    const compilerOptions = {
      strict: true,
      skipLibCheck: false,
      module: 'nodenext',
      target: 'es2022',
      exactOptionalPropertyTypes: true,
      // A dependency of the user's project, as in every program for Node.
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    };
    writeFileSync(
      join(local, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['consumer.ts'] }),
    );
    const compiler = new Program(t, [join(root, 'node_modules/typescript/bin/tsc')], {
      cwd: local,
    });
    t.match(await compiler.ended, { status: 0, stdout: '' });
    const env = { ...environment, ENTROPYD_SOCKET: socket };
    const program = new Program(t, [join(local, 'consumer.js')], { env });
    const { status, stdout, stderr } = await program.ended;
    t.equal(status, 0, stderr);
    t.strictSame(JSON.parse(stdout || '[]'), printed);
  });

  await t.test('a CommonJS program compiles as node16 and nodenext, and runs', async (t) => {
    const socket = freePath();
    await start(t, 'entropyd', ['--socket', socket]).says('entropyd listening');
    const folder = join(home, 'commonjs');
    mkdirSync(folder);
    symlinkSync(join(local, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    writeFileSync(
      join(folder, 'consumer.ts'),
      `import { connect, EntropyError } from 'entropyd';
import { createRequestHandler } from 'entropyd/aws-sdk';
import { createGenerator } from 'entropyd/generator';
import { createTestClient, type TestClient } from 'entropyd/testing';
import entropyd = require('entropyd');

async function main(): Promise<void> {
  const client = entropyd.connect();
  const bytes: Uint8Array = await client.random(32);
  const fake: TestClient = createTestClient({ faults: ['ERR_BUSY'] });
  const failure: unknown = await fake.random(1).catch((error: unknown) => error);
  const generator = createGenerator();
  console.log(JSON.stringify([
    bytes.length, failure instanceof EntropyError && failure.code, connect === entropyd.connect,
    typeof createRequestHandler, generator.status().state,
  ]));
  generator.close();
  await client.close();
}
void main();
`,
    );
    for (const module of ['node16', 'nodenext']) {
      const args = [
        ...['--module', module, '--strict', '--types', 'node', 'consumer.ts'],
        ...['--typeRoots', join(root, 'node_modules/@types')],
      ];
      const compiler = new Program(t, [join(root, 'node_modules/typescript/bin/tsc'), ...args], {
        cwd: folder,
      });
      t.match(await compiler.ended, { status: 0, stdout: '' }, module);
      const env = { ...environment, ENTROPYD_SOCKET: socket };
      const program = new Program(t, [join(folder, 'consumer.js')], { env });
      t.match(
        await program.ended,
        { status: 0, stdout: '[32,"ERR_BUSY",true,"function","operational"]\n' },
        module,
      );
    }
  });

  await t.test('a test suite with Jest, in CommonJS', async (t) => {
    const socket = freePath();
    await start(t, 'entropyd', ['--socket', socket]).says('entropyd listening');
    const folder = join(home, 'jest');
    cpSync(fileURLToPath(new URL('jest', import.meta.url)), folder, { recursive: true });
    const fetched = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: jestMs,
    });
    t.equal(fetched.status, 0, fetched.stderr);
    symlinkSync(join(local, 'node_modules/entropyd'), join(folder, 'node_modules/entropyd'));
    const jest = new Program(t, [join(folder, 'node_modules/jest/bin/jest.js'), '--ci'], {
      cwd: folder,
      env: { ...environment, ENTROPYD_SOCKET: socket },
      timeout: jestMs,
    });
    const { status, stderr } = await jest.ended;
    t.equal(status, 0, stderr);
    t.match(stderr, /Tests: +3 passed, 3 total/);
  });

  await t.test(
    'its install script, if it may run, finds the prebuilt addon and builds none',
    async (t) => {
      const tools = join(home, 'tools');
      mkdirSync(tools);
      const called = join(home, 'called');
      const trap = `#!/bin/sh\necho "$0 $*" >>${called}\nexit 1\n`;
      for (const name of ['cc', 'c++', 'gcc', 'g++', 'make', 'python3', 'python'])
        writeFileSync(join(tools, name), trap, { mode: 0o755 });
      symlinkSync('/usr/bin/env', join(tools, 'env'));
      const folder = join(home, 'with-scripts');
      mkdirSync(folder);
      // Newer versions of npm require the last option, older ones ignore it.
      const args = ['install', '--offline', '--foreground-scripts', '--allow-scripts=entropyd'];
      const where = ['--global', '--prefix', folder];
      const { status, stdout, stderr } = runNpm(
        [...args, ...where, tarball],
        folder,
        `${bin}:${tools}`,
      );
      t.equal(status, 0, stderr);
      t.match(stdout, /> node native\/install\.cjs/, 'it ran');
      t.notMatch(stdout + stderr, /no native addon|gyp ERR/);
      t.notOk(existsSync(called), 'no compiler was called');
      t.notOk(existsSync(join(folder, 'lib/node_modules/entropyd/build')));
    },
  );
});

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}
