import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { Server, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddon } from '../../src/common/package.js';
import type { ConnectionContext } from '../../src/server/context.js';
import { listen } from '../../src/server/listener.js';
import { fakeGenerator, serverContext, startPoller, startServer } from '../support/daemon.js';
import { fakeTimers } from '../support/fake-timers.js';
import { leaveStaleSocket } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { collect, exchange, message, open, takeAnswers, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

const permissions = 0o777;

/** Shows that listening on `path` fails with `ERR_LISTEN`. */
async function refused(t: Test, path: string, expected: object): Promise<void> {
  await t.rejects(listen({ path, mode: 0o666 }, serverContext(fakeGenerator())), {
    name: 'EntropyError',
    code: 'ERR_LISTEN',
    ...expected,
  });
}

/** Waits until exactly `count` connections are open. */
function untilOpen({ counters }: ConnectionContext, count: number): Promise<true> {
  return until(() => counters.connectionsOpen === count, `${count} open connections`);
}

t.test('the socket file has the requested mode, and close removes it', async (t) => {
  for (const mode of [0o666, 0o600]) {
    const path = freePath();
    const server = await listen({ path, mode }, serverContext(fakeGenerator()));
    t.ok(statSync(path).isSocket());
    t.equal(statSync(path).mode & permissions, mode);
    await server.close();
    t.notOk(existsSync(path), 'the file is removed');
  }
});

t.test('the socket file of a dead process is replaced', async (t) => {
  const path = freePath();
  leaveStaleSocket(path);
  t.ok(existsSync(path));
  const server = await listen({ path, mode: 0o666 }, serverContext(fakeGenerator()));
  const answers = unpackAll(await exchange(t, path, message(1, 'version', [])));
  t.match(answers, [[1, 1, null, { name: 'entropyd' }]]);
  await server.close();
});

t.test('a live socket is not replaced, and continues to serve', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  await refused(t, path, { message: /another process answers there/ });
  t.match(unpackAll(await exchange(t, path, message(1, 'version', []))), [[1, 1, null, {}]]);
});

t.test('the error says why listening failed', async (t) => {
  const folder = temporaryFolder();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  mkdirSync(join(folder, 'folder'));
  await refused(t, file, { message: /a file that is not a socket is in the way/ });
  await refused(t, join(folder, 'folder'), {
    message: /a file that is not a socket is in the way/,
  });
  await refused(t, join(folder, 'none', 's'), {
    message: `cannot listen on ${folder}/none/s: permission denied, or ${folder}/none does not exist`,
  });
  await refused(t, join(file, 's'), { message: /ENOTDIR/, cause: { code: 'ENOTDIR' } });
});

t.test('a path that is too long for a socket is refused, not truncated', async (t) => {
  const folder = temporaryFolder();
  for (const letter of ['x', 'ü']) {
    const room = 107 - Buffer.byteLength(`${folder}/`);
    const longest = join(folder, letter.repeat(Math.floor(room / Buffer.byteLength(letter))));
    const server = await listen({ path: longest, mode: 0o666 }, serverContext(fakeGenerator()));
    t.ok(existsSync(longest));
    await server.close();
    await refused(t, `${longest}${letter}`, {
      message: `socket path: at most 107 bytes: ${longest}${letter}`,
    });
    t.notOk(existsSync(longest), 'no truncated path was bound');
  }
});

t.test('all connections and open connections are counted', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const { counters } = context;
  const first = await open(t, path);
  const second = await open(t, path);
  await untilOpen(context, 2);
  t.equal(counters.connections, 2);
  first.destroy();
  await untilOpen(context, 1);
  second.destroy();
  await untilOpen(context, 0);
  t.equal(counters.connections, 2);
});

t.test('close answers what was read, reads no more, and ends idle connections', async (t) => {
  let finish: (() => void) | undefined;
  const generator = fakeGenerator({
    fillPredictionResistant: (target, offset, length) =>
      new Promise((resolve) => {
        finish = () => {
          target.fill(0xbb, offset, offset + length);
          resolve();
        };
      }),
  });
  const { path, close } = await startServer(t, generator);
  const idle = await open(t, path);
  const busy = await open(t, path);
  const ended = [collect(idle), collect(busy)] as const;
  busy.write(
    Buffer.concat([
      message(5, 'random', [3, { predictionResistance: true }]),
      message(6, 'random', [2]),
    ]),
  );
  const release = await until(() => finish, 'a request for prediction resistance');
  const closed = close();
  t.strictSame(await ended[0], Buffer.alloc(0));
  t.notOk(existsSync(path), 'nobody can connect anymore');
  await new Promise((resolve) => busy.write(message(7, 'random', [2]), resolve));
  release();
  t.strictSame(unpackAll(await ended[1]), [
    [1, 5, null, Buffer.from([0xbb, 0xbb, 0xbb])],
    [1, 6, null, Buffer.from([0xaa, 0xaa])],
  ]);
  await closed;
});

t.test('close waits at most 5 s for a client that does not read', async (t) => {
  const { path, context, close } = await startServer(t, fakeGenerator());
  const socket = await open(t, path);
  for (let id = 0; id < 10; id++) socket.write(message(id, 'random', [1_048_576]));
  await until(() => context.chunks.acquiredBytes > 0, 'a response that the kernel does not take');
  const timers = fakeTimers(t);
  const closed = close();
  timers.advance(4_999);
  t.equal(timers.running, 1, 'it still waits');
  timers.advance(1);
  await closed;
  t.equal(timers.running, 0);
  await untilOpen(context, 0);
});

t.test('whoever closes the server meanwhile waits for the last connection too', async (t) => {
  const { path, close, context } = await startServer(t, fakeGenerator());
  const socket = await open(t, path);
  socket.write(message(1, 'random', [1_048_576]));
  await until(() => context.chunks.acquiredBytes > 0, 'a response that the kernel does not take');
  const closed = Promise.all([close(), close()]);
  socket.resume();
  await closed;
  t.equal(context.counters.connectionsOpen, 0);
});

t.test('connections are served alike with and without the poller', async (t) => {
  for (const works of [true, false]) {
    const path = freePath();
    const context = serverContext(fakeGenerator());
    const poller = works ? startPoller(t, context) : undefined;
    const server = await listen({ path, mode: 0o600, poller }, context);
    const [answer] = unpackAll(await exchange(t, path, message(1, 'random', [3])));
    t.match(answer, [1, 1, null, Buffer.alloc(3, 0xaa)], `${works}`);
    await server.close();
  }
});

t.test(
  'over the limit a connection gets ERR_BUSY and ends; 16 more are reserved for administrators',
  async (t) => {
    const euid = process.geteuid?.() ?? 0;
    let admins: { uid: number; group: undefined } | undefined;
    const { path, context } = await startServer(t, fakeGenerator(), {
      addon: loadAddon().addon,
      adminRule: () => admins,
      limits: { connections: 3 },
    });
    const sockets = await Promise.all([1, 2, 3].map(() => open(t, path)));
    await untilOpen(context, 3);
    const refused = [[1, 0, ['ERR_BUSY', 'too many connections; try again later'], null]];
    t.strictSame(unpackAll(await collect(await open(t, path))), refused);
    admins = { uid: euid, group: undefined };
    const reserved = await Promise.all(Array.from({ length: 16 }, () => open(t, path)));
    await untilOpen(context, 19);
    t.strictSame(unpackAll(await collect(await open(t, path))), refused, 'no more than 16');
    for (const socket of [...sockets, ...reserved]) socket.destroy();
    await untilOpen(context, 0);
    t.match(unpackAll(await exchange(t, path, message(1, 'version', []))), [[1, 1, null, {}]]);
    t.equal(context.counters.errors.get('ERR_BUSY'), 2);
    t.equal(context.counters.connectionsRefused, 2);
  },
);

t.test('a refused connection may stay half a second to read why', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator(), { limits: { connections: 1 } });
  await open(t, path);
  await untilOpen(context, 1);
  const timers = fakeTimers(t);
  const refused = await open(t, path);
  const answer = takeAnswers(refused, 1);
  t.match(await answer, [[1, 0, ['ERR_BUSY', String], null]]);
  const closed = once(refused, 'close');
  t.equal(timers.running, 1);
  timers.advance(499);
  t.equal(timers.running, 1, 'it still may');
  timers.advance(1);
  refused.end();
  await closed;
  t.equal(timers.running, 0);
});

t.test('the last descriptors are not for connections; one that gets such is told', async (t) => {
  const path = freePath();
  let limit = 0;
  const warned: unknown[][] = [];
  const context = {
    ...serverContext(fakeGenerator()),
    descriptorLimit: () => limit,
    warn: (...warning: unknown[]) => void warned.push(warning),
  };
  const server = await listen({ path, mode: 0o600 }, context);
  const socket = await open(t, path);
  t.match(unpackAll(await collect(socket)), [
    [1, 0, ['ERR_BUSY', 'too many connections; try again later'], null],
  ]);
  t.match(warned, [[/few file descriptors left/, 'EMFILE', { limit: 0, connections: 0 }]]);
  t.match(context.counters, { connectionsRefused: 1, connectionsWithoutDescriptor: 1 });
  limit = 1_000_000;
  t.match(unpackAll(await exchange(t, path, message(1, 'version', []))), [[1, 1, null, {}]]);
  t.equal(context.counters.connectionsRefused, 1);
  await server.close();
});

t.test('a failure to accept is counted and told, and ends nothing', async (t) => {
  const path = freePath();
  const warned: unknown[][] = [];
  const context = {
    ...serverContext(fakeGenerator()),
    warn: (...warning: unknown[]) => void warned.push(warning),
  };
  const servers: Server[] = [];
  const original = Server.prototype.listen as (...args: unknown[]) => Server;
  t.intercept(Server.prototype, 'listen', {
    value(this: Server, ...args: unknown[]) {
      servers.push(this);
      return original.apply(this, args);
    },
  });
  const server = await listen({ path, mode: 0o600 }, context);
  // As node:net reports what libuv could not accept.
  servers[0]?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  t.match(warned, [['cannot accept a connection: accept EMFILE', 'EMFILE', { code: 'EMFILE' }]]);
  t.equal(context.counters.acceptErrors, 1);
  t.match(unpackAll(await exchange(t, path, message(1, 'version', []))), [[1, 1, null, {}]]);
  await server.close();
});

t.test('connections are limited per user', async (t) => {
  const { path } = await startServer(t, fakeGenerator(), { limits: { connectionsPerUser: 2 } });
  await Promise.all([open(t, path), open(t, path)]);
  const [answer] = unpackAll(await collect(await open(t, path)));
  t.match(answer, [1, 0, ['ERR_BUSY', String], null]);
});

t.test('a listener that stopped still serves open connections', async (t) => {
  const path = freePath();
  const server = await listen({ path, mode: 0o666 }, serverContext(fakeGenerator()));
  const socket = await open(t, path);
  server.stop();
  t.notOk(existsSync(path));
  socket.write(message(1, 'random', [2]));
  t.strictSame(await takeAnswers(socket, 1), [[1, 1, null, Buffer.alloc(2, 0xaa)]]);
  const ended = collect(socket);
  await server.close();
  await ended;
});

t.test('the sweep ends a connection whose message stays incomplete for 10 s', async (t) => {
  const path = freePath();
  let now = 1_000;
  let sweep: (() => void) | undefined;
  const server = await listen(
    {
      path,
      mode: 0o600,
      timer(action, ms) {
        t.equal(ms, 1_000, 'the sweep runs every second');
        sweep = action;
        return () => {
          sweep = undefined;
        };
      },
    },
    { ...serverContext(fakeGenerator()), now: () => now },
  );
  const socket = await open(t, path);
  socket.write(
    Buffer.concat([message(1, 'random', [2]), message(2, 'random', [2]).subarray(0, 5)]),
  );
  await takeAnswers(socket, 1);
  const collected = collect(socket);
  now += 10_001;
  sweep?.();
  t.strictSame(unpackAll(await collected), [
    [1, 0, ['ERR_MESSAGE', 'not a valid message: incomplete after 10 s'], null],
  ]);
  await server.close();
  t.equal(sweep, undefined, 'close stops the sweep');
});

t.test('a thousand connections are served, and their descriptors are closed', async (t) => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const { path, context } = await startServer(t, fakeGenerator());
  // Some files are opened for the first connection and stay open.
  await exchange(t, path, message(1, 'version', []));
  await untilOpen(context, 0);
  const before = descriptors();
  const sockets: Socket[] = [];
  for (let id = 0; id < 1000; id++) sockets.push(await open(t, path));
  const answers = await Promise.all(
    sockets.map((socket, id) => {
      const answer = takeAnswers(socket, 1);
      socket.write(message(id, 'random', [32]));
      return answer;
    }),
  );
  t.ok(answers.every(([answer], id) => answer?.[1] === id && answer[2] === null));
  t.equal(context.counters.connectionsOpen, 1000);
  for (const socket of sockets) socket.destroy();
  await untilOpen(context, 0);
  await until(() => descriptors() <= before, `at most ${before} descriptors`);
  t.equal(context.chunks.acquiredBytes, 0);
});
