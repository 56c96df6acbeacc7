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
  t.match(text, /^google-kms: \{"data":"[A-Za-z0-9+/]{43}=","dataCrc32c":"\d+"\}$/m);
  t.match(text, /^vault: \{.*"random_bytes":"[A-Za-z0-9+/]{43}="/m);
  t.match(text, /^azure-managed-hsm: \{"value":"[\w-]{43}"\}$/m);
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

t.test('other hosts and an upstream only with --insecure-network', async (t) => {
  const socket = join(temporaryFolder(), 'local', 's');
  for (const [flags, message] of [
    [{ listen: '0.0.0.0:0' }, /^refusing to listen on 0.* a gateway of its own/],
    [{ listen: '127.0.0.1:0', upstream: 'http://127.0.0.1:9' }, /credentials/],
  ] as const)
    await t.rejects(quickstart({ socket, ...flags }), { message });

  const printed = t.capture(console, 'log');
  const [listen, upstream] = ['127.0.0.1:0', 'http://127.0.0.1:9'];
  const flags = { upstream, dialect: 'hwc', pageHosts: ['entropyd'] } as const;
  const running = quickstart({ socket, listen, insecureNetwork: true, ...flags });
  const [call] = await until(() => {
    const calls = printed();
    return calls.length > 0 && calls;
  }, 'its output');
  const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(String(call?.args[0])) ?? [];
  const forwarded = await fetch(`${url}/`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'TrentService.CreateKey',
      'X-Amz-Date': '20260101T000000Z',
      Authorization:
        'AWS4-HMAC-SHA256 Credential=any/20260101/x/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=00',
    },
    body: '{}',
  });
  t.match(await forwarded.text(), /DependencyTimeoutException.*behind this gateway/);
  const short = await fetch(`${url}/v1.0/project/kms/gen-random`, {
    method: 'POST',
    headers: { 'X-Auth-Token': 'any' },
    body: '{"random_data_length":"8"}',
  });
  t.match(await short.json(), { random_data: /^[0-9A-F]{2}$/ });
  process.emit('SIGINT', 'SIGINT');
  await running;
});

t.test('if it cannot show an answer, everything ends', async (t) => {
  const socket = join(temporaryFolder(), 'failing', 's');
  t.intercept(globalThis, 'fetch', { value: () => Promise.reject(new TypeError('fetch failed')) });
  await t.rejects(quickstart({ socket, listen: '127.0.0.1:0' }), { message: 'fetch failed' });
  t.notOk(existsSync(socket));
  process.emit('SIGTERM', 'SIGTERM');
});
