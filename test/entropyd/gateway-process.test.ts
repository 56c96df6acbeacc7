import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { gateway } from '../../src/entropyd/gateway-process.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable, temporaryFolder } from '../support/paths.js';
import { startActivated } from '../support/program.js';

/** The status and body of GET /healthz on a Unix socket, once the gateway is there. */
async function healthz(socketPath: string): Promise<{ status: number; body: string }> {
  for (let tries = 0; ; tries++) {
    try {
      return await new Promise((resolve, reject) => {
        request({ socketPath, path: '/healthz', headers: { host: 'localhost' } }, async (answer) =>
          resolve({ status: answer.statusCode ?? 0, body: await text(answer) }),
        )
          .on('error', reject)
          .end();
      });
    } catch (error) {
      if (tries === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

t.test('serves until SIGTERM, from the daemon of its socket', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const listening = freePath();
  const running = gateway({
    listen: [`unix:${listening}`],
    socket: path,
    dialect: 'hwc',
  });
  t.match(await healthz(listening), { status: 200, body: /"operational"/ });
  process.emit('SIGTERM', 'SIGTERM');
  t.equal(await running, undefined);
});

t.test('the daemon need not be there yet', async (t) => {
  const listening = freePath();
  setSocketVariable(t, freePath());
  const running = gateway({
    listen: [`unix:${listening}`],
    dialect: 'otc',
    nodeSdkErrors: true,
    pageHost: ['pages.example'],
  });
  t.match(await healthz(listening), { status: 503, body: /"unreachable"/ });
  process.emit('SIGTERM', 'SIGTERM');
  t.equal(await running, undefined);
});

t.test('SIGHUP at any time is no end, and reloads what the configuration names', async (t) => {
  const listening = freePath();
  const [config, credentials] = ['config', 'credentials'].map((name) =>
    join(temporaryFolder(), `${name}.toml`),
  ) as [string, string];
  writeFileSync(credentials, '', { mode: 0o600 });
  writeFileSync(
    config,
    `[gateway]\nlisten = ["unix:${listening}"]\ncredentials = "${credentials}"\n`,
  );
  const before = process.listenerCount('SIGHUP');
  const running = gateway({ config, socket: freePath() });
  t.equal(process.listenerCount('SIGHUP'), before + 1);
  process.emit('SIGHUP', 'SIGHUP');
  t.match(await healthz(listening), { status: 503 });
  process.emit('SIGHUP', 'SIGHUP');
  t.match(await healthz(listening), { status: 503 });
  process.emit('SIGTERM', 'SIGTERM');
  await running;
  t.equal(process.listenerCount('SIGHUP'), before);
});

t.test('an address that other hosts reach is refused', async (t) => {
  await t.rejects(gateway({ listen: ['0.0.0.0:0'], socket: freePath() }), { code: 'ERR_LISTEN' });
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('sockets that were passed are served instead of the default address', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const args = ['gateway', '--socket', path];
  const unix = freePath();
  const one = await startActivated(t, { path: unix }, 'entropyd-gateway', args);
  t.match(await healthz(unix), { status: 200 });
  t.match(await one.program.says('gateway listening'), `"addresses":["unix:${unix}"]`);
  t.match(await one.program.kill('SIGTERM'), { status: 0 });
  t.ok(existsSync(unix), 'whose file stays');

  const tcp = { host: '127.0.0.1', port: 0 };
  const other = await startActivated(t, tcp, 'entropyd-gateway', args);
  await other.program.says(`"addresses":["127.0.0.1:${other.port}"]`);
  const { status } = await fetch(`http://127.0.0.1:${other.port}/healthz`);
  t.equal(status, 200);
  t.match(await other.program.kill('SIGTERM'), { status: 0 });
});

t.test('a passed socket that other hosts reach is refused like any other', async (t) => {
  const { program } = await startActivated(t, { host: '0.0.0.0', port: 0 }, 'entropyd-gateway', [
    ...['gateway', '--socket', freePath()],
  ]);
  t.match(await program.ended, { status: 1, stderr: /refusing to listen on 0\.0\.0\.0:/ });
});
