import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { clientSocket, daemonSocket, removeStaleSocket } from '../../src/common/unix-socket.js';
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
