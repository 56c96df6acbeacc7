import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  bindUnixSocket,
  clientSocket,
  daemonSocket,
  howToStart,
  removeStaleSocket,
} from '../../src/common/unix-socket.js';
import { leaveStaleSocket } from '../support/gateway.js';
import { setSocketVariable } from '../support/paths.js';

const system = '/run/entropyd/entropyd.sock';
const user = '/run/user/7/entropyd/entropyd.sock';

function surroundings(
  env: Record<string, string>,
  uid: number,
  systemIsThere = false,
): Parameters<typeof daemonSocket>[1] {
  return { env, uid, exists: (path) => systemIsThere && path === system };
}

const xdg = { XDG_RUNTIME_DIR: '/run/user/7' };
const both = { ...xdg, ENTROPYD_SOCKET: '/e' };

t.test('on a host with the units nobody is told to start a daemon by hand', async (t) => {
  const unit = 'systemctl start entropyd.socket';
  for (const folder of ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']) {
    const exists = (path: string) => path === `${folder}/entropyd.socket`;
    for (const [path, command] of [
      [system, unit],
      [user, unit],
      ['/srv/entropyd.sock', 'entropyd --socket /srv/entropyd.sock'],
    ] as const)
      t.equal(howToStart(path, { env: xdg, uid: 7, exists }), command, `${folder} ${path}`);
  }
  const exists = () => false;
  for (const path of [system, user])
    t.equal(howToStart(path, { env: xdg, uid: 7, exists }), `entropyd --socket ${path}`);
});

t.test('the daemon listens on the first path that is configured', async (t) => {
  for (const [option, env, uid, path] of [
    ['/o', both, 0, '/o'],
    ['/o', {}, 7, '/o'],
    [undefined, both, 0, '/e'],
    [undefined, both, 7, '/e'],
    [undefined, xdg, 0, system],
    [undefined, {}, 0, system],
    [undefined, xdg, 7, user],
    [undefined, { ...xdg, ENTROPYD_SOCKET: '' }, 7, user],
  ] as const)
    t.equal(daemonSocket(option, surroundings(env, uid)), path);
});

t.test('if no path is configured, the error names the option', async (t) => {
  for (const env of [{}, { XDG_RUNTIME_DIR: '' }, { ENTROPYD_SOCKET: '' }, { TMPDIR: '/tmp' }])
    t.throws(() => daemonSocket(undefined, surroundings(env as Record<string, string>, 7)), {
      code: 'ERR_CONFIG',
      message: /XDG_RUNTIME_DIR is not set; pass --socket PATH$/,
    });
});

t.test('a client looks for the system’s socket if it exists, then for the user’s', async (t) => {
  for (const [option, env, uid, systemIsThere, path] of [
    ['/o', both, 7, true, '/o'],
    [undefined, both, 7, true, '/e'],
    [undefined, xdg, 7, true, system],
    [undefined, xdg, 7, false, user],
    [undefined, xdg, 0, false, user],
    [undefined, {}, 7, false, system],
    [undefined, {}, 7, true, system],
  ] as const)
    t.equal(clientSocket(option, surroundings(env, uid, systemIsThere)), path);
});

t.test('by default both use the environment of this process', async (t) => {
  setSocketVariable(t, '/from/environment');
  t.equal(daemonSocket(), '/from/environment');
  t.equal(clientSocket(), '/from/environment');
});

// One directory for all tests: with a test's own name a path could exceed the 107 bytes of a
// socket's.
const dir = t.testdir({ file: 'x', link: t.fixture('symlink', 'file'), folder: {} });

function newServer(t: Test): Server {
  const server = createServer((socket) => socket.end());
  t.teardown(() => server.close());
  return server;
}

const mode = (path: string) => statSync(path).mode & 0o777;
const closed = (server: Server) => new Promise((resolve) => server.close(resolve));

t.test('a socket file has its mode from its creation, whatever the mask is', async (t) => {
  const path = join(dir, 'mode');
  for (const wanted of [0o666, 0o660, 0o600]) {
    const server = newServer(t);
    const before = process.umask();
    const binding = bindUnixSocket(server, path, wanted);
    t.equal(mode(path), wanted, 'before anything else can run');
    t.equal(process.umask(), before, 'the mask of the process is as it was');
    await binding;
    t.equal(mode(path), wanted);
    await closed(server);
    t.notOk(existsSync(path));
  }
});

t.test('no link that takes the place of a socket file is followed', async (t) => {
  const [path, victim] = [join(dir, 'swapped'), join(dir, 'victim')];
  writeFileSync(victim, 'secret', { mode: 0o600 });
  const server = newServer(t);
  const binding = bindUnixSocket(server, path, 0o666);
  renameSync(path, `${path}.aside`);
  symlinkSync(victim, path);
  const file = await binding;
  t.equal(mode(victim), 0o600, 'while it binds');
  t.throws(() => file.chmod(0o666), {
    code: 'ERR_LISTEN',
    message: /another process has replaced/,
  });
  t.equal(mode(victim), 0o600, 'when the mode changes');
  rmSync(path);
  t.throws(() => file.chmod(0o666), { code: 'ERR_LISTEN', message: /ENOENT/ });
  linkSync(victim, path);
  t.throws(() => file.chmod(0o666), { code: 'ERR_LISTEN' }, 'nor another file');
  t.equal(mode(victim), 0o600);
  await closed(server);
  t.ok(existsSync(path), 'and it is not removed');
});

t.test('the mode of a socket file can change', async (t) => {
  const path = join(dir, 'changes');
  const server = newServer(t);
  const file = await bindUnixSocket(server, path, 0o600);
  file.chmod(0o666);
  t.equal(mode(path), 0o666);
  await closed(server);
});

t.test('a server that ends leaves the socket file of another process alone', async (t) => {
  const folder = join(dir, 'shared');
  mkdirSync(folder);
  const path = join(folder, 's');
  const [first, second] = [newServer(t), newServer(t)];
  await bindUnixSocket(first, path, 0o600);
  rmSync(path);
  await bindUnixSocket(second, path, 0o600);
  const { ino } = statSync(path);
  await closed(first);
  t.equal(statSync(path).ino, ino);
  t.strictSame(readdirSync(folder), ['s'], 'nothing else is left');
  await once(connect(path), 'connect');
  await closed(second);
  t.strictSame(readdirSync(folder), []);
});

t.test('a path is bound if nobody answers there, and is not too long', async (t) => {
  const path = join(dir, 'bound');
  leaveStaleSocket(path);
  await bindUnixSocket(newServer(t), path, 0o600);
  await t.rejects(bindUnixSocket(newServer(t), path, 0o600), {
    code: 'ERR_LISTEN',
    message: /another process answers there$/,
  });
  const long = join(dir, 'x'.repeat(107));
  await t.rejects(bindUnixSocket(newServer(t), long, 0o600), {
    code: 'ERR_LISTEN',
    message: `socket path: at most 107 bytes: ${long}`,
  });
  await t.rejects(bindUnixSocket(newServer(t), join(dir, 'none', 's'), 0o600), { code: 'EACCES' });
});

t.test('the socket file of a dead process is removed', async (t) => {
  const path = join(dir, 'stale');
  leaveStaleSocket(path);
  t.ok(existsSync(path), 'before');
  await removeStaleSocket(path);
  t.notOk(existsSync(path), 'after');
});

t.test('nothing happens if there is no file', async (t) => {
  await t.resolves(removeStaleSocket(join(dir, 'none')));
});

t.test('a file that is not a socket stays', async (t) => {
  for (const name of ['file', 'link', 'folder']) {
    const path = join(dir, name);
    await t.rejects(removeStaleSocket(path), {
      code: 'ERR_LISTEN',
      message: `cannot listen on unix:${path}: a file that is not a socket is in the way`,
    });
    t.ok(existsSync(path), name);
  }
});

t.test('a socket that a process answers stays', async (t) => {
  const path = join(dir, 'live');
  const server = createServer().listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  await t.rejects(removeStaleSocket(path), {
    code: 'ERR_LISTEN',
    message: `cannot listen on unix:${path}: another process answers there`,
  });
  t.ok(existsSync(path));
});

t.test('a socket whose process is too busy to accept stays', async (t) => {
  const path = join(dir, 'busy');
  const script = `require('node:net').createServer().listen({ path: process.argv[1], backlog: 1 }, () => {
    console.log('listening');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000);
  })`;
  const busy = spawn(process.execPath, ['-e', script, path]);
  t.teardown(() => busy.kill('SIGKILL'));
  await once(busy.stdout, 'data');
  // A Unix socket's backlog of 1 holds two connections: unix(7), sk_max_ack_backlog.
  const waiting = [connect(path), connect(path)];
  t.teardown(() => waiting.map((socket) => socket.destroy()));
  await Promise.all(waiting.map((socket) => once(socket, 'connect')));
  await t.rejects(removeStaleSocket(path), {
    code: 'ERR_LISTEN',
    message: `cannot listen on unix:${path}: cannot tell whether it is in use: EAGAIN`,
  });
  t.ok(existsSync(path));
});

t.test('any other error of the file system is passed on', async (t) => {
  const path = join(dir, 'file', 's');
  await t.rejects(removeStaleSocket(path), { code: 'ENOTDIR' });
});
