import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { quickstart, quickstartAddress, quickstartSocket } from '../../src/entropyd/quickstart.js';
import { temporaryFolder } from '../support/paths.js';

t.test('it stays in the working folder and on loopback', async (t) => {
  t.equal(quickstartSocket, '.entropyd/entropyd.sock');
  t.equal(quickstartAddress, '127.0.0.1:8478');
});

t.test(
  'prints an answer of each API and how to call them, and serves until a signal',
  async (t) => {
    const socket = join(temporaryFolder(), 'private', 'entropyd.sock');
    const logged = t.capture(console, 'log');
    const running = quickstart({ socket, listen: '127.0.0.1:0' });
    let page = '';
    while (page === '') {
      await setTimeout(10);
      page = logged()
        .map(({ args }) => String(args[0]))
        .join('\n');
    }
    t.match(page, /^aws-kms: \{"Plaintext":"[A-Za-z0-9+/]{43}="\}$/m);
    t.match(page, /^huawei-kms: \{"random_data":"[0-9A-F]{128}"\}$/m);
    t.match(page, /^vault: \{.*"random_bytes":"[A-Za-z0-9+/]{43}="/m);
    t.match(page, /^Random bytes as HashiCorp Vault and OpenBao give them: .*\n {2}curl -X POST /m);
    const [, url] = /--endpoint-url (http:\/\/127\.0\.0\.1:\d+)$/m.exec(page) ?? [];
    t.match(page, `node dist/entropyctl.js random 32 --socket ${socket}`);
    t.match(page, `\nLook at it: ${url}/\n`);
    t.equal(statSync(dirname(socket)).mode & 0o777, 0o700, 'nobody else gets in');
    const again = await fetch(`${url}/v1.0/project/kms/gen-random`, {
      method: 'POST',
      headers: { 'X-Auth-Token': 'any' },
      body: '{"random_data_length":"512"}',
    });
    t.equal(again.status, 200, 'as the page says');
    await again.text();
    process.emit('SIGINT', 'SIGINT');
    await running;
    t.notOk(existsSync(socket));
  },
);

t.test('a Unix socket as the gateway’s address is refused before anything happens', async (t) => {
  const socket = join(temporaryFolder(), 'unused', 's');
  await t.rejects(quickstart({ socket, listen: 'unix:/s' }), {
    message: '--listen: the quick start takes HOST:PORT only: unix:/s',
  });
  t.notOk(existsSync(dirname(socket)));
});

t.test('where showing fails, everything ends', async (t) => {
  const socket = join(temporaryFolder(), 'failing', 's');
  t.intercept(globalThis, 'fetch', { value: () => Promise.reject(new TypeError('fetch failed')) });
  await t.rejects(quickstart({ socket, listen: '127.0.0.1:0' }), { message: 'fetch failed' });
  t.notOk(existsSync(socket));
  process.emit('SIGTERM', 'SIGTERM');
});
