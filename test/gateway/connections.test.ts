import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { Api, ApiResponse } from '../../src/apis/api.js';
import { defaultGatewayLimits, type GatewayLimits } from '../../src/config/config.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import { Connections, type Slot } from '../../src/gateway/connections.js';
import { createRequestHandler } from '../../src/gateway/exchange.js';
import { createHttpServer } from '../../src/gateway/http-server.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';
import { call, fakeSource, memoryLog, openAccess, serve } from '../support/gateway.js';
import { gate, until } from '../support/until.js';

/** A gateway of one API, whose answer is `answer`'s. */
async function start(
  t: Test,
  answer: (path: string) => ApiResponse | Promise<ApiResponse>,
  limits: Partial<GatewayLimits> = {},
) {
  const log = memoryLog();
  const counters = new GatewayCounters(['api']);
  const connections = new Connections({ ...defaultGatewayLimits, ...limits }, counters, log);
  const api: Api = {
    bodyLimitBytes: 1_000_000,
    claim: () => 'path',
    examples: () => [],
    answer: async ({ path }) => answer(path),
    refuse: ({ kind }) => ({ status: 503, headers: {}, body: kind, error: { code: kind } }),
  };
  const malformed = createMalformedResponse([]);
  const handler = createRequestHandler({
    ...{ access: openAccess, client: fakeSource(), log, counters, connections, malformed },
    routes: [{ name: 'api', api }],
  });
  const server = createHttpServer(handler.listener('tcp'), malformed);
  return { port: await serve(t, server, connections), counters, connections, log };
}

async function connected(t: Test, port: number): Promise<Socket> {
  const socket = connect({ port });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const ok = (body = 'x'): ApiResponse => ({ status: 200, headers: {}, body });

t.test(
  'one connection has so many requests under way; the rest of its pipeline waits and is answered',
  async (t) => {
    const { opened, open } = gate();
    const begun: string[] = [];
    const limits = { requests: 20, requestsPerConnection: 5 };
    const { port, counters } = await start(
      t,
      async (path) => {
        begun.push(path);
        if (path !== '/other') await opened;
        return ok(path);
      },
      limits,
    );
    const socket = await connected(t, port);
    const paths = Array.from({ length: 300 }, (_, i) => `/${i}`);
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    socket.write(paths.map(get).join(''));
    await until(() => begun.length === 5 && counters.requestsWaiting === 1, 'the next waits');
    t.match(await call({ port, path: '/other' }), { status: 200 }, 'others have their places');
    t.strictSame(begun, [...paths.slice(0, 5), '/other']);
    open();
    await until(() => text.endsWith('/299'), 'all are answered');
    t.strictSame(
      [...text.matchAll(/\r\n\r\n(\/\d+)/g)].map(([, path]) => path),
      paths,
      'in their order',
    );
    t.match(counters, { requestsWaiting: 0, unsentBytes: 0 });
  },
);

t.test('nothing more is read from a connection while its requests wait', async (t) => {
  const { opened, open } = gate();
  let bodies = 0;
  const { port, counters } = await start(
    t,
    async (path) => {
      await opened;
      bodies++;
      return ok(path);
    },
    { requestsPerConnection: 2 },
  );
  const socket = await connected(t, port);
  const post = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n${'x'.repeat(40_000)}`;
  // Bodies larger than what node:http keeps make it resume the socket again and again.
  for (let i = 0; i < 200; i++) socket.write(post);
  socket.resume();
  await until(() => counters.requestsWaiting > 0, 'some wait');
  t.equal(counters.requestsWaiting, 1);
  open();
  await until(() => bodies === 200, 'all are read in the end');
});

t.test('whoever reads nothing has a bounded number of bytes made for it', async (t) => {
  const body = 'x'.repeat(100_000);
  let answers = 0;
  const { port, counters } = await start(
    t,
    () => {
      answers++;
      return ok(body);
    },
    { unsentBytesPerConnection: 150_000 },
  );
  const socket = await connected(t, port);
  socket.pause();
  socket.write(get('/').repeat(2000));
  // The kernel takes some; then two answers are over the limit.
  await until(() => counters.unsentBytes >= 150_000, 'the limit is reached');
  const before = answers;
  t.match(await call({ port }), { status: 200 }, 'others are served');
  t.equal(answers, before + 1, 'and no answer is made for it');
  t.ok(counters.unsentBytes <= 150_000 + 16 * body.length, `${counters.unsentBytes} bytes`);
  socket.destroy();
  await until(() => counters.unsentBytes + counters.inFlight === 0, 'nothing of it is left');
  t.equal(counters.requestsWaiting, 0);
});

t.test('when too much is unread in all, the client with the most unread is ended', async (t) => {
  // The kernel takes some megabytes of it.
  const body = 'x'.repeat(8_000_000);
  const limits = { unsentBytes: 20_000_000, unsentBytesPerConnection: 1 };
  const { port, counters, log } = await start(t, () => ok(body), limits);
  for (let i = 0; i < 3; i++) {
    const socket = await connected(t, port);
    socket.pause().write(get('/'));
  }
  await until(() => counters.connectionsEnded.unread > 0, 'one is ended');
  t.ok(counters.unsentBytes <= 20_000_000, `${counters.unsentBytes} bytes`);
  t.equal((await call({ port })).body.length, body.length, 'whoever reads gets everything');
  t.match(log.records, [{ message: 'connection ended to make room', reason: 'unread' }]);
});

t.test('a place is free when the answer has left: unread ones yield to a newcomer', async (t) => {
  const body = 'x'.repeat(8_000_000);
  const { port, counters } = await start(t, () => ok(body), { requests: 3 });
  for (let i = 0; i < 3; i++) {
    const socket = await connected(t, port);
    socket.pause().write(get('/'));
  }
  await until(() => counters.inFlight === 3, 'every place is taken');
  const answer = await call({ port });
  t.equal(answer.status, 200);
  t.equal(answer.body.length, body.length);
  t.equal(counters.connectionsEnded.unread, 1);
});

t.test('a full gateway ends whoever has been longest without a request', async (t) => {
  const { port, counters, connections, log } = await start(t, () => ok(), { connections: 3 });
  const [silent, half, asked] = [
    await connected(t, port),
    await connected(t, port),
    await connected(t, port),
  ];
  await until(() => connections.size === 3, 'it is full');
  silent.write(get('/'));
  await once(silent, 'data');
  half.write('GET / HTTP/1.1\r\nHost: x\r\n');
  asked.write(get('/'));
  await once(asked, 'data');
  const ended = once(half.resume(), 'close');
  t.match(await call({ port }), { status: 200 }, 'a newcomer is served');
  await ended;
  silent.write(get('/'));
  t.ok(await once(silent, 'data'), 'the others stay');
  t.equal(counters.connectionsEnded.silent, 1);
  t.match(log.records, [{ level: 'warn', reason: 'silent' }]);
});

t.test('a newcomer is refused if every connection has a request under way', async (t) => {
  const { opened, open } = gate();
  const answer = () => opened.then(() => ok());
  const { port, counters, log } = await start(t, answer, { connections: 2 });
  const busy = [call({ port }), call({ port })];
  await until(() => counters.inFlight === 2, 'both are under way');
  await t.rejects(call({ port }), { code: 'ECONNRESET' });
  t.equal(counters.connectionsRefused, 1);
  t.match(log.records, [{ message: 'connection refused', limit: 'connections' }]);
  open();
  for (const { status } of await Promise.all(busy)) t.equal(status, 200);
});

/** A request whose body has `size` bytes so far, and never comes to its end. */
const partial = (size: number) =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(size)}`;

for (const limits of [{ connections: 2 }, { requests: 2 }])
  t.test(
    `requests that never come to their end hold no place: ${Object.keys(limits)}`,
    async (t) => {
      const { port, counters } = await start(t, () => ok(), limits);
      const [first, second] = [await connected(t, port), await connected(t, port)];
      first.write(partial(1));
      await until(() => counters.bodyBytes === 1, 'one has sent the first byte of its body');
      second.write(partial(1));
      await until(
        () => counters.inFlight === 2 && counters.bodyBytes === 2,
        'all places are taken',
      );
      const ended = once(first.resume(), 'close');
      t.match(await call({ port }), { status: 200 }, 'a newcomer is served');
      await ended;
      t.equal(counters.connectionsEnded.silent, 1);
      t.notOk(second.closed, 'the younger one stays');
      await until(() => counters.inFlight === 1, 'the place is free');
      t.equal(counters.bodyBytes, 1, 'and the memory');
    },
  );

t.test('bodies have so much memory in all: the largest that is not whole is ended', async (t) => {
  const { port, counters, log } = await start(t, () => ok(), { bodyBytes: 300_000 });
  const [large, small] = [await connected(t, port), await connected(t, port)];
  small.write(partial(1000));
  await until(() => counters.bodyBytes > 0, 'the small one has begun');
  large.write(partial(250_000));
  await until(() => counters.bodyBytes >= 251_000, 'the large one too');
  const ended = once(large.resume(), 'close');
  const body = 'x'.repeat(60_000);
  t.match(await call({ port, method: 'POST', body }), { status: 200 }, 'others have room');
  await ended;
  t.match(counters.connectionsEnded, { body: 1, silent: 0, unread: 0 });
  t.notOk(small.closed);
  t.match(log.records, [{ message: 'connection ended to make room', reason: 'body' }]);
  small.destroy();
  await until(() => counters.bodyBytes === 0, 'nothing is left');
});

t.test('pipelines take turns: a newcomer waits for a bounded number of others', async (t) => {
  const begun: string[] = [];
  const { port, counters } = await start(t, (path) => {
    begun.push(path);
    return ok(path);
  });
  const [one, two] = [await connected(t, port), await connected(t, port)];
  for (const socket of [one, two]) socket.resume();
  one.write(get('/one').repeat(1000));
  two.write(get('/two').repeat(1000));
  await until(() => counters.requestsWaiting === 2, 'both pipelines wait');
  const from = begun.length;
  await until(() => begun.length === 2000, 'all are answered');
  const both = begun.slice(from, from + 400);
  t.equal(both.filter((path) => path === '/one').length, 200, 'one each');
});

t.test('what follows CONNECT is not parsed, and the server still closes', async (t) => {
  const { port, counters } = await start(t, () => ok());
  const socket = await connected(t, port);
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.write(`CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n${get('/').repeat(5)}`);
  await once(socket, 'close');
  t.match(text, /^HTTP\/1\.1 405 /);
  t.equal(text.split('HTTP/1.1 ').length, 2, 'one answer');
  t.equal(counters.inFlight, 0);
});

/** A connection from elsewhere. */
function from(remoteAddress: string | undefined): Socket {
  const socket = new EventEmitter() as Socket;
  return Object.assign(socket, {
    remoteAddress,
    writableLength: 0,
    pause: () => socket,
    resume: () => socket,
    destroy: () => socket,
  });
}

t.test('one address has so many connections; loopback and proxies have them all', async (t) => {
  for (const [addresses, allowed] of [
    [['192.0.2.1', '192.0.2.1', '192.0.2.1'], 2],
    [['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1'], 2],
    [['192.0.2.1', '192.0.2.2', '192.0.2.3'], 3],
    [['2001:db8::1', '2001:db8:0:0:ffff::1', '2001:db8::2'], 2],
    [['2001:db8:0:1::1', '2001:db8:0:2::1', '2001:db8:0:3::1'], 3],
    [['fe80::1%eth0', 'fe80::2%eth0', 'fe80::3%eth0'], 2],
    [['127.0.0.1', '127.0.0.1', '127.0.0.1'], 3],
    [['::1', '::1', '::1'], 3],
    [['10.1.2.3', '10.1.2.3', '10.1.2.3'], 3],
    [['::ffff:10.1.2.3', '::ffff:10.1.2.3', '::ffff:10.1.2.3'], 3],
    [['2001:db8:5::1', '2001:db8:5::1', '2001:db8:5::1'], 3],
    [['198.51.100.7', '198.51.100.7', '198.51.100.7'], 3],
    [[undefined, undefined, undefined], 3],
  ] as const) {
    const trustedProxies = ['10.0.0.0/8', '198.51.100.7', '2001:db8:5::/48'];
    const limits = { ...defaultGatewayLimits, connectionsPerAddress: 2, trustedProxies };
    const counters = new GatewayCounters([]);
    const connections = new Connections(limits, counters, memoryLog());
    const taken = addresses.map((address) => connections.accept(from(address)));
    t.equal(taken.filter(Boolean).length, allowed, String(addresses));
    t.equal(counters.connectionsRefused, 3 - allowed);
  }
});

t.test('an address has its place back when a connection is gone; 0 is no limit', async (t) => {
  const limits = { ...defaultGatewayLimits, connectionsPerAddress: 1 };
  const connections = new Connections(limits, new GatewayCounters([]), memoryLog());
  const first = from('192.0.2.1');
  t.ok(connections.accept(first));
  t.notOk(connections.accept(from('192.0.2.1')));
  first.emit('close');
  t.ok(connections.accept(from('192.0.2.1')));
  const none = { ...limits, connectionsPerAddress: 0 };
  const unlimited = new Connections(none, new GatewayCounters([]), memoryLog());
  for (let i = 0; i < 5; i++) t.ok(unlimited.accept(from('192.0.2.1')));
});

t.test('what waits for a response to leave is told once, also if it has left', async (t) => {
  const counters = new GatewayCounters([]);
  const connections = new Connections(defaultGatewayLimits, counters, memoryLog());
  const socket = from('192.0.2.1');
  connections.accept(socket);
  const slots: Slot[] = [];
  const { opened, open } = gate();
  connections.enter(
    { socket } as IncomingMessage,
    new EventEmitter() as unknown as ServerResponse,
    (slot) => {
      slots.push(slot);
      return opened;
    },
  );
  const [slot] = slots as [Slot];
  let told = 0;
  slot.whenGone(() => told++);
  slot.hold(10);
  t.equal(counters.unsentBytes, 10);
  socket.emit('close');
  t.equal(told, 1, 'the connection is gone');
  slot.whenGone(() => told++);
  t.equal(told, 2, 'a late one too');
  slot.hold(10);
  t.equal(counters.unsentBytes, 0, 'and nothing is counted any more');
  t.equal(counters.inFlight, 1, 'while its API is still at work');
  const idle = connections.idle();
  open();
  await idle;
  t.equal(counters.inFlight, 0);
});
