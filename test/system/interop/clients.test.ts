/** The examples of docs/clients.md, run as they are printed, against the real daemon and gateway. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { freePath } from '../../support/paths.js';
import { built, Program } from '../../support/program.js';
import { boto3 } from './boto3.js';
import {
  commandsOf,
  exampleOf,
  examplesOf,
  goWith,
  here,
  node,
  nodeWith,
  runModule,
} from './examples.js';
import { type Client, commandClient, pypiClient, testWith } from './installed.js';
import { startRealPath, writeKeys } from './real-path.js';
import { run } from './run.js';

const buildHost = fileURLToPath(new URL('../../../build-host', import.meta.url));

const examples = examplesOf('clients.md');
const commands = examples
  .filter(({ language }) => language === 'sh')
  .flatMap(({ code }) => commandsOf(code));

/** The page's commands that run a program. */
const commandsWith = (program: string) =>
  commands.filter((line) => new RegExp(`^([A-Z_]+=\\S+ )*${program} `).test(line));

const bytes32 = /^[0-9a-f]{64}\n$/;

const print = {
  python: 'print(plaintext.hex())\n',
  js: "console.log(Buffer.from(Plaintext).toString('hex'));\n",
  vault: 'console.log(data.random_bytes);\n',
};

for (const [nth, over] of ['TCP', 'the Unix socket'].entries()) {
  testWith(boto3, `boto3 over ${over}`, async (t, python) => {
    const code = exampleOf(examples, { heading: 'boto3', language: 'python' }, nth) + print.python;
    const outcome = await run(python, ['-c', here(code, await startRealPath(t))]);
    t.match(outcome, { status: 0, stdout: bytes32 });
  });

  testWith(node, `AWS SDK for JavaScript v3 over ${over}`, async (t, command) => {
    const wanted = { heading: 'AWS SDK for JavaScript v3', language: 'js' };
    const code = exampleOf(examples, wanted, nth) + print.js;
    const outcome = await runModule(t, command, here(code, await startRealPath(t)));
    t.match(outcome, { status: 0, stdout: bytes32 });
  });
}

const password = /^[!-~]{24}\n$/;
const secrets = 'AWS Secrets Manager';

testWith(boto3, `${secrets} with boto3`, async (t, python) => {
  const code = `${exampleOf(examples, { heading: secrets, language: 'python' })}print(password)\n`;
  const outcome = await run(python, ['-c', here(code, await startRealPath(t))]);
  t.match(outcome, { status: 0, stdout: password });
});

testWith(node, `${secrets} with the AWS SDK for JavaScript v3`, async (t, command) => {
  const example = exampleOf(examples, { heading: secrets, language: 'js' });
  const code = `${example}console.log(RandomPassword);\n`;
  const outcome = await runModule(t, command, here(code, await startRealPath(t)));
  t.match(outcome, { status: 0, stdout: password });
});

testWith(node, 'node-vault', async (t, command) => {
  const wanted = { heading: 'Vault and OpenBao', language: 'js' };
  const code = exampleOf(examples, wanted) + print.vault;
  const outcome = await runModule(t, command, here(code, await startRealPath(t)));
  t.match(outcome, { status: 0, stdout: bytes32 });
});

testWith(commandClient('pkg-config', 'pkg-config'), 'libentropyd', async (t) => {
  const { socketPath } = await startRealPath(t);
  const folder = t.testdir({ 'key.c': exampleOf(examples, { language: 'c' }) });
  const [compile = '', ...rest] = commandsWith('cc');
  t.strictSame(rest, []);
  const script = `cd ${folder} && ${compile.replaceAll('build-host', buildHost)} && ./key`;
  const variables = { LD_LIBRARY_PATH: buildHost, ENTROPYD_SOCKET: socketPath };
  t.match(await run('sh', ['-c', script], variables), { status: 0, stdout: bytes32 });
});

testWith(pypiClient('hvac', 'hvac==2.4.0'), 'hvac', async (t, python) => {
  const wanted = { heading: 'Vault and OpenBao', language: 'python' };
  const code = `${exampleOf(examples, wanted)}print(random_bytes)\n`;
  const outcome = await run(python, ['-c', here(code, await startRealPath(t))]);
  t.match(outcome, { status: 0, stdout: /^[A-Za-z0-9+/]{43}=\n$/ });
});

const googleHeading = 'Google Cloud KMS';
const nodeGoogle = nodeWith('google');

testWith(nodeGoogle, '@google-cloud/kms', async (t, command) => {
  const code = `${exampleOf(examples, { heading: googleHeading, language: 'js' })}console.log(Buffer.from(data).toString('hex'));\n`;
  const outcome = await nodeGoogle.run(t, command, here(code, await startRealPath(t)));
  t.match(outcome, { status: 0, stdout: bytes32 });
});

testWith(
  pypiClient('google.cloud.kms', 'google-cloud-kms==3.18.0'),
  'google-cloud-kms',
  async (t, python) => {
    const code = `${exampleOf(examples, { heading: googleHeading, language: 'python' })}print(answer.data.hex())\n`;
    const outcome = await run(python, ['-c', here(code, await startRealPath(t))]);
    t.match(outcome, { status: 0, stdout: bytes32 });
  },
);

for (const [folder, heading] of [
  ['quickstart', 'Other SDKs'],
  ['google', googleHeading],
  ['vault', 'Vault and OpenBao'],
] as const) {
  const go = goWith(folder);
  testWith(go, `${heading}, in Go`, async (t, command) => {
    const code = here(exampleOf(examples, { heading, language: 'go' }), await startRealPath(t));
    t.match(await go.run(t, command, code), { status: 0, stdout: bytes32 });
  });
}

// Older ones ignore AWS_ENDPOINT_URL_KMS and services in profiles.
testWith(pypiClient('awscli', 'awscli==1.46.2'), 'every aws command', async (t, python) => {
  const path = await startRealPath(t);
  const config = join(t.testdir(), 'config');
  writeFileSync(config, here(exampleOf(examples, { language: 'ini' }), path));
  const [variables = '', ...rest] = commands.filter((line) => line.startsWith('export AWS_'));
  t.strictSame(rest, []);
  const calls = commandsWith('aws');
  t.equal(calls.length, 5);
  for (const call of calls) {
    const line = here(call, path).replace(/(^| )aws /, `$1${python} -m awscli `);
    const script = `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION
${call.includes('--profile') ? '' : variables}
${line}`;
    const { status, stdout, stderr } = await run('sh', ['-c', script], { AWS_CONFIG_FILE: config });
    t.equal(status, 0, stderr);
    t.match(stdout, /"Plaintext": "[A-Za-z0-9+/]{43}="|"RandomPassword": "[!-~]{24,}"/, call);
  }
});

const answer =
  /"?(Plaintext|data|random_data|random_bytes|value)"?:?\s*"?[A-Za-z0-9+/=_-]+"?|"RandomPassword":"[!-~]{24,}"/;
const command = (name: string, text: string): Client => ({
  ...commandClient(name, text),
  optional: true,
});

for (const [client, program, least] of [
  [commandClient('curl', 'curl (Debian package curl)'), 'curl', 11],
  [command('vault', "Vault's command"), 'vault', 2],
  [command('bao', "OpenBao's command"), 'bao', 1],
] as const)
  testWith(client, `every ${program} command`, async (t) => {
    const path = await startRealPath(t);
    const calls = commandsWith(program);
    t.equal(calls.length, least);
    for (const call of calls) {
      const line = here(call, path);
      t.not(line, call, 'goes to the gateway of this test');
      const { status, stdout, stderr } = await run('sh', ['-c', line]);
      t.equal(status, 0, stderr);
      t.match(stdout, answer, call);
    }
  });

const checkout = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const compile = promisify(execFile);

testWith(commandClient('python3', 'Python 3'), 'Python', async (t, python) => {
  const code = `${exampleOf(examples, { heading: 'Python', language: 'python' })}print(key.hex())\n`;
  const { socketPath } = await startRealPath(t);
  const outcome = await run(python, ['-c', `${code}assert state and 1 <= dice <= 6\n`], {
    ENTROPYD_SOCKET: socketPath,
    PYTHONPATH: checkout('clients/python/src'),
    PYTHONDONTWRITEBYTECODE: '1',
  });
  t.match(outcome, { status: 0, stdout: bytes32 });
});

/** Has no `--version`. */
const go: Client = {
  name: 'Go',
  command: spawnSync('go', ['version']).status === 0 ? 'go' : undefined,
  optional: true,
};

for (const [heading, language, client, source, command, args] of [
  ['Go', 'go', go, 'main.go', './example', []],
  ['Java', 'java', commandClient('javac', 'a JDK'), 'Example.java', 'java', ['Example']],
  ['Rust', 'rust', commandClient('rustc', 'Rust'), 'example.rs', './example', []],
] as const)
  testWith(client, heading, async (t, compiler) => {
    const path = await startRealPath(t);
    const folder = t.testdir({
      [source]: here(exampleOf(examples, { heading, language }), path),
      'go.mod': `module example\n\ngo 1.19\n\nrequire entropyd v0.0.0\n\nreplace entropyd => ${checkout('clients/go')}\n`,
    });
    const build = language === 'go' ? ['build', '-o', 'example', '.'] : [source];
    await compile(compiler, build, { cwd: folder });
    const line = [command, ...args].join(' ');
    const outcome = await run('sh', ['-c', `cd ${folder} && ${line}`], {
      ENTROPYD_SOCKET: path.socketPath,
    });
    t.match(outcome, { status: 0, stdout: bytes32 });
    const away = await run('sh', ['-c', `rm ${path.socketPath}; cd ${folder} && ${line}`], {
      ENTROPYD_SOCKET: path.socketPath,
    });
    t.not(away.status, 0, 'without a daemon it fails');
    t.equal(away.stdout, '');
  });

t.test('every command that starts the programs: they listen', async (t) => {
  const { socketPath } = await startRealPath(t);
  const calls = commandsWith('node');
  t.equal(calls.length, 4);
  for (const call of calls) {
    const credentials = writeKeys([{ accessKeyId: 'app', secretAccessKey: 'secret' }]);
    const gateway = call.includes(' gateway ');
    const line = here(call, { port: 0, socketPath: freePath() })
      .replace('dist/entropyd.js', built('entropyd'))
      .replace('credentials.toml', credentials);
    const script = `exec ${line}${gateway ? ` --listen 127.0.0.1:0 --socket ${socketPath}` : ''}`;
    const program = new Program(t, [], { script });
    await program.says('gateway listening');
    t.match(await program.kill('SIGTERM'), { status: 0 }, call);
  }
});

t.test(
  'every block is run by a test above, by azure-clients.test.ts or by neovim.test.ts',
  async (t) => {
    const known = new Set(['sh', 'ini', 'python', 'js', 'go', 'c', 'lua', 'java', 'rust', '']);
    t.ok(examples.every(({ language }) => known.has(language)));
    for (const [language, count] of [
      ['ini', 1],
      ['python', 7],
      ['js', 6],
      ['go', 4],
      ['c', 1],
      ['lua', 1],
      ['java', 1],
      ['rust', 1],
    ] as const)
      t.equal(examples.filter((each) => each.language === language).length, count, language);
    const run = ['aws', 'curl', 'node', 'vault', 'bao', 'cc'].flatMap(commandsWith);
    t.strictSame(
      commands.filter((line) => !line.startsWith('export ') && !run.includes(line)),
      [],
    );
  },
);
