/** The examples of docs/quickstart.md, run as they are, against the real daemon and gateway. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { boto3 } from './boto3.js';
import { type Client, commandClient, pythonClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const page = readFileSync(new URL('../../../docs/quickstart.md', import.meta.url), 'utf8');
const goModule = fileURLToPath(new URL('quickstart', import.meta.url));

const msgpack = pythonClient('msgpack', 'msgpack for Python (Debian package python3-msgpack)');
/** Compiling the SDK takes half a minute where no build has been cached. */
const goBuildMs = 300_000;

/** Fetches what the cache lacks; fails without Go and without a way to its modules. */
const goModules = spawnSync('go', ['mod', 'download'], { cwd: goModule, timeout: goBuildMs });
const go: Client = {
  name: 'go 1.24, and the modules of test/system/interop/quickstart/go.mod',
  command: goModules.status === 0 ? 'go' : undefined,
};

/** 32 bytes as every example but the shell's prints them. */
const printed = /^[0-9a-f]{64}\n$/;

/** The code below a heading of the page. */
function example(heading: string): string {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const [, code] = /^```\w+\n(.+?)^```$/ms.exec(section) ?? [];
  if (code === undefined) throw new Error(`docs/quickstart.md: no example below "${heading}"`);
  return code;
}

/** The example, with the gateway and the daemon of the test. */
async function exampleHere(t: Test, heading: string) {
  const { port, socketPath } = await startRealPath(t);
  const code = example(heading).replaceAll('127.0.0.1:8478', `127.0.0.1:${port}`);
  return { code, variables: { ENTROPYD_SOCKET: socketPath } };
}

function testPrinted(
  client: Client,
  heading: string,
  run: (
    t: Test,
    command: string,
    code: string,
    variables: Record<string, string>,
  ) => Promise<object>,
): void {
  testWith(client, `${heading}: the example prints 32 bytes`, async (t, command) => {
    const { code, variables } = await exampleHere(t, heading);
    t.match(await run(t, command, code, variables), { status: 0, stdout: printed });
  });
}

for (const [client, heading] of [
  [boto3, 'Python with boto3'],
  [msgpack, 'Python over the socket'],
] as const)
  testPrinted(client, heading, (_t, python, code, variables) =>
    run(python, ['-c', code], variables),
  );

const node: Client = { name: 'node', command: process.execPath };
// Below this folder of fixtures `entropyd` is the package itself.
for (const heading of ['Node.js', 'Node.js with the AWS SDK'])
  testPrinted(node, heading, (t, command, code, variables) =>
    run(command, [join(t.testdir({ 'example.mjs': code }), 'example.mjs')], variables),
  );

testPrinted(go, 'Go', async (t, command, code, variables) => {
  const dir = t.testdir({
    'main.go': code,
    'go.mod': readFileSync(join(goModule, 'go.mod'), 'utf8'),
    'go.sum': readFileSync(join(goModule, 'go.sum'), 'utf8'),
  });
  // The versions and their hashes are those of go.sum.
  await promisify(execFile)(command, ['build', '-mod=readonly', '-o', 'example', '.'], {
    cwd: dir,
    timeout: goBuildMs,
  });
  return run(join(dir, 'example'), [], variables);
});

for (const client of [
  commandClient('curl', 'curl (Debian package curl)'),
  commandClient('aws', 'the aws command (Debian package awscli)'),
])
  testWith(client, `Shell, with ${client.name}: every command gets bytes`, async (t, name) => {
    const { code, variables } = await exampleHere(t, 'Shell');
    const lines = code.split('\n').filter((line) => new RegExp(`^(\\w+=any )*${name} `).test(line));
    t.equal(lines.length, name === 'aws' ? 1 : 2);
    for (const line of lines) {
      const { status, stdout, stderr } = await run('sh', ['-c', line], variables);
      t.equal(status, 0, stderr);
      t.match(stdout, /"(Plaintext|random_data|random_bytes)": ?"[A-Za-z0-9+/=]+"/, line);
    }
  });

t.test('every block of code with a language is run by a test above', async (t) => {
  const blocks = [...page.matchAll(/^```(\w+)$/gm)].map(([, language]) => language);
  t.strictSame(blocks, ['sh', 'python', 'python', 'js', 'js', 'go']);
});
