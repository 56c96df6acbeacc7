import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { quickstart, quickstartAddress, quickstartSocket } from '../../src/entropyd/quickstart.js';
import { temporaryFolder } from '../support/paths.js';
import { until } from '../support/until.js';

t.test('by default it stays in the working directory and on loopback', async (t) => {
  t.equal(quickstartSocket, '.entropyd/entropyd.sock');
  t.equal(quickstartAddress, '127.0.0.1:8478');
});

t.test('prints answers and the examples of the gateway’s page, then serves', async (t) => {
  const socket = join(temporaryFolder(), 'private', 'entropyd.sock');
  const printed = t.capture(console, 'log');
  const running = quickstart({ socket, listen: '127.0.0.1:0' });
  const [call] = await until(() => {
    const calls = printed();
    return calls.length > 0 && calls;
  }, 'its output');
  const text = String(call?.args[0]);
  t.match(text, /^aws-kms: \{"Plaintext":"[A-Za-z0-9+/]{43}="\}$/m);
  t.match(text, /^huawei-kms: \{"random_data":"[0-9A-F]{128}"\}$/m);
  t.match(text, /^vault: \{.*"random_bytes":"[A-Za-z0-9+/]{43}="/m);
  t.match(text, /\n\nCall it:\n\n/);
  const [, url] = /--endpoint-url (http:\/\/127\.0\.0\.1:\d+)$/m.exec(text) ?? [];
  t.match(text, `\n  node dist/entropyctl.js random 32 --socket ${socket}\n`);
  t.match(text, `\nLook at it: ${url}/\n`);
  t.match(text, /\n\nServing until Ctrl-C\.$/);

  const page = await (await fetch(`${url}/`)).text();
  const commands = page.match(/^ {2}\S.*$/gm) ?? [];
  t.ok(commands.length >= 4, `${commands.length} commands`);
  t.strictSame(
    commands.filter((command) => !text.includes(`\n${command}\n`)),
    [],
    'every command of the page is printed',
  );
  t.notMatch(text, /metrics/, 'and nothing else of it');
  t.equal(statSync(dirname(socket)).mode & 0o777, 0o700, 'nobody else gets in');
  const answer = await fetch(`${url}/v1.0/project/kms/gen-random`, {
    method: 'POST',
    headers: { 'X-Auth-Token': 'any' },
    body: '{"random_data_length":"512"}',
  });
  t.equal(answer.status, 200, 'it serves');
  await answer.text();
  process.emit('SIGINT', 'SIGINT');
  await running;
  t.notOk(existsSync(socket));
});

t.test('a Unix socket as the gateway’s address is refused before anything happens', async (t) => {
  const socket = join(temporaryFolder(), 'unused', 's');
  await t.rejects(quickstart({ socket, listen: 'unix:/s' }), {
    message: '--listen: the quick start takes HOST:PORT only: unix:/s',
  });
  t.notOk(existsSync(dirname(socket)));
});

t.test('if it cannot show an answer, everything ends', async (t) => {
  const socket = join(temporaryFolder(), 'failing', 's');
  t.intercept(globalThis, 'fetch', { value: () => Promise.reject(new TypeError('fetch failed')) });
  await t.rejects(quickstart({ socket, listen: '127.0.0.1:0' }), { message: 'fetch failed' });
  t.notOk(existsSync(socket));
  process.emit('SIGTERM', 'SIGTERM');
});
