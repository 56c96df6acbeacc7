import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { type Addon, loadAddon } from '../../src/common/package.js';
import { type PolledSocket, Poller } from '../../src/server/poller.js';
import { fakeGenerator, serverContext, socketPair } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { collect } from '../support/raw.js';
import { until } from '../support/until.js';

const addon = loadAddon().addon as Addon;

/** A poller, and connections that it has adopted. */
function newPoller(t: Test, parts: Partial<Addon> = {}) {
  const context = serverContext(fakeGenerator());
  const poller = new Poller({ ...addon, ...parts }, context);
  t.teardown(() => poller.close());
  const connect = async () => {
    const { accepted, client } = await socketPair(t);
    const closed = once(accepted, 'close');
    const socket = poller.adopt(accepted) as PolledSocket;
    await closed;
    const texts: string[] = [];
    socket.receive = ({ bytes }, at, end) => texts.push(bytes.toString('latin1', at, end));
    return { client, socket, texts };
  };
  return { poller, context, connect };
}

/** Writes until the kernel takes no more; all that was written. */
function fill(socket: PolledSocket): number {
  let written = 0;
  for (; socket.writableLength === 0; written += 65_536) socket.write(Buffer.alloc(65_536, 7));
  return written;
}

t.test('reads of one turn come in one call, and pause() and resume() work', async (t) => {
  const calls: number[] = [];
  class Observed extends addon.Poller {
    constructor(input: Uint8Array, events: Int32Array, onEvents: (count: number) => number) {
      super(input, events, (count) => {
        calls.push(count);
        return onEvents(count);
      });
    }
  }
  const { connect, context } = newPoller(t, { Poller: Observed });
  const [one, two] = [await connect(), await connect()];
  one.client.write('one');
  two.client.write('two');
  t.ok(one.socket.isPaused(), 'until resume()');
  one.socket.resume();
  two.socket.resume();
  await until(() => one.texts.length + two.texts.length === 2, 'a read of each');
  t.strictSame([one.texts.splice(0), two.texts.splice(0)], [['one'], ['two']]);
  t.strictSame(calls, [2], 'both were waiting');
  t.equal(context.counters.serving().count, 2);

  one.socket.pause();
  one.client.write('later');
  two.client.write('now');
  await until(() => two.texts.length > 0, 'a read of the other, sent later');
  t.strictSame([one.texts, two.texts], [[], ['now']], 'nothing is read while paused');
  one.socket.resume();
  await until(() => one.texts.length > 0, 'a read after resume()');
  t.strictSame(one.texts, ['later']);
});

t.test('input beyond the buffer’s room comes in further calls, whole and in order', async (t) => {
  const { connect } = newPoller(t);
  const all = await Promise.all(Array.from({ length: 12 }, connect));
  for (const [i, { client }] of all.entries()) client.write(Buffer.alloc(150_000, 65 + i));
  for (const { socket } of all) socket.resume();
  const received = () => all.map(({ texts }) => texts.join(''));
  await until(() => received().every((text) => text.length === 150_000), 'all bytes');
  for (const [i, text] of received().entries())
    t.equal(text, String.fromCharCode(65 + i).repeat(150_000));
});

t.test('a half-closed connection is told once, and can still be written to', async (t) => {
  const { connect } = newPoller(t);
  const { client, socket, texts } = await connect();
  let ends = 0;
  socket.on('end', () => ends++);
  client.end('last');
  socket.resume();
  await until(() => ends > 0, 'the end');
  t.strictSame(texts, ['last']);
  socket.pause();
  socket.resume();
  const received = collect(client);
  const written = fill(socket);
  socket.destroySoon();
  t.notOk(socket.destroyed, 'not before everything is sent');
  await once(socket, 'close');
  t.equal((await received).length, written);
  t.equal(ends, 1);
});

t.test('what the kernel does not take is sent later, in order', async (t) => {
  const { connect } = newPoller(t);
  const { client, socket } = await connect();
  const log: string[] = [];
  const written = fill(socket);
  socket.write(Buffer.from('a'), () => log.push('a'));
  socket.write(Buffer.alloc(0), () => log.push('empty'));
  socket.write(Buffer.from('b'), () => log.push('b'));
  t.ok(socket.writableLength > 2);
  t.strictSame(log, []);
  const received: Buffer[] = [];
  client.on('data', (data) => received.push(data));
  await until(() => log.length === 3, 'everything taken');
  t.strictSame(log, ['a', 'empty', 'b']);
  t.equal(socket.writableLength, 0);
  await until(() => Buffer.concat(received).length === written + 2, 'everything received');
  t.equal(Buffer.concat(received).toString('latin1', written), 'ab');
  socket.write(Buffer.alloc(0), () => log.push('at once'));
  t.equal(log.length, 3, 'never called synchronously');
  await until(() => log.length === 4, 'the callback');
});

t.test('a lost connection closes once, and tells whoever waits for a write', async (t) => {
  for (const reading of [true, false]) {
    const { connect } = newPoller(t);
    const { client, socket } = await connect();
    const log: string[] = [];
    socket.on('close', () => log.push('close'));
    fill(socket);
    socket.write(Buffer.from('x'), () => log.push('written'));
    if (reading) socket.resume();
    client.destroy();
    await once(socket, 'close');
    t.strictSame(log, ['written', 'close'], reading ? 'read' : 'paused');
    t.ok(socket.destroyed);
    socket.write(Buffer.from('x'), () => log.push('after'));
    socket.resume();
    socket.destroySoon();
    socket.destroy();
    await until(() => log.length === 3, 'the callback of a write that comes too late');
  }
});

t.test('a connection that another one’s read ends gets nothing more', async (t) => {
  const { connect, poller } = newPoller(t);
  const [one, two] = [await connect(), await connect()];
  const destroyOther = (other: PolledSocket) => () => other.destroy();
  one.socket.receive = destroyOther(two.socket);
  two.socket.receive = destroyOther(one.socket);
  for (const { client, socket } of [one, two]) {
    client.write('x');
    socket.resume();
  }
  await until(() => one.socket.destroyed || two.socket.destroyed, 'a read');
  const third = await connect();
  third.client.write('third');
  third.socket.resume();
  await until(() => third.texts.length > 0, 'a connection with a number used before');
  t.strictSame(third.texts, ['third']);
  t.not(one.socket.destroyed, two.socket.destroyed);
  poller.close();
  t.ok(third.socket.destroyed, 'the end of the poller ends all');
});

t.test('bytes that were read do not reach the next connection with the number', async (t) => {
  const { connect, poller } = newPoller(t);
  const { client, socket } = await connect();
  const next = await socketPair(t);
  const texts: string[] = [];
  client.write('secret');
  socket.resume();
  // Runs in the phase of the event loop in which the poller reads, after its read or before it: a
  // stream of node:net that became readable at the same time.
  const trigger = await socketPair(t);
  const replaced = new Promise<PolledSocket>((resolve) => {
    trigger.accepted.on('data', () => {
      socket.destroy();
      const adopted = poller.adopt(next.accepted) as PolledSocket;
      adopted.receive = ({ bytes }, at, end) => texts.push(bytes.toString('latin1', at, end));
      adopted.resume();
      resolve(adopted);
    });
  });
  trigger.accepted.resume();
  // No number below it is free, so it is the next one that is given.
  for (let fd = -1; fd < socket.fd; ) {
    fd = openSync('/dev/null', 'r');
    const file = fd;
    t.teardown(() => closeSync(file));
  }
  trigger.client.write('now');
  t.equal((await replaced).fd, socket.fd, 'the number is used again');
  next.client.write('own');
  await until(() => texts.length > 0, 'a read');
  t.strictSame(texts, ['own']);
});

t.test('a socket that cannot be adopted is left alone', async (t) => {
  const { poller } = newPoller(t);
  t.equal(poller.adopt({} as Socket), undefined, 'no descriptor');
  const { accepted, fd } = await socketPair(t);
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  t.equal(poller.adopt(accepted, fd), undefined, 'the duplicate is in the reserve');
  t.equal(open(), before, 'and is not kept');
  poller.close();
  t.equal(poller.adopt(accepted), undefined, 'the poller has ended');
  t.notOk(accepted.destroyed);
});

/** Runs in a thread of its own: adopts a connection and does what `receive` says. */
const threadSource = `
  import { createServer, connect } from 'node:net';
  import { createHook } from 'node:async_hooks';
  import { parentPort, workerData } from 'node:worker_threads';
  const { loadAddon } = await import(workerData.common + 'package.js');
  const { Poller } = await import(workerData.server + 'poller.js');
  const { addon } = loadAddon();
  createHook({ init() {}, before() {}, after() {}, destroy() {} }).enable();
  const counters = { served() {} };
  const batch = { begin() {}, end() {} };
  const poller = new Poller(addon, { batch, counters, limits: workerData, now: () => 0 });
  const server = createServer({ pauseOnConnect: true }, (accepted) => {
    const socket = poller.adopt(accepted);
    socket.receive = () => {
      Promise.resolve().then(() => parentPort.postMessage('microtask'));
      if (workerData.does === 'throw') throw new Error('of the reader');
      if (workerData.does === 'answer') socket.write(Buffer.from('answer'));
    };
    socket.resume();
  });
  server.listen(workerData.path, () => {
    const client = connect(workerData.path, () => client.write('x'));
    client.on('data', (data) => parentPort.postMessage(String(data)));
    if (workerData.does !== 'wait') return;
    // Nothing else happens in this thread until the timer.
    let turns = 0;
    const before = performance.eventLoopUtilization();
    setInterval(() => {
      client.write('x');
      if (++turns === 20) parentPort.postMessage(performance.eventLoopUtilization(before).active);
    }, 10);
  });
`;

function startThread(t: Test, does: 'answer' | 'throw' | 'wait', spinUs = 0): Worker {
  const folder = (name: string) => new URL(`../../dist/${name}/`, import.meta.url).href;
  const workerData = {
    path: freePath(),
    does,
    spinUs,
    common: folder('common'),
    server: folder('server'),
  };
  const code = `data:text/javascript,${encodeURIComponent(threadSource)}`;
  const worker = new Worker(new URL(code), { workerData });
  t.teardown(() => worker.terminate());
  return worker;
}

t.test('it works in a thread, with async hooks, and ends with it amid reads', async (t) => {
  for (const spinUs of [0, 1000]) {
    const worker = startThread(t, 'answer', spinUs);
    const messages: unknown[] = [];
    worker.on('message', (message) => messages.push(message));
    await until(() => messages.includes('answer'), 'an answer');
    t.strictSame(messages, ['microtask', 'answer'], 'promises are settled in the same turn');
    await worker.terminate();
  }
});

t.test('after each turn with input it polls for a while before the thread sleeps', async (t) => {
  const worker = startThread(t, 'wait', 1000);
  let active: number | undefined;
  worker.on('message', (message) => {
    if (typeof message === 'number') active = message;
  });
  await until(() => active !== undefined, 'twenty turns');
  t.ok((active ?? 0) >= 15, `${active} ms in twenty turns, of which each spins for one`);
});

t.test('an exception of a reader is uncaught, as one of an event is', async (t) => {
  const [error] = (await once(startThread(t, 'throw'), 'error')) as [Error];
  t.equal(error.message, 'of the reader');
});

t.test('arguments are checked', (t) => {
  const make = (...args: unknown[]) => Reflect.construct(addon.Poller, args);
  const [input, events] = [new Uint8Array(65_536), new Int32Array(6)];
  for (const args of [
    [],
    [input.subarray(1), events, () => {}],
    [input, events.subarray(1), () => {}],
    [input, events, null],
    [events, input, () => {}],
  ])
    t.throws(() => make(...args), { name: 'TypeError' });
  const native = make(input, events, () => {});
  for (const method of ['open', 'poll', 'close'])
    t.throws(() => native[method]('1', {}), { name: 'TypeError' }, method);
  t.ok(native.open(-1) < 0);
  native.poll(12_345, 1);
  native.close(12_345);
  native.end();
  native.end();
  t.ok(native.open(0) < 0);
  t.end();
});
