/** Passed sockets need a process of their own: the daemon's tests have them. */
import { existsSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddon } from '../../src/common/package.js';
import type { ListenConfig } from '../../src/config/config.js';
import { Listeners } from '../../src/server/listeners.js';
import { fakeGenerator, serverContext } from '../support/daemon.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { collect, exchange, message, open, take, takeAnswers, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

const { addon } = loadAddon();
/** This process's own user is the administrator. */
const ownRule = { uid: process.geteuid?.() ?? 0, group: undefined };

function newListeners(t: Test): Listeners {
  const listeners = new Listeners({
    context: serverContext(fakeGenerator()),
    addon,
    adminRule: () => ownRule,
  });
  t.teardown(() => listeners.close());
  return listeners;
}

const entry = (path: string, changed: Partial<ListenConfig> = {}): ListenConfig => ({
  path,
  mode: 0o600,
  protocol: 'rpc',
  admin: true,
  ...changed,
});

const mode = (path: string) => statSync(path).mode & 0o777;

/** Whether a daemon on `path` answers, and to administrators. */
async function asked(t: Test, path: string): Promise<'admin' | 'anyone'> {
  const [answer] = unpackAll(await exchange(t, path, message(1, 'reseed', [])));
  return answer?.[2] === null ? 'admin' : 'anyone';
}

t.test('a change adds and removes listeners and their modes; connections stay', async (t) => {
  const listeners = newListeners(t);
  const [first, second, third] = [freePath(), freePath(), freePath()];
  await listeners.set([entry(first), entry(second)]);
  t.strictSame(listeners.paths, [first, second]);
  const socket = await open(t, first);
  await listeners.set([entry(second, { mode: 0o666 }), entry(third)]);
  t.strictSame(listeners.paths, [second, third]);
  t.notOk(existsSync(first));
  t.strictSame([mode(second), mode(third)], [0o666, 0o600]);
  socket.write(message(1, 'random', [2]));
  t.strictSame(await takeAnswers(socket, 1), [[1, 1, null, Buffer.alloc(2, 0xaa)]]);
  const ended = collect(socket);
  await listeners.close();
  await ended;
  t.notOk(existsSync(second) || existsSync(third));
});

t.test('whether a listener has administrators can change', async (t) => {
  const listeners = newListeners(t);
  const path = freePath();
  for (const admin of [true, false, true]) {
    await listeners.set([entry(path, { admin })]);
    t.equal(await asked(t, path), admin && addon !== undefined ? 'admin' : 'anyone');
  }
});

t.test('a change that fails changes nothing', async (t) => {
  const listeners = newListeners(t);
  const [kept, added] = [freePath(), freePath()];
  await listeners.set([entry(kept)]);
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  for (const wrong of [file, join(file, 's')])
    await t.rejects(listeners.set([entry(added), entry(wrong)]), { code: 'ERR_LISTEN' });
  t.strictSame(listeners.paths, [kept]);
  t.notOk(existsSync(added));
  t.equal(await asked(t, kept), addon === undefined ? 'anyone' : 'admin');
});

t.test('a folder that cannot be made is an error, not an endless attempt', async (t) => {
  const listeners = newListeners(t);
  await t.rejects(listeners.set([entry('/proc/none/deeper/x.sock')]), {
    code: 'ERR_LISTEN',
    message: /^cannot make the socket's folder: ENOENT: .*'\/proc\/none'$/,
  });
});

t.test('a new mode is not given to a file that took the place of the socket', async (t) => {
  const listeners = newListeners(t);
  const [path, victim] = [freePath(), freePath()];
  await listeners.set([entry(path)]);
  writeFileSync(victim, 'secret', { mode: 0o600 });
  rmSync(path);
  symlinkSync(victim, path);
  await t.rejects(listeners.set([entry(path, { mode: 0o666 })]), { code: 'ERR_LISTEN' });
  t.equal(mode(victim), 0o600);
});

t.test('the directory of a socket is created, for others to enter but not to write', async (t) => {
  const listeners = newListeners(t);
  const path = join(temporaryFolder(), 'new', 'deeper', 's');
  await listeners.set([entry(path)]);
  t.equal(mode(dirname(path)) & 0o022, 0);
  t.ok(existsSync(path));
});

t.test('each socket has its protocol, which a reload changes for new connections', async (t) => {
  const context = serverContext(fakeGenerator());
  const listeners = new Listeners({ context, addon, adminRule: () => ownRule });
  t.teardown(() => listeners.close());
  const [main, egd, raw] = [freePath(), freePath(), freePath()];
  const entries = [entry(main), entry(egd, { protocol: 'egd' }), entry(raw, { protocol: 'raw' })];
  await listeners.set(entries);
  t.strictSame(context.sockets, [
    { path: main, protocol: 'rpc' },
    { path: egd, protocol: 'egd' },
    { path: raw, protocol: 'raw' },
  ]);
  t.equal(await asked(t, main), 'admin');
  const block = Buffer.from([2, 5]);
  t.strictSame(await exchange(t, egd, block), Buffer.alloc(5, 0xaa));
  t.ok((await exchange(t, raw)).length >= 4096);
  const before = await open(t, egd);
  await until(() => context.counters.egd.connectionsOpen === 1, 'the EGD connection');
  await listeners.set([entry(main), entry(egd)]);
  t.strictSame(context.sockets, [
    { path: main, protocol: 'rpc' },
    { path: egd, protocol: 'rpc' },
  ]);
  t.equal(await asked(t, egd), 'admin');
  const answer = take(before, 5);
  before.write(block);
  t.strictSame(await answer, Buffer.alloc(5, 0xaa), 'a connection keeps its protocol');
});
