import t from 'tap';
import { clientSocket, daemonSocket } from '../src/socket-path.js';
import { setSocketVariable } from './support.js';

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

t.test('the daemon listens at the first place that is named', async (t) => {
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

t.test('with no place for the socket the error names the option', async (t) => {
  for (const env of [{}, { XDG_RUNTIME_DIR: '' }, { ENTROPYD_SOCKET: '' }, { TMPDIR: '/tmp' }])
    t.throws(() => daemonSocket(undefined, surroundings(env as Record<string, string>, 7)), {
      code: 'ERR_CONFIG',
      message: /--socket PATH/,
    });
});

t.test('a client looks at the system’s socket where it is there, then at the user’s', async (t) => {
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

t.test('by default both look at this process', async (t) => {
  setSocketVariable(t, '/from/environment');
  t.equal(daemonSocket(), '/from/environment');
  t.equal(clientSocket(), '/from/environment');
});
