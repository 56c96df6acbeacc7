import { readFileSync } from 'node:fs';
import { commandClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const curl = commandClient('curl', 'curl (Debian package curl)');

/** The commands of docs/clients.md that begin with curl, each as it stands there. */
function examples(): string[] {
  const page = readFileSync(new URL('../../../docs/clients.md', import.meta.url), 'utf8');
  // With their language, lest the end of one block is taken for the begin of another.
  return [...page.matchAll(/^```\w*\n([^`]+)^```$/gm)]
    .flatMap(([, block = '']) => block.replaceAll(/\\\n */g, '').split('\n'))
    .filter((line) => line.startsWith('curl '));
}

testWith(curl, 'every curl example of docs/clients.md gets bytes', async (t) => {
  const { port, gatewaySocketPath } = await startRealPath(t);
  const commands = examples();
  t.ok(commands.length >= 5, `${commands.length} examples`);
  for (const command of commands) {
    const here = command
      .replaceAll('127.0.0.1:8478', `127.0.0.1:${port}`)
      .replaceAll('/run/entropyd/gateway.sock', gatewaySocketPath);
    t.not(here, command, 'goes to the gateway of this test');
    const { status, stdout, stderr } = await run('sh', ['-c', `${here} --silent --show-error`]);
    t.equal(status, 0, stderr);
    t.match(stdout, /"(Plaintext|random_data|random_bytes)":"[A-Za-z0-9+/=]+"/, command);
  }
});
