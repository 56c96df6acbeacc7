import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { serveGateway } from '../../src/entropyd/gateway-process.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { call } from '../support/gateway.js';
import { freePath, setSocketVariable, temporaryFolder } from '../support/paths.js';
import { built, Program, startActivated } from '../support/program.js';
import { until } from '../support/until.js';

/** Status and body of GET /healthz on a Unix socket, as soon as a gateway listens there. */
function healthz(socketPath: string): ReturnType<typeof call> {
  const request = { socketPath, path: '/healthz', headers: { host: 'localhost' } };
  return until(() => call(request).catch(() => undefined), `a gateway on ${socketPath}`);
}

t.test('serves until SIGTERM, from the daemon of its socket', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const listening = freePath();
  const running = serveGateway({ listen: [`unix:${listening}`], socket: path, dialect: 'hwc' });
  t.match(await healthz(listening), { status: 200, body: /"operational"/ });
  process.emit('SIGTERM', 'SIGTERM');
  t.equal(await running, undefined);
});

t.test('the daemon need not run yet', async (t) => {
  const listening = freePath();
  setSocketVariable(t, freePath());
  const running = serveGateway({
    listen: [`unix:${listening}`],
    dialect: 'otc',
    nodeSdkErrors: true,
    pageHosts: ['pages.example'],
  });
  t.match(await healthz(listening), { status: 503, body: /"unreachable"/ });
  process.emit('SIGTERM', 'SIGTERM');
  t.equal(await running, undefined);
});

t.test('SIGHUP reloads the files that the configuration names', async (t) => {
  const listening = freePath();
  const [config, credentials] = ['config', 'credentials'].map((name) =>
    join(temporaryFolder(), `${name}.toml`),
  ) as [string, string];
  const write = (token: string) =>
    writeFileSync(credentials, `[[token]]\nname = "t"\ntoken = "${token}"\n`, { mode: 0o600 });
  write('first');
  writeFileSync(
    config,
    `[gateway]\nlisten = ["unix:${listening}"]\ncredentials = "${credentials}"\n`,
  );
  const running = serveGateway({ config, socket: freePath() });
  await healthz(listening);
  const isRefused = async (token: string) => {
    const { status } = await call({
      socketPath: listening,
      method: 'POST',
      path: '/v1.0/p/kms/gen-random',
      headers: { 'x-auth-token': token },
      body: '{"random_data_length":"512"}',
    });
    return status === 401;
  };
  t.strictSame([await isRefused('first'), await isRefused('second')], [false, true]);
  write('second');
  process.emit('SIGHUP', 'SIGHUP');
  await until(() => isRefused('first'), 'the reload');
  t.notOk(await isRefused('second'));
  process.emit('SIGTERM', 'SIGTERM');
  await running;
});

t.test('an address that other hosts can reach is refused', async (t) => {
  await t.rejects(serveGateway({ listen: ['0.0.0.0:0'], socket: freePath() }), {
    code: 'ERR_LISTEN',
  });
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('passed sockets are served instead of the default address', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const args = ['gateway', '--socket', path];
  const unix = freePath();
  const one = await startActivated(t, { path: unix }, 'entropyd-gateway', args);
  t.match(await healthz(unix), { status: 200 });
  t.match(await one.program.says('gateway listening'), `"addresses":["unix:${unix}"]`);
  t.match(await one.program.kill('SIGTERM'), { status: 0 });
  t.ok(existsSync(unix), 'the file of a passed socket stays');

  const tcp = { host: '127.0.0.1', port: 0 };
  const other = await startActivated(t, tcp, 'entropyd-gateway', args);
  await other.program.says(`"addresses":["127.0.0.1:${other.port}"]`);
  const { status } = await fetch(`http://127.0.0.1:${other.port}/healthz`);
  t.equal(status, 200);
  t.match(await other.program.kill('SIGTERM'), { status: 0 });
});

t.test('a passed socket that other hosts can reach is refused like any other', async (t) => {
  const { program } = await startActivated(t, { host: '0.0.0.0', port: 0 }, 'entropyd-gateway', [
    ...['gateway', '--socket', freePath()],
  ]);
  t.match(await program.ended, { status: 1, stderr: /refusing to listen on 0\.0\.0\.0:/ });
});

t.test('--no-open ends a gateway that nobody opened with one line, and exit code 1', async (t) => {
  const file = (text: string) => {
    const path = join(temporaryFolder(), 'entropyd.toml');
    writeFileSync(path, text);
    return path;
  };
  const args = (text: string, ...more: string[]) => [
    ...['gateway', '--config', file(text), '--socket', freePath(), '--listen', '127.0.0.1:0'],
    ...['--no-open', ...more],
  ];
  const refused = new Program(t, [built('entropyd'), ...args('')]);
  t.match(await refused.ended, {
    status: 1,
    stdout: '',
    stderr: /^[^\n]*credentials = "FILE" in \[gateway\], or access = "open"[^\n]*\n$/,
  });
  const both = new Program(t, [
    ...[built('entropyd'), ...args('[gateway]\naccess = "open"\n', '--credentials', '/x')],
  ]);
  t.match(await both.ended, { status: 1, stderr: /access = "open" contradicts credentials/ });
  const opened = new Program(t, [built('entropyd'), ...args('[gateway]\naccess = "open"\n')]);
  await opened.says('open: any well-formed signature or token is accepted');
  t.match(await opened.kill('SIGTERM'), { status: 0 });
});

t.test('by hand it starts open, and on an insecure network if told to', async (t) => {
  const start = (...args: string[]) =>
    new Program(t, [built('entropyd'), 'gateway', '--socket', freePath(), ...args]);
  const plain = start('--listen', '127.0.0.1:0');
  await plain.says('open: any well-formed signature or token is accepted');
  t.match(await plain.kill('SIGTERM'), { status: 0 });
  const insecure = start('--listen', '0.0.0.0:0', '--insecure-network');
  await insecure.says('insecure network: other hosts may use this gateway');
  t.match(await insecure.kill('SIGTERM'), { status: 0 });
});

t.test('a gateway that refuses to start lets no client of a passed socket wait', async (t) => {
  for (const [listen, text] of [
    [{ host: '127.0.0.1', port: 0 }, ''],
    [{ path: freePath() }, ''],
    [{ host: '127.0.0.1', port: 0 }, 'nonsense'],
  ] as const) {
    const config = join(temporaryFolder(), 'refused.toml');
    writeFileSync(config, text);
    const args = ['gateway', '--no-open', '--config', config, '--socket', freePath()];
    const ended: Promise<unknown>[] = [];
    const ask = async (port: number) => {
      for (let i = 0; i < 3; i++) {
        const socket = connect('path' in listen ? listen : { port });
        await once(socket, 'connect');
        socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
        socket.resume();
        ended.push(new Promise((resolve) => socket.once('close', resolve)));
      }
    };
    const { program } = await startActivated(t, listen, 'entropyd-gateway', args, ask);
    t.match(await program.ended, { status: 1 });
    await Promise.all(ended);
    t.equal(ended.length, 3, 'all are ended');
  }
});
