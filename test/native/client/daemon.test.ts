/** libentropyd with the real daemon: bytes, health, restarts, threads, forks. */
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { untilAnswers } from '../../support/daemon.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { built, Program, startDaemonProgram } from '../../support/program.js';
import { builtLibrary, ClientProgram } from './program.js';

const resistant = 1;

async function startBoth(t: Test) {
  const daemon = await startDaemonProgram(t);
  return { daemon, client: new ClientProgram(t, daemon.path) };
}

t.test('any number of bytes is filled, all of them and no others', async (t) => {
  const { client } = await startBoth(t);
  for (const [size, flags] of [
    [1, 0],
    [32, 0],
    [33, resistant],
    [64 * 1024 + 1, resistant],
    [4096, 0],
    [1024 * 1024, 0],
    [1024 * 1024 + 1, 0],
    [5 * 1024 * 1024 + 3, 0],
  ] as const)
    t.match(
      await client.say(`get ${size} ${flags}`),
      new RegExp(`^ok [0-9a-f]{${2 * Math.min(size, 64)}}$`),
      `${size} bytes, flags ${flags}`,
    );
  t.equal(await client.say('get 0 0'), 'ok');
  t.not(await client.say('get 32 0'), await client.say('get 32 0'));
  t.equal(await client.say('sockets'), '1', 'one connection for all');
  t.match(await client.end(), { status: 0, stderr: '' });
});

t.test('arguments out of range are EINVAL, and need no daemon', async (t) => {
  const client = new ClientProgram(t, '/nonexistent');
  t.equal(await client.say('arguments'), '6 of 6, ok');
});

t.test('health is a state, and a reason that fits', async (t) => {
  const { client } = await startBoth(t);
  t.match(await client.say('health 512'), /^ok [1-5] \d+( [ -~]+)?$/);
  t.match(await client.say('health 0'), /^ok [1-5]$/);
  t.match(await client.say('health 1'), /^ok [1-5] 0$/);
});

t.test('without a daemon every call fails, and leaves zeros', async (t) => {
  for (const [path, error] of [
    [freePath(), 'ENOENT'],
    [`/${'a'.repeat(107)}`, 'ENAMETOOLONG'],
    [`/${'a'.repeat(106)}`, 'ENOENT'],
    ['/dev/null', 'ECONNREFUSED'],
  ] as const) {
    const client = new ClientProgram(t, path);
    t.equal(await client.say('get 32 0'), `${error} wiped`, path);
    t.equal(await client.say('get 2097152 1'), `${error} wiped`);
    t.equal(await client.say('health 64'), `${error} -1 0`);
    t.equal(await client.say('sockets'), '0');
  }
});

t.test(
  'the daemon is found in the runtime directory, unless there is one of the system',
  async (t) => {
    const { daemon } = await startBoth(t);
    const folder = join(temporaryFolder(), 'runtime');
    mkdirSync(join(folder, 'entropyd'), { recursive: true });
    symlinkSync(daemon.path, join(folder, 'entropyd/entropyd.sock'));
    const system = existsSync('/run/entropyd/entropyd.sock');
    if (system) t.comment('this host has a socket of the system');
    const client = new ClientProgram(t, '', { XDG_RUNTIME_DIR: folder });
    if (!system) t.match(await client.say('get 32 0'), /^ok /);
    const lost = new ClientProgram(t, undefined, { XDG_RUNTIME_DIR: '' });
    if (!system) t.equal(await lost.say('get 32 0'), 'ENOENT wiped');
    const chosen = new ClientProgram(t, daemon.path, { XDG_RUNTIME_DIR: '/nonexistent' });
    t.match(await chosen.say('get 32 0'), /^ok /);
  },
);

t.test('a daemon that was restarted is connected to again', async (t) => {
  const { daemon, client } = await startBoth(t);
  t.match(await client.say('threads 4 20'), /^80 drawn, 0 equal, 0 failed/);
  await daemon.kill('SIGKILL');
  t.match(await client.say('get 32 0'), /^E(NOENT|CONNREFUSED) wiped$/);
  new Program(t, [built('entropyd'), '--socket', daemon.path]);
  await untilAnswers(daemon.path);
  t.match(await client.say('get 32 0'), /^ok /);
  t.match(await client.say('health 0'), /^ok /);
});

t.test('threads draw at the same time, and eight connections at most are kept', async (t) => {
  const { client } = await startBoth(t);
  t.match(await client.say('threads 16 100'), /^1600 drawn, 0 equal, 0 failed, [1-8] kept$/);
});

t.test('a child has no connection of its parent, and neither has the same bytes', async (t) => {
  const { daemon, client } = await startBoth(t);
  t.equal(await client.say('fork 20 0'), '41 drawn, 0 equal, 0 failed, 0 inherited');
  const beside = await client.say('fork 40 4');
  const [, inherited] = /^\d+ drawn, 0 equal, 0 failed, (\d+) inherited$/.exec(beside) ?? [];
  // The children would have some four each; a socket that a thread was just opening stays open in one.
  t.ok(Number(inherited) < 40, beside);
  const unseen = new ClientProgram(t, daemon.path);
  const said = '41 drawn, 0 equal, 0 failed, 20 inherited';
  t.equal(await unseen.say('unseen 20 0'), said, 'nor uses it, if no handler closed it');
});

t.test('a descriptor that has become another file is left alone', async (t) => {
  const { client } = await startBoth(t);
  t.equal(await client.say('foreign'), '2 drawn, 0 equal, 0 failed, untouched');
  t.match(await client.say('get 32 0'), /^ok /);
});

t.test('neither signals nor a cancellation end a call', async (t) => {
  const { client } = await startBoth(t);
  t.match(await client.say('signals 8388608'), /^ok [0-9a-f]{128}$/);
  t.equal(await client.say('cancel'), 'whole, then canceled');
});

t.test('the library can be unloaded, and leaves no connection and no handler', async (t) => {
  const { client } = await startBoth(t);
  // Not the file that the program has loaded already.
  const copy = join(temporaryFolder(), 'copy.so');
  copyFileSync(builtLibrary(), copy);
  t.equal(await client.say(`unload ${copy}`), 'ok, 1 more, 0 more, child 0');
});
