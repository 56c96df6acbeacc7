import { once } from 'node:events';
import { existsSync, rmSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { defaultGatewayLimits } from '../../src/config/config.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import { Connections } from '../../src/gateway/connections.js';
import { closeListeners, listen, openListener } from '../../src/gateway/listener.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';
import { loadTls } from '../../src/gateway/tls-files.js';
import { makeCertificate } from '../support/certificates.js';
import { call, leaveStaleSocket, memoryLog } from '../support/gateway.js';
import { until } from '../support/until.js';

// One directory for all: below a test's own name a path can pass the 107 bytes that a socket may have.
const dir = t.testdir({ file: 'x' });

function newServer(t: Test): Server {
  const server = createServer();
  t.teardown(() => server.close());
  return server;
}

t.test('says which address was bound, with the port that the kernel chose', async (t) => {
  t.match(
    await listen(newServer(t), { host: '127.0.0.1', port: 0 }, ['TLS']),
    /^127\.0\.0\.1:[1-9]\d*$/,
  );
  t.match(
    await listen(newServer(t), { host: 'localhost', port: 0 }, ['TLS']),
    /^(127.*|\[::1\]):[1-9]\d*$/,
  );
});

t.test('judges the address really bound: all but loopback is refused and closed', async (t) => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((address) => address !== undefined && !address.internal && address.family === 'IPv4');
  for (const host of ['0.0.0.0', '0', ...(own ? [own.address] : [])]) {
    const server = newServer(t);
    await t.rejects(
      listen(server, { host, port: 0 }, ['TLS']),
      {
        code: 'ERR_LISTEN',
        message: /^refusing to listen on \S+: other hosts can reach it, which takes TLS; /,
      },
      host,
    );
    t.notOk(server.listening, `${host}: closed`);
  }
});

t.test('other hosts may reach it when nothing is missing', async (t) => {
  for (const [missing, allowed] of [
    [[], true],
    [['TLS'], false],
    [['TLS', 'a credentials file'], false],
  ] as const) {
    const listening = listen(newServer(t), { host: '0.0.0.0', port: 0 }, missing);
    if (allowed) t.match(await listening, /^0\.0\.0\.0:\d+$/);
    else await t.rejects(listening, { message: `which takes ${missing.join(' and ')}; ` });
  }
});

t.test('says in one line why it cannot listen', async (t) => {
  const taken = await listen(newServer(t), { host: '127.0.0.1', port: 0 }, ['TLS']);
  const port = Number(taken.split(':')[1]);
  for (const [address, message] of [
    [
      { host: '127.0.0.1', port },
      `cannot listen on ${taken}: already in use; --listen chooses another`,
    ],
    [
      { path: join(dir, 'none', 's') },
      `cannot listen on unix:${dir}/none/s: permission denied, or the directory does not exist`,
    ],
    [
      { path: join(dir, 'file') },
      `cannot listen on unix:${dir}/file: a file that is not a socket is in the way`,
    ],
    [
      { host: '203.0.113.1', port: 0 },
      'cannot listen on 203.0.113.1:0: this host has no such address',
    ],
  ] as const)
    await t.rejects(
      listen(newServer(t), address, ['TLS']),
      { code: 'ERR_LISTEN', message },
      message,
    );
  await t.rejects(
    listen(newServer(t), { path: join(dir, 'file', 's') }, ['TLS']),
    { code: 'ERR_LISTEN', message: /^cannot listen on unix:.*ENOTDIR/, cause: { code: 'ENOTDIR' } },
    'an error that has no words of ours',
  );
});

t.test('makes a socket file of mode 0660 that goes when the server closes', async (t) => {
  const path = join(dir, 'mode');
  const server = newServer(t);
  t.equal(await listen(server, { path }, ['TLS']), `unix:${path}`);
  t.equal(statSync(path).mode & 0o777, 0o660);
  await new Promise((resolve) => server.close(resolve));
  t.notOk(existsSync(path));
});

t.test('leaves a socket file alone that another process put in its place', async (t) => {
  const path = join(dir, 'replaced');
  const [first, second] = [newServer(t), newServer(t)];
  await listen(first, { path }, ['TLS']);
  rmSync(path);
  await listen(second, { path }, ['TLS']);
  await new Promise((resolve) => first.close(resolve));
  t.ok(existsSync(path));
  await new Promise((resolve) => second.close(resolve));
  t.notOk(existsSync(path));
});

t.test('replaces a stale socket file, never a live one or another file', async (t) => {
  const path = join(dir, 'stale');
  leaveStaleSocket(path);
  await listen(newServer(t), { path }, ['TLS']);
  await t.rejects(listen(newServer(t), { path }, ['TLS']), {
    code: 'ERR_LISTEN',
    message: /answers there$/,
  });
  await t.rejects(listen(newServer(t), { path: join(dir, 'file') }, ['TLS']), {
    code: 'ERR_LISTEN',
  });
  t.ok(existsSync(path) && existsSync(join(dir, 'file')));
});

t.test('an open address serves its connections, and ends them after the grace', async (t) => {
  const counters = new GatewayCounters([]);
  const log = memoryLog();
  const connections = new Connections(defaultGatewayLimits, counters, log);
  const [one, two] = [makeCertificate(dir, 'one'), makeCertificate(dir, 'two')];
  const transports: string[] = [];
  const common = {
    handler: {
      listener: (transport: string) => {
        transports.push(transport);
        return (_: unknown, response: ServerResponse) => void response.end(transport);
      },
    },
    malformed: createMalformedResponse([]),
    ...{ connections, tls: await loadTls(one), missing: ['TLS'] },
  };
  const path = join(dir, 'tracked');
  const listeners = [
    await openListener({ host: '127.0.0.1', port: 0 }, common),
    await openListener({ path }, common),
  ] as const;
  const [tcp] = listeners;
  t.strictSame(transports, ['tcp', 'unix']);
  const port = Number(tcp.address.split(':')[1]);
  t.equal((await call({ port, ca: one.ca })).body, 'tcp', 'with TLS');
  t.equal((await call({ socketPath: path })).body, 'unix', 'without');
  for (const { renew } of listeners) renew(await loadTls(two));
  t.equal((await call({ port, ca: two.ca })).body, 'tcp', 'another certificate');
  await until(() => connections.size === 0, 'they are closed');
  const silent = connect({ port });
  await once(silent, 'connect');
  await until(() => connections.size === 1, 'it is accepted');
  t.match(counters, { connections: 4, connectionsRefused: 0 });
  const code = 'EMFILE';
  t.doesNotThrow(() => tcp.server.emit('error', Object.assign(new Error('accept'), { code })));
  t.match(log.records, [{ level: 'warn', message: 'cannot accept a connection', code }]);
  t.equal(counters.acceptErrors, 1);
  const ended = once(silent, 'close');
  let end = () => {};
  const grace = new Promise<void>((resolve) => {
    end = resolve;
  });
  const closed = closeListeners(listeners, connections, grace);
  await t.rejects(call({ port, ca: two.ca }), { code: 'ECONNREFUSED' }, 'at once');
  t.notOk(silent.destroyed, 'within the grace');
  silent.resume().on('error', () => {});
  end();
  await closed;
  await ended;
  t.notOk(existsSync(path));
});
