import { chmodSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  connectError,
  lostError,
  ReconnectingSocket,
} from '../../src/client/reconnecting-socket.js';
import { startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';

/** A connector, and what it told, in order; `again` is what it hears when it is lost. */
function connector(t: Test, path: string, again = () => false) {
  const told: unknown[] = [];
  const made = new ReconnectingSocket(path, {
    connected: () => told.push(['connected', made.socket !== undefined]),
    data: (data) => told.push(['data', data.toString()]),
    lost: () => {
      const wanted = again();
      told.push(['lost', wanted, made.socket !== undefined]);
      return wanted;
    },
    failed: (error) => told.push(['failed', error]),
  });
  t.teardown(() => made.drop());
  const tells = async (count: number) => {
    while (told.length < count) await setTimeout(1);
    return told.splice(0);
  };
  return { connector: made, told, tells };
}

t.test('it connects when it is opened, once', async (t) => {
  let connections = 0;
  const { path } = await startFake(t, () => connections++);
  const { connector: to, told, tells } = connector(t, path);
  t.equal(to.socket, undefined);
  to.open();
  to.open();
  t.equal(to.socket, undefined, 'not connected yet');
  t.strictSame(await tells(1), [['connected', true]]);
  to.open();
  await setTimeout(5);
  t.strictSame(told, []);
  t.equal(connections, 1);
});

t.test('bytes are passed on both ways', async (t) => {
  const { path } = await startFake(t, (socket) => socket.on('data', (data) => socket.write(data)));
  const { connector: to, tells } = connector(t, path);
  to.open();
  await tells(1);
  to.socket?.write('hello');
  t.strictSame(await tells(1), [['data', 'hello']]);
});

t.test('an idle connection stays, and keeps no process alive', async (t) => {
  const alive = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
  const { path } = await startFake(t, (socket) => socket.on('data', (data) => socket.write(data)));
  const { connector: to, tells } = connector(t, path);
  to.idle();
  to.open();
  await tells(1);
  to.socket?.write('hello');
  await tells(1);
  const before = alive();
  to.idle();
  t.equal(before - alive(), 1);
  to.socket?.ref().write('hello');
  t.strictSame(await tells(1), [['data', 'hello']]);
});

t.test('a connection that is dropped is told of, and open makes the next', async (t) => {
  const { path } = await startFake(t, (socket) => socket.resume());
  const { connector: to, tells } = connector(t, path);
  for (let i = 0; i < 2; i++) {
    to.open();
    await tells(1);
    to.drop();
    t.equal(to.socket, undefined, 'at once');
    t.strictSame(await tells(1), [['lost', false, false]]);
  }
});

t.test('a first connection that fails is not tried again', async (t) => {
  const path = freePath();
  const { connector: to, told, tells } = connector(t, path, () => true);
  for (let i = 0; i < 2; i++) {
    to.open();
    t.match(await tells(1), [['failed', { code: 'ERR_CONNECT', cause: { code: 'ENOENT' } }]]);
  }
  to.open();
  to.drop();
  t.match(await tells(1), [['failed', { code: 'ERR_CONNECT', cause: undefined }]], 'dropped');
  await setTimeout(50);
  t.strictSame(told, []);
});

t.test(
  'after a loss it connects again, after a pause that its jitter halves at most',
  async (t) => {
    const times: number[] = [];
    const { path } = await startFake(t, (socket, count) => {
      times.push(performance.now());
      if (count < 4) socket.destroy();
    });
    const { connector: to, tells } = connector(t, path, () => true);
    to.open();
    const told = (await tells(7)) as unknown[][];
    t.strictSame(
      told.map(([what]) => what),
      ['connected', 'lost', 'connected', 'lost', 'connected', 'lost', 'connected'],
    );
    // Timers count in whole milliseconds.
    for (const [i, least] of [12, 25, 50].entries()) {
      const pause = (times[i + 1] as number) - (times[i] as number);
      t.ok(pause >= least - 1, `pause ${i + 1}: ${pause} ms`);
    }
  },
);

t.test('while it waits for the next try, open is content, and idle or drop end it', async (t) => {
  for (const end of ['idle', 'drop'] as const) {
    const sockets: Socket[] = [];
    const { path } = await startFake(t, (socket) => sockets.push(socket));
    const { connector: to, told, tells } = connector(t, path, () => true);
    to.open();
    await tells(1);
    while (sockets.length === 0) await setTimeout(1);
    sockets[0]?.destroy();
    t.strictSame(await tells(1), [['lost', true, false]]);
    to.open();
    to[end]();
    await setTimeout(60);
    t.strictSame(told, [], `${end}: no other connection`);
    to.open();
    t.strictSame(await tells(1), [['connected', true]]);
  }
});

t.test('it gives up after twelve tries, and begins anew when it is opened', async (t) => {
  const fake = await startFake(t, (socket) => socket.destroy());
  const { connector: to, tells } = connector(t, fake.path, () => true);
  const start = performance.now();
  to.open();
  await tells(2);
  await fake.close();
  const told = (await tells(13)) as unknown[][];
  t.strictSame(told.pop(), ['failed', lostError(fake.path)]);
  t.ok(told.every(([what]) => what === 'lost' || what === 'connected'));
  // 25 + 50 + ... + 400 + 7 * 800 ms, half of it at least.
  t.ok(performance.now() - start >= 6375 / 2 - 13);
  to.open();
  t.match(await tells(1), [['failed', { code: 'ERR_CONNECT' }]]);
});

t.test('a daemon that answers is worth all tries again', async (t) => {
  let losses = 0;
  const { path } = await startFake(t, (socket) => socket.end('x'));
  const { connector: to, told } = connector(t, path, () => ++losses < 20);
  to.open();
  while (losses < 20) await setTimeout(5);
  t.notOk(told.some((entry) => (entry as unknown[])[0] === 'failed'));
});

t.test('a failed connection says what is missing, and what helps', async (t) => {
  const start = (reason: string) =>
    `no daemon on /s (${reason}); start one with: entropyd --socket /s`;
  for (const [code, message] of [
    ['ENOENT', start('ENOENT')],
    ['ECONNREFUSED', start('ECONNREFUSED')],
    [undefined, start('closed')],
    [
      'EACCES',
      'no permission to connect to /s (EACCES); ' +
        'it takes write permission on the socket and search permission on its directories',
    ],
  ] as const) {
    const cause = code && Object.assign(new Error('x'), { code });
    t.match(connectError('/s', cause), { code: 'ERR_CONNECT', message, cause }, `${code}`);
  }
  t.match(lostError('/s'), { code: 'ERR_CLOSED', message: 'the daemon closed the connection: /s' });
});

t.test('a socket that may not be written to is said to be that', async (t) => {
  const { path } = await startFake(t, () => {});
  chmodSync(path, 0);
  // Root may connect to any.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  t.teardown(() => isRoot && process.seteuid?.(0));
  const { connector: to, tells } = connector(t, path);
  to.open();
  t.match(await tells(1), [['failed', { code: 'ERR_CONNECT', message: /^no permission/ }]]);
});
