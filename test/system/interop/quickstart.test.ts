/** The examples of docs/quickstart.md, run as they are, against the real daemon and gateway. */
import t, { type Test } from 'tap';
import { boto3 } from './boto3.js';
import { commandsOf, exampleOf, examplesOf, goWith, here, node, runModule } from './examples.js';
import { type Client, commandClient, pythonClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const examples = examplesOf('quickstart.md');

const go = goWith('quickstart');
const msgpack = pythonClient('msgpack', 'msgpack for Python (Debian package python3-msgpack)');

/** 32 bytes as every example but the shell's prints them. */
const printed = /^[0-9a-f]{64}\n$/;

/** The example, with the gateway and the daemon of the test. */
async function exampleHere(t: Test, heading: string, language: string) {
  const path = await startRealPath(t);
  const code = here(exampleOf(examples, { heading, language }), path);
  return { code, variables: { ENTROPYD_SOCKET: path.socketPath } };
}

const runPython = (_t: Test, python: string, code: string, variables: Record<string, string>) =>
  run(python, ['-c', code], variables);

for (const [client, heading, language, runExample] of [
  [boto3, 'Python with boto3', 'python', runPython],
  [msgpack, 'Python over the socket', 'python', runPython],
  [node, 'Node.js', 'js', runModule],
  [node, 'Node.js with the AWS SDK', 'js', runModule],
  [go, 'Go', 'go', go.run],
] as const satisfies readonly (readonly [Client, string, string, unknown])[])
  testWith(client, `${heading}: the example prints 32 bytes`, async (t, command) => {
    const { code, variables } = await exampleHere(t, heading, language);
    t.match(await runExample(t, command, code, variables), { status: 0, stdout: printed });
  });

for (const client of [
  commandClient('curl', 'curl (Debian package curl)'),
  commandClient('aws', 'the aws command (Debian package awscli)'),
])
  testWith(client, `Shell, with ${client.name}: every command gets bytes`, async (t, name) => {
    const { code, variables } = await exampleHere(t, 'Shell', 'sh');
    const lines = commandsOf(code).filter((line) => new RegExp(`^(\\w+=any )*${name} `).test(line));
    t.equal(lines.length, name === 'aws' ? 1 : 4);
    for (const line of lines) {
      const { status, stdout, stderr } = await run('sh', ['-c', line], variables);
      t.equal(status, 0, stderr);
      t.match(
        stdout,
        /"(Plaintext|random_data|random_bytes|data|value)": ?"[A-Za-z0-9+/=_-]+"/,
        line,
      );
    }
  });

t.test('every block of code with a language is run by a test above', async (t) => {
  const languages = examples.map(({ language }) => language).filter((language) => language !== '');
  t.strictSame(languages, ['sh', 'python', 'python', 'js', 'js', 'go']);
});
