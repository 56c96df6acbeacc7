import { chmodSync } from 'node:fs';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import {
  connectError,
  lostError,
  ReconnectingSocket,
} from '../../src/client/reconnecting-socket.js';
import { FakeClock } from '../support/clock.js';
import { startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { until } from '../support/until.js';

/** A socket and its events, in order; `again` answers `lost`. */
function reconnecting(t: Test, path: string, again = () => false) {
  const clock = new FakeClock();
  const seen: unknown[][] = [];
  const socket: ReconnectingSocket = new ReconnectingSocket(
    path,
    {
      connected: () => seen.push(['connected', socket.socket !== undefined]),
      data: (data) => seen.push(['data', data.toString()]),
      lost: () => {
        const wanted = again();
        seen.push(['lost', wanted, socket.socket !== undefined]);
        return wanted;
      },
      failed: (error) => seen.push(['failed', error]),
    },
    clock,
  );
  t.teardown(() => socket.drop());
  /** The next events, `count` at least. */
  const events = async (count: number) => {
    await until(() => seen.length >= count, `${count} events`);
    return seen.splice(0);
  };
  return { clock, socket, events };
}

const echo = (socket: Socket) => void socket.on('data', (data) => socket.write(data));

t.test('it connects once when it is opened, and passes bytes both ways', async (t) => {
  let connections = 0;
  const { path } = await startFake(t, (accepted) => {
    connections++;
    echo(accepted);
  });
  const { socket, events } = reconnecting(t, path);
  t.equal(socket.socket, undefined);
  socket.open();
  socket.open();
  t.equal(socket.socket, undefined, 'not connected yet');
  t.strictSame(await events(1), [['connected', true]]);
  socket.open();
  socket.socket?.write('hello');
  t.strictSame(await events(1), [['data', 'hello']]);
  t.equal(connections, 1);
});

t.test('an idle connection stays, and does not keep the process alive', async (t) => {
  const alive = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
  const { path } = await startFake(t, echo);
  const { socket, events } = reconnecting(t, path);
  socket.idle();
  socket.open();
  await events(1);
  socket.socket?.write('hello');
  await events(1);
  const before = alive();
  socket.idle();
  t.equal(before - alive(), 1);
  socket.socket?.ref().write('hello');
  t.strictSame(await events(1), [['data', 'hello']]);
});

t.test('a dropped connection is reported, and open makes the next', async (t) => {
  const { path } = await startFake(t, (accepted) => accepted.resume());
  const { socket, events } = reconnecting(t, path);
  for (let i = 0; i < 2; i++) {
    socket.open();
    await events(1);
    socket.drop();
    t.equal(socket.socket, undefined, 'at once');
    t.strictSame(await events(1), [['lost', false, false]]);
  }
});

t.test(
  'one that is dropped while it connects has not failed: whoever waits gets the next',
  async (t) => {
    const { path } = await startFake(t, echo);
    for (const again of [false, true]) {
      const { clock, socket, events } = reconnecting(t, path, () => again);
      socket.open();
      socket.drop();
      t.strictSame(await events(1), [['lost', again, false]]);
      clock.advance(1000);
      if (!again) socket.open();
      t.strictSame(await events(1), [['connected', true]]);
    }
  },
);

t.test('a first connection that fails is not tried again', async (t) => {
  const { clock, socket, events } = reconnecting(t, freePath(), () => true);
  for (let i = 0; i < 2; i++) {
    socket.open();
    t.match(await events(1), [['failed', { code: 'ERR_CONNECT', cause: { code: 'ENOENT' } }]]);
  }
  t.strictSame(clock.delays, [], 'no backoff');
});

t.test('it reconnects after pauses that double up to 800 ms, less jitter', async (t) => {
  const fake = await startFake(t, (accepted) => accepted.destroy());
  const { clock, socket, events } = reconnecting(t, fake.path, () => true);
  socket.open();
  t.strictSame(await events(2), [
    ['connected', true],
    ['lost', true, false],
  ]);
  await fake.close();
  // With a chance of 0 the jitter halves each pause.
  const pauses = [25, 50, 100, 200, 400, ...Array(7).fill(800)].map((pause) => pause / 2);
  for (const [index, pause] of pauses.entries()) {
    t.equal(clock.delays.at(-1), pause, `pause ${index + 1}`);
    clock.advance(pause);
    const [last] = (await events(1)).slice(-1);
    if (index + 1 < pauses.length) t.strictSame(last, ['lost', true, false]);
    else t.strictSame(last, ['failed', lostError(fake.path)], 'it gives up after twelve attempts');
  }
  t.equal(clock.pending, 0);
  socket.open();
  t.match(await events(1), [['failed', { code: 'ERR_CONNECT' }]], 'open starts again');
});

t.test('in backoff open changes nothing, and idle or drop end it', async (t) => {
  for (const end of ['idle', 'drop'] as const) {
    const sockets: Socket[] = [];
    const { path } = await startFake(t, (accepted) => sockets.push(accepted));
    const { clock, socket, events } = reconnecting(t, path, () => true);
    socket.open();
    await events(1);
    await until(() => sockets.length > 0, 'a connection');
    sockets[0]?.destroy();
    t.strictSame(await events(1), [['lost', true, false]]);
    t.equal(clock.pending, 1);
    socket.open();
    t.equal(clock.pending, 1);
    socket[end]();
    t.equal(clock.pending, 0, end);
    socket.open();
    t.strictSame(await events(1), [['connected', true]]);
  }
});

t.test('a daemon that answers resets the number of attempts', async (t) => {
  let losses = 0;
  const { path } = await startFake(t, (accepted) => accepted.end('x'));
  const { clock, socket, events } = reconnecting(t, path, () => ++losses < 20);
  socket.open();
  await until(() => {
    clock.advance(1000);
    return losses >= 20;
  }, '20 losses');
  t.notOk((await events(1)).some(([what]) => what === 'failed'));
});

t.test('a failed connection says what is wrong, and what helps', async (t) => {
  const start = (reason: string) =>
    `no daemon on /s (${reason}); start one with: entropyd --socket /s`;
  for (const [code, message] of [
    ['ENOENT', start('ENOENT')],
    ['ECONNREFUSED', start('ECONNREFUSED')],
    [
      'EACCES',
      'no permission to connect to /s (EACCES); ' +
        'it takes write permission on the socket and search permission on its directories',
    ],
  ] as const) {
    const cause = Object.assign(new Error('x'), { code });
    t.match(connectError('/s', cause), { code: 'ERR_CONNECT', message, cause }, `${code}`);
  }
  t.match(lostError('/s'), { code: 'ERR_CLOSED', message: 'the daemon closed the connection: /s' });
});

t.test('a socket without write permission is reported as such', async (t) => {
  const { path } = await startFake(t, () => {});
  chmodSync(path, 0);
  // Root may connect to any socket.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  t.teardown(() => isRoot && process.seteuid?.(0));
  const { socket, events } = reconnecting(t, path);
  socket.open();
  t.match(await events(1), [['failed', { code: 'ERR_CONNECT', message: /^no permission/ }]]);
});
