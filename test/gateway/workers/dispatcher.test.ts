import type { Socket } from 'node:net';
import t from 'tap';
import { defaultGatewayLimits } from '../../../src/config/config.js';
import { GatewayCounters } from '../../../src/gateway/metrics.js';
import { Dispatcher, type Receiver } from '../../../src/gateway/workers/dispatcher.js';
import { memoryLog } from '../../support/gateway.js';

/** A socket of an address, as far as it matters here. */
function from(remoteAddress = '127.0.0.1') {
  const socket = { remoteAddress, destroyed: false, on() {}, destroy: () => {} };
  socket.destroy = () => {
    socket.destroyed = true;
  };
  return socket as unknown as Socket & { destroyed: boolean };
}

/** A worker that keeps what it is given. */
function workerOf() {
  const got: { id: number; socket: Socket; isFull: boolean }[] = [];
  const worker: Receiver = {
    hand: (id, socket, _, isFull) => void got.push({ id, socket, isFull }),
  };
  return { worker, got };
}

function dispatcherOf(limits: Partial<typeof defaultGatewayLimits> = {}) {
  const counters = new GatewayCounters([]);
  const log = memoryLog();
  const dispatcher = new Dispatcher({ ...defaultGatewayLimits, ...limits }, counters, log);
  t.teardown(() => dispatcher.close());
  return { dispatcher, counters, log };
}

t.test('each worker has one at a time, and whoever has fewest gets the next', async (t) => {
  const { dispatcher } = dispatcherOf();
  const [a, b] = [workerOf(), workerOf()];
  const sockets = Array.from({ length: 5 }, () => from());
  for (const socket of sockets) dispatcher.accept(socket, 'tcp');
  dispatcher.add(a.worker);
  dispatcher.add(b.worker);
  t.strictSame([a.got.length, b.got.length], [1, 1]);
  t.notOk(sockets[0]?.destroyed, 'kept until it is taken');
  dispatcher.taken(a.worker);
  t.ok(sockets[0]?.destroyed);
  t.strictSame([a.got.length, b.got.length], [2, 1], 'the other is busy');
  dispatcher.taken(b.worker);
  dispatcher.taken(b.worker);
  t.strictSame([a.got.length, b.got.length], [2, 3]);
  dispatcher.taken(a.worker);
  dispatcher.taken(b.worker);
  await dispatcher.idle();
  for (const { id } of b.got) dispatcher.closed(b.worker, id);
  t.equal(dispatcher.size, 2);
  for (let i = 0; i < 2; i++) {
    dispatcher.accept(from(), 'unix');
    dispatcher.taken(b.worker);
  }
  t.strictSame([a.got.length, b.got.length], [2, 5]);
});

t.test('at the limit of all, whoever has most ends one of its own', async (t) => {
  const { dispatcher } = dispatcherOf({ connections: 3 });
  const [a, b] = [workerOf(), workerOf()];
  dispatcher.add(a.worker);
  dispatcher.add(b.worker);
  for (let i = 0; i < 4; i++) {
    dispatcher.accept(from(), 'tcp');
    dispatcher.taken(a.worker);
    dispatcher.taken(b.worker);
  }
  t.strictSame(
    [...a.got, ...b.got].map(({ isFull }) => isFull).filter(Boolean).length,
    1,
    'the fourth',
  );
  t.equal(dispatcher.size, 4, 'until the worker says that one has ended');
  const [first] = a.got as [(typeof a.got)[number]];
  dispatcher.closed(a.worker, first.id);
  dispatcher.closed(a.worker, first.id);
  dispatcher.closed(a.worker, 999);
  t.equal(dispatcher.size, 3, 'once');
});

t.test('a client has so many, whichever workers have them', async (t) => {
  const { dispatcher, counters, log } = dispatcherOf({ connectionsPerAddress: 2 });
  const workers = [workerOf(), workerOf(), workerOf()];
  for (const { worker } of workers) dispatcher.add(worker);
  const open = (address: string) => {
    const socket = from(address);
    dispatcher.accept(socket, 'tcp');
    return socket;
  };
  open('192.0.2.1');
  open('192.0.2.1');
  t.ok(open('192.0.2.1').destroyed);
  t.notOk(open('192.0.2.2').destroyed);
  t.equal(counters.connectionsRefused, 1);
  t.match(log.records, [{ message: 'connection refused', limit: 'connections_per_address' }]);
  for (const { worker } of workers) dispatcher.taken(worker);
  dispatcher.remove(workers[0]?.worker as Receiver);
  t.notOk(open('192.0.2.1').destroyed, 'a place is free again');
});

t.test('a worker that is gone has taken with it what it had taken, and no more', async (t) => {
  const { dispatcher } = dispatcherOf();
  const [a, b] = [workerOf(), workerOf()];
  dispatcher.add(a.worker);
  const [taken, sent, waiting] = [from(), from(), from()];
  dispatcher.accept(taken, 'tcp');
  dispatcher.taken(a.worker);
  dispatcher.accept(sent, 'tcp');
  dispatcher.accept(waiting, 'tcp');
  dispatcher.remove(a.worker);
  dispatcher.remove(a.worker);
  t.equal(dispatcher.size, 0);
  dispatcher.add(b.worker);
  dispatcher.taken(b.worker);
  t.strictSame(
    b.got.map(({ socket }) => socket),
    [sent, waiting],
    'in order',
  );
  t.notOk(waiting.destroyed);
});

t.test('without workers no more wait than a gateway may have; the end is theirs too', async (t) => {
  const { dispatcher, counters } = dispatcherOf({ connections: 2 });
  const sockets = [from(), from(), from()];
  for (const socket of sockets) dispatcher.accept(socket, 'tcp');
  t.strictSame(
    sockets.map(({ destroyed }) => destroyed),
    [false, false, true],
  );
  t.equal(counters.connectionsRefused, 1);
  const idle = dispatcher.idle();
  dispatcher.close();
  await idle;
  t.ok(sockets.every(({ destroyed }) => destroyed));
});

t.test('that the system has no connection to give is counted and told', async (t) => {
  const { dispatcher, counters, log } = dispatcherOf();
  dispatcher.acceptFailed('127.0.0.1:1', Object.assign(new Error('too many'), { code: 'EMFILE' }));
  t.equal(counters.acceptErrors, 1);
  t.match(log.records, [{ code: 'EMFILE', address: '127.0.0.1:1' }]);
});
