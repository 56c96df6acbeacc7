import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { Api, ApiRequest, ApiResponse } from '../../src/apis/api.js';
import { defaultGatewayLimits, type GatewayLimits } from '../../src/config/config.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import { Connections } from '../../src/gateway/connections.js';
import { createRequestHandler } from '../../src/gateway/exchange.js';
import { startGateway } from '../../src/gateway/gateway.js';
import {
  createHttpServer,
  createHttpsServer,
  type HttpLimits,
  httpLimits,
} from '../../src/gateway/http-server.js';
import { closeListeners } from '../../src/gateway/listener.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';
import { loadTls } from '../../src/gateway/tls-files.js';
import { makeCertificate } from '../support/certificates.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { call, exchange, fakeSource, memoryLog, openAccess, serve } from '../support/gateway.js';
import {
  block,
  fieldsOf,
  flags,
  frame,
  get,
  hello,
  openSession,
  post,
  preface,
  type RawSession,
  uint32,
} from '../support/http2-frames.js';
import { freePath } from '../support/paths.js';
import { built, count, environment, Program } from '../support/program.js';
import { gate, until } from '../support/until.js';

const run = promisify(execFile);
const dir = t.testdir();
const certificate = makeCertificate(dir, 'one');

const ok = (body: ApiResponse['body'] = 'ok'): ApiResponse => ({ status: 200, headers: {}, body });

/** A gateway of one API, whose answer is `answer`'s. */
async function start(
  t: Test,
  {
    answer = async () => ok(),
    limits = {},
    http = {},
    secure = false,
  }: {
    answer?: (request: ApiRequest) => Promise<ApiResponse>;
    limits?: Partial<GatewayLimits>;
    http?: Partial<HttpLimits>;
    secure?: boolean;
  } = {},
) {
  const log = memoryLog();
  const counters = new GatewayCounters(['api']);
  const connections = new Connections({ ...defaultGatewayLimits, ...limits }, counters, log);
  const seen: ApiRequest[] = [];
  const api: Api = {
    bodyLimitBytes: 100_000,
    claim: () => 'path',
    examples: () => [],
    malformed: (text) => ({ headers: {}, members: { text } }),
    answer(request) {
      seen.push(request);
      return answer(request);
    },
    refuse: (failure) => ({
      status: { tooLarge: 413 }[failure.kind as string] ?? 503,
      headers: {},
      body: failure.kind,
      error: { code: failure.kind },
    }),
  };
  const malformed = createMalformedResponse([api]);
  const handler = createRequestHandler({
    ...{ access: openAccess, client: fakeSource(), log, counters, connections, malformed },
    routes: [{ name: 'api', api }],
  });
  const all = { ...httpLimits, streams: connections.requestsEach, ...http };
  const handle = handler.listener('tcp');
  const server = secure
    ? createHttpsServer(handle, malformed, await loadTls(certificate), all)
    : createHttpServer(handle, malformed, all);
  if (secure) {
    server.on('connection', (socket) => connections.accept(socket, true));
    server.on('secureConnection', (socket) => connections.secured(socket));
  }
  const port = await serve(t, server, secure ? undefined : connections);
  t.teardown(() => connections.destroy());
  return { port, counters, connections, log, seen, server, handler };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Nothing is held for a client that is gone, and others are served. */
async function isClean(t: Test, { port, counters, connections }: Started): Promise<void> {
  t.match(await call({ port }), { status: 200 }, 'others are served');
  await until(() => connections.size === 0, 'connections are gone');
  await until(() => counters.inFlight === 0, 'requests have ended');
  t.match(counters, { inFlight: 0, requestsWaiting: 0, unsentBytes: 0, bodyBytes: 0 });
}

t.test('is told apart by its preface, in whatever pieces that arrives', async (t) => {
  const { port } = await start(t);
  for (const pieces of [
    [preface.slice(0, 1), preface.slice(1)],
    [...preface],
    [preface.slice(0, 18), preface.slice(18)],
    [`${preface}`.slice(0, 23), preface.slice(23)],
  ]) {
    const session = await openSession(t, { port }, '');
    session.socket.setNoDelay();
    for (const piece of pieces) {
      session.write(piece);
      // A read of its own for each.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    session.write(hello().subarray(preface.length), get(1));
    await session.until(1);
    t.equal(session.body(1), 'ok');
    t.equal(session.frames[0]?.type, 'settings', 'first');
    session.socket.destroy();
  }
  for (const [bytes, status] of [
    ['PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 400],
    ['PRI * HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['P', 400],
    ['PR', 400],
    ['PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 200],
  ] as const) {
    const socket = connect({ port });
    socket.end(bytes);
    t.match(await text(socket), `HTTP/1.1 ${status} `, bytes);
  }
  const socket = connect({ port });
  socket.write('P');
  await new Promise<void>((resolve) => setImmediate(resolve));
  socket.write('OST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.match(await text(socket), /^HTTP\/1\.1 200 /, 'in two pieces');
  const upgrade =
    'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n';
  t.match(
    await exchange({ port }, `GET / HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`),
    /^HTTP\/1\.1 200 /,
    'an upgrade is not taken',
  );
});

t.test('while it is not told apart, the times of HTTP/1.1 hold', async (t) => {
  const { port } = await start(t, { http: { headersMs: 50, requestMs: 100, checkMs: 20 } });
  t.match(await exchange({ port }, preface.slice(0, 20)), /^HTTP\/1\.1 408 /);
});

t.test('over TLS by ALPN; without it HTTP/1.1, and a certificate is renewed', async (t) => {
  const started = await start(t, { secure: true });
  const { port, server } = started;
  const { ca } = certificate;
  const get = { port, ca, host: '127.0.0.1' };
  t.match(await call({ ...get, http2: true }), { status: 200, body: 'ok' });
  t.match(await call(get), { status: 200, body: 'ok' });
  t.equal(started.seen[0]?.secure, true);
  for (const [protocols, negotiated] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const) {
    const socket = tlsConnect({ port, ca, ...(protocols && { ALPNProtocols: [...protocols] }) });
    await once(socket, 'secureConnect');
    t.equal(socket.alpnProtocol, negotiated);
    if (negotiated === 'h2') {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      t.notMatch(await text(socket), /^HTTP/, 'was promised HTTP/2');
    } else {
      socket.write(preface);
      t.match(await text(socket), /^HTTP\/1\.1 400 /, 'was not');
    }
  }
  const before = connectHttp2(`https://127.0.0.1:${port}`, { ca });
  t.teardown(() => before.destroy());
  await once(before, 'connect');
  const next = makeCertificate(dir, 'two');
  (server as ReturnType<typeof createHttpsServer>).setSecureContext(await loadTls(next));
  t.match(await call({ ...get, ca: next.ca, http2: true }), { status: 200 });
  const stream = before.request({ ':path': '/' });
  const [headers] = await once(stream, 'response');
  t.equal(headers[':status'], 200, 'connections stay');
  t.equal(await text(stream), 'ok');
});

t.test('a request is what it would be over HTTP/1.1', async (t) => {
  const { port, seen } = await start(t);
  const session = await openSession(t, { port });
  const more: [string, string][] = [
    ['cookie', 'a=1'],
    ['cookie', 'b=2'],
    ['x-many', '1'],
    ['x-many', '2'],
    ['te', 'trailers'],
    ['grpc-accept-encoding', 'identity,gzip'],
    ['content-type', 'application/grpc'],
    ['x-latin', '\xe9'],
  ];
  session.write(
    post(1, '/a?b=c', more),
    frame('data', 0, 1, 'bo'),
    frame('data', flags.end, 1, 'dy'),
  );
  await session.until(1);
  const [request] = seen;
  t.match(request, {
    ...{ method: 'POST', path: '/a', query: 'b=c', authority: 'x', secure: false },
    ...{ remote: '127.0.0.1', local: '127.0.0.1' },
    rawHeaders: ['host', 'x', ...more.flat()],
  });
  t.strictSame({ ...request?.headers }, {
    ...{ host: 'x', cookie: 'a=1; b=2', 'x-many': '1, 2', te: 'trailers' },
    ...{ 'grpc-accept-encoding': 'identity,gzip', 'content-type': 'application/grpc' },
    'x-latin': '\xe9',
  } as never);
  t.equal(String(request?.body), 'body');
  const fields = fieldsOf('/', [['host', 'x']]).filter(([name]) => name !== ':authority');
  session.write(
    frame('headers', flags.end | flags.endHeaders, 3, block(fields)),
    frame('headers', flags.end | flags.endHeaders, 5, block(fieldsOf('/', [['host', 'x']]))),
  );
  await session.until(3, 5);
  t.match(seen.slice(1), [{ authority: 'x' }, { authority: 'x' }], 'Host alone, and both alike');
});

t.test('what node:http refuses is refused here as well', async (t) => {
  const { port, seen } = await start(t);
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  t.teardown(() => client.destroy());
  const session = await openSession(t, { port });
  const without = (name: string) => fieldsOf('/').filter(([each]) => each !== name);
  let id = -1;
  for (const [name, fields, status] of [
    ['a method that nobody knows', fieldsOf('/', [], 'FOO'), 400],
    [
      'CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', 'x'],
      ],
      405,
    ],
    ['two hosts', fieldsOf('/', [['host', 'y']]), 400],
    ['no host', without(':authority'), undefined],
    [
      'another scheme’s path',
      [
        [':method', 'GET'],
        [':scheme', 'ftp'],
        [':path', 'x'],
        [':authority', 'x'],
      ],
      400,
    ],
    ['OPTIONS *', fieldsOf('*', [], 'OPTIONS'), 200],
    ['Transfer-Encoding', fieldsOf('/', [['transfer-encoding', 'chunked']]), undefined],
    ['Connection', fieldsOf('/', [['connection', 'close']]), undefined],
    ['TE other than trailers', fieldsOf('/', [['te', 'gzip']]), undefined],
    ['an upper-case name', fieldsOf('/', [['X-A', 'b']]), undefined],
    ['a line break, which node:http2 leaves out', fieldsOf('/', [['x-a', 'b\r\nc: d']]), 200],
    [
      'a pseudo-header field after others',
      fieldsOf('/', [
        ['x-a', 'b'],
        [':x', 'y'],
      ]),
      undefined,
    ],
    ['two paths', fieldsOf('/', [[':path', '/b']]), undefined],
    ['no path', without(':path'), undefined],
  ] as [string, [string, string][], number | undefined][]) {
    id += 2;
    session.write(frame('headers', flags.end | flags.endHeaders, id, block(fields)));
    await session.until(id);
    if (status === undefined)
      t.strictSame(session.codes('reset', id), [1], `${name}: PROTOCOL_ERROR`);
    else t.strictSame(session.codes('reset', id), [], name);
    if (status !== undefined && status >= 400)
      t.match(
        session.body(id),
        { 400: 'Bad Request', 405: 'Method Not Allowed' }[status] ?? '',
        name,
      );
  }
  t.equal(seen.length, 2, 'no other gets to an API');
  t.strictSame(seen[1]?.rawHeaders, ['host', 'x']);
});

t.test('a body that is not wanted costs its stream, not the session', async (t) => {
  const { port, seen } = await start(t);
  const session = await openSession(t, { port });
  session.write(post(1, '/', [['content-length', '100001']]), frame('data', 0, 1, 'x'));
  await session.until(1);
  await until(() => session.codes('reset', 1).length > 0, 'it is reset');
  t.equal(session.body(1), 'tooLarge');
  t.strictSame(session.codes('reset', 1), [0], 'NO_ERROR, after the response');
  t.equal(session.of('headers', 1).length, 1);
  session.write(frame('data', flags.end, 1, 'x'), get(3));
  await session.until(3);
  t.equal(session.body(3), 'ok', 'the next');
  t.equal(seen.length, 1);
  t.strictSame(session.codes('goAway'), []);
});

t.test('Expect: 100-continue is answered', async (t) => {
  const { port } = await start(t);
  const session = await openSession(t, { port });
  session.write(post(1, '/', [['expect', '100-continue']]));
  await until(() => session.of('headers', 1).length === 1, 'the invitation');
  session.write(frame('data', flags.end, 1, 'x'));
  await session.until(1);
  t.equal(session.of('headers', 1).length, 2);
  t.equal(session.body(1), 'ok');
});

t.test('trailers come after the body, or with the head alone', async (t) => {
  const answers: Record<string, ApiResponse> = {
    '/after': { ...ok('body'), trailers: { 'grpc-status': '0' } },
    '/stream': {
      ...ok(Readable.from([Buffer.from('bo'), Buffer.from('dy')])),
      trailers: { a: 'b' },
    },
    '/only': {
      status: 200,
      headers: { 'content-type': 'application/grpc', 'grpc-status': '7' },
      body: '',
    },
    '/empty': { ...ok(''), trailers: { a: 'b' } },
    '/cut': ok(
      Readable.from(
        (async function* () {
          yield Buffer.from('part');
          throw new Error('broken');
        })(),
      ),
    ),
    '/204': { status: 204, headers: {}, body: '' },
    '/connection': { ...ok(), headers: { Connection: 'close', 'Keep-Alive': 'x', 'X-A': 'b' } },
  };
  const { port, log } = await start(t, {
    answer: async ({ path }) => answers[path] as ApiResponse,
  });
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  t.teardown(() => client.destroy());
  const ask = async (path: string) => {
    const stream = client.request({ ':path': path, ':method': 'POST', te: 'trailers' });
    let [trailers, isHeadOnly]: [object | undefined, boolean] = [undefined, false];
    stream.on('trailers', (all) => {
      trailers = { ...all };
    });
    stream.on('response', (_, flag) => {
      isHeadOnly = (flag & flags.end) !== 0;
    });
    stream.end('x');
    const [headers] = await once(stream, 'response');
    const body = await text(stream).catch((error) => error.code);
    return { headers, body, trailers, isHeadOnly, code: stream.rstCode };
  };
  t.match(await ask('/after'), {
    body: 'body',
    trailers: { 'grpc-status': '0' },
    isHeadOnly: false,
  });
  t.match(await ask('/stream'), { body: 'body', trailers: { a: 'b' } });
  const only = await ask('/only');
  t.match(only, { body: '', trailers: undefined, isHeadOnly: true });
  t.match(only.headers, { ':status': 200, 'grpc-status': '7' });
  t.match(await ask('/empty'), { body: '', trailers: { a: 'b' } });
  t.match(await ask('/204'), { headers: { ':status': 204 }, isHeadOnly: true });
  t.match(
    await ask('/cut'),
    { body: 'ERR_HTTP2_STREAM_ERROR', code: 2 },
    'a part is not the whole',
  );
  t.match(log.records, [{ message: 'answer cut off' }]);
  const { headers } = await ask('/connection');
  t.match(headers, { 'x-a': 'b', server: 'entropyd', 'content-length': '2' });
  t.strictSame([headers.connection, headers['keep-alive']], [undefined, undefined]);
});

t.test('streams are as many as requests of a connection, and begin in turns', async (t) => {
  const { opened, open } = gate();
  const { port, seen, counters } = await start(t, {
    limits: { requestsPerConnection: 5 },
    answer: async () => {
      await opened;
      return ok();
    },
  });
  const session = await openSession(t, { port });
  await until(() => session.of('settings').length > 0, 'settings');
  const [settings] = session.of('settings');
  const announced = new Map<number, number>();
  for (let at = 0; at < (settings?.payload.length ?? 0); at += 6)
    announced.set(
      settings?.payload.readUInt16BE(at) ?? 0,
      settings?.payload.readUInt32BE(at + 2) ?? 0,
    );
  t.equal(announced.get(3), 5, 'SETTINGS_MAX_CONCURRENT_STREAMS');
  t.equal(announced.get(6), 16_384, 'SETTINGS_MAX_HEADER_LIST_SIZE');
  const ids = Array.from({ length: 8 }, (_, i) => 2 * i + 1);
  session.write(...ids.map((id) => get(id)));
  await until(() => seen.length === 5, 'five are under way');
  await session.until(11, 13, 15);
  t.strictSame(
    [11, 13, 15].map((id) => session.codes('reset', id)[0]),
    [7, 7, 7],
    'REFUSED_STREAM',
  );
  session.write(...ids.slice(0, 5).map((id) => frame('reset', 0, id, uint32(8))));
  session.write(get(17), get(19));
  await until(
    () => counters.requestsWaiting === 2,
    'those that were reset still have their places',
  );
  t.equal(counters.inFlight, 5);
  t.equal(seen.length, 5);
  session.write(frame('reset', 0, 17, uint32(8)));
  await until(() => counters.requestsWaiting === 1, 'who leaves does not wait');
  open();
  await session.until(19);
  t.equal(seen.length, 6);
  await until(() => counters.inFlight === 0, 'all have ended');
});

t.test('a request that is reset in its body is nobody’s', async (t) => {
  const started = await start(t);
  const { port, seen, counters } = started;
  const session = await openSession(t, { port });
  for (const [id, code] of [
    [1, 0],
    [3, 8],
    [5, 2],
  ] as const) {
    session.write(post(id), frame('data', 0, id, '{"whole":1}'));
    await until(() => counters.inFlight === 1, 'it is under way');
    session.write(frame('reset', 0, id, uint32(code)));
    await until(() => counters.inFlight === 0, 'it ends');
  }
  session.write(get(7));
  await session.until(7);
  t.strictSame(
    seen.map(({ method }) => method),
    ['GET'],
    'no part is taken for the whole',
  );
  t.strictSame(started.log.records, []);
  session.socket.destroy();
  await isClean(t, started);
});

t.test('a request that is reset while it waits gives its place back', async (t) => {
  // node:http2 tells nobody of a HEAD whose stream closes before its response has begun.
  for (const method of ['GET', 'HEAD']) {
    const answers = gate();
    const started = await start(t, {
      // Pipelined requests take half of all places at most.
      limits: { requests: 2 },
      answer: async () => {
        await answers.opened;
        return ok();
      },
    });
    const { port, counters } = started;
    const session = await openSession(t, { port });
    session.write(get(1));
    await until(() => counters.inFlight === 1, 'one is under way');
    const whole = flags.end | flags.endHeaders;
    session.write(frame('headers', whole, 3, block(fieldsOf('/', [], method))));
    await until(() => counters.requestsWaiting === 1, 'the other waits');
    session.write(frame('reset', 0, 3, uint32(8)));
    await until(() => counters.requestsWaiting === 0, `${method}: its place is free`);
    answers.open();
    await session.until(1);
    await until(() => counters.inFlight === 0, 'while the session stays');
    t.equal(started.seen.length, 1);
    t.strictSame(started.log.records, []);
    session.socket.destroy();
    await isClean(t, started);
  }
});

t.test('times: for bodies, for who reads nothing, for a session without streams', async (t) => {
  const http = { headersMs: 60, requestMs: 60, keepAliveMs: 60, silenceMs: 60 };
  const slow = await start(t, { http: { ...http, silenceMs: 10_000 } });
  const session = await openSession(t, { port: slow.port });
  session.write(post(1), frame('data', 0, 1, 'x'));
  await session.until(1);
  t.match(session.body(1), 'Request Timeout');
  t.equal(slow.seen.length, 0);
  await until(() => session.closed, 'without streams it is ended');
  t.strictSame(session.codes('goAway'), [0]);
  await isClean(t, slow);
  const unread = await start(t, { http, answer: async () => ok(new Uint8Array(200_000)) });
  const other = await openSession(t, { port: unread.port }, hello([4, 0]));
  const ping = setInterval(() => other.write(frame('ping', 0, 0, 'PING-PIN')), 10);
  t.teardown(() => clearInterval(ping));
  other.write(get(1));
  await other.until(1);
  t.strictSame(other.codes('reset', 1), [8], 'CANCEL, though it pings');
  await until(() => other.closed, 'and then it is ended');
});

t.test('room is made of who reads nothing, and of who sends no whole request', async (t) => {
  const unread = await start(t, {
    limits: { unsentBytes: 250_000 },
    answer: async () => ok(new Uint8Array(100_000)),
  });
  const sessions: RawSession[] = [];
  for (let i = 0; i < 2; i++) {
    const session = await openSession(t, { port: unread.port }, hello([4, 0]));
    session.write(get(1));
    await until(() => unread.counters.unsentBytes === (i + 1) * 100_000, 'it waits');
    sessions.push(session);
  }
  // Longer than a response counts as being on its way.
  await until(() => {
    sessions[0]?.write(frame('ping', 0, 0, 'PING-PIN'));
    return (sessions[0]?.of('ping').length ?? 0) > 60;
  }, 'some time');
  t.match(await call({ port: unread.port, http2: true }), { status: 200 });
  t.match(unread.counters.connectionsEnded, { unread: 1 });
  const bodies = await start(t, { limits: { bodyBytes: 100_000 } });
  for (let i = 0; i < 2; i++) {
    const session = await openSession(t, { port: bodies.port });
    for (let id = 1; id <= 5; id += 2)
      session.write(post(id), frame('data', 0, id, 'x'.repeat(16_000)));
    session.write(frame('data', 0, 1, 'x'.repeat(10_000)));
    sessions.push(session);
  }
  await until(() => bodies.counters.connectionsEnded.body > 0, 'one is ended');
  const partial = await start(t, { limits: { requests: 4 } });
  const session = await openSession(t, { port: partial.port });
  for (let id = 1; id <= 7; id += 2) session.write(post(id));
  await until(() => partial.counters.inFlight > 0, 'they come');
  t.match(await call({ port: partial.port }), { status: 200 });
});

t.test('the drain ends sessions with GOAWAY, and loses no stream', async (t) => {
  const { opened, open } = gate();
  const started = await start(t, {
    answer: async () => {
      await opened;
      return ok();
    },
  });
  const { port, connections, server, handler, seen } = started;
  const [busy, idle] = [await openSession(t, { port }), await openSession(t, { port })];
  idle.write(frame('ping', 0, 0, 'PING-PIN'));
  await until(() => idle.of('ping').length > 0, 'it is there');
  busy.write(get(1), get(3));
  await until(() => seen.length === 2, 'two are under way');
  const listener = { address: '', server, renew() {} };
  const closed = closeListeners([listener], connections, handler.finish());
  await until(() => busy.codes('goAway').length > 0 && idle.closed, 'GOAWAY');
  t.strictSame(
    busy.of('goAway').map(({ payload }) => payload.readUInt32BE(0)),
    [3],
    'the last stream',
  );
  busy.write(get(5));
  open();
  await closed;
  await until(() => busy.closed, 'and then the connection');
  t.strictSame(
    [1, 3, 5].map((id) => busy.body(id)),
    ['ok', 'ok', ''],
  );
  t.strictSame(busy.codes('goAway')[0], 0, 'NO_ERROR');
});

// node:http2 would refuse it while nghttp2 reads it, and free what nghttp2 goes on to use. Only Node's own
// account of what it was given shows that.
t.test('a stream behind the client’s GOAWAY is never given to node:http2', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const socketPath = freePath();
  const args = [built('entropyd'), 'gateway', '--socket', path, '--listen', `unix:${socketPath}`];
  const program = new Program(t, args, { env: { ...environment, NODE_DEBUG_NATIVE: 'http2' } });
  await program.says('gateway listening');
  const goAway = frame('goAway', 0, 0, uint32(0, 0));
  for (const pieces of [
    [Buffer.concat([get(1, '/healthz'), goAway, get(3), goAway, get(5)])],
    [get(1, '/healthz'), goAway.subarray(0, 12), Buffer.concat([goAway.subarray(12), get(3)])],
  ]) {
    const session = await openSession(t, { path: socketPath });
    session.write(...pieces);
    await until(() => session.closed, 'its end');
    t.match(session.body(1), /^Pages answer/);
    t.strictSame(session.codes('reset'), []);
    t.strictSame(session.codes('goAway'), [0]);
  }
  await program.kill('SIGTERM');
  t.ok(count(program.stderr, /handling goaway frame/g) >= 2, 'GOAWAY was read');
  t.equal(count(program.stderr, /beginning headers for stream 1\b/g), 2);
  t.notMatch(program.stderr, /beginning headers for stream [35]/);
});

const many = (count: number, bytes: Buffer) =>
  Buffer.concat(Array.from({ length: count }, () => bytes));
const headers = (
  id: number,
  more: [string, string][],
  flag: number = flags.end | flags.endHeaders,
) => frame('headers', flag, id, block(fieldsOf('/', more)));

/** What ends a session: a flood of it, or a frame that is no frame. */
const hostile: readonly (readonly [name: string, bytes: Buffer, first?: Buffer])[] = [
  [
    'rapid reset',
    Buffer.concat(
      Array.from({ length: 20_000 }, (_, i) =>
        Buffer.concat([get(2 * i + 1), frame('reset', 0, 2 * i + 1, uint32(8))]),
      ),
    ),
  ],
  [
    'CONTINUATION without end',
    Buffer.concat([
      headers(1, [], 0),
      many(10_000, frame('continuation', 0, 1, block([['x', 'y']]))),
    ]),
  ],
  [
    'empty CONTINUATION without end',
    Buffer.concat([headers(1, [], 0), many(10_000, frame('continuation', 0, 1))]),
  ],
  ['a frame above the largest', frame('data', 0, 1, 'x'.repeat(20_000))],
  ['DATA of no stream', Buffer.concat([frame('data', 0, 0, 'x')])],
  ['DATA of a stream that is idle', frame('data', 0, 9, 'x')],
  ['an even stream', get(2)],
  ['PUSH_PROMISE', frame('push', flags.endHeaders, 1, uint32(2))],
  ['SETTINGS of five bytes', frame('settings', 0, 0, '12345')],
  ['SETTINGS of a stream', frame('settings', 0, 1)],
  ['PING of seven bytes', frame('ping', 0, 0, '1234567')],
  ['a window of more than 2^31', frame('windowUpdate', 0, 0, uint32(0x7fffffff))],
  ['WINDOW_UPDATE by 0', frame('windowUpdate', 0, 0, uint32(0))],
  [
    'an initial window of 2^31',
    frame('settings', 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0x80000000)])),
  ],
  [
    'broken HPACK',
    frame(
      'headers',
      flags.end | flags.endHeaders,
      1,
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ),
  ],
  [
    'an HPACK table above the limit',
    frame('headers', flags.end | flags.endHeaders, 1, Buffer.from([0x3f, 0xe1, 0xff, 0x03])),
  ],
  ['HTTP/1.1 after the preface', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100))],
  [
    'a frame in the middle of a head',
    Buffer.concat([headers(1, [], 0), frame('ping', 0, 0, 'PING-PIN')]),
  ],
  [
    'random bytes',
    Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167 + (i >> 3) * 31) & 255)),
  ],
  ['no SETTINGS at first', get(1), Buffer.from(preface)],
];

for (const [name, bytes, first] of hostile)
  t.test(`hostile: ${name}: the session is ended`, async (t) => {
    const started = await start(t);
    const session = await openSession(t, { port: started.port }, first ?? hello());
    session.write(bytes);
    t.match(await call({ port: started.port, http2: true }), { status: 200 }, 'meanwhile');
    await until(() => session.closed, 'its end');
    t.ok(
      session.codes('goAway').some((code) => code !== 0),
      `GOAWAY ${session.codes('goAway')}`,
    );
    await isClean(t, started);
  });

/** What a session may do, at its own cost. */
for (const [name, bytes] of [
  ['PING', many(20_000, frame('ping', 0, 0, 'PING-PIN'))],
  ['SETTINGS', many(20_000, frame('settings'))],
  ['PRIORITY', many(20_000, frame('priority', 0, 1, Buffer.from([0, 0, 0, 0, 1])))],
  ['frames of an unknown type', many(20_000, frame(0xee, 0, 0, 'x'))],
  ['WINDOW_UPDATE by 1', many(20_000, frame('windowUpdate', 0, 0, uint32(1)))],
  [
    'empty DATA',
    Buffer.concat([post(1), many(20_000, frame('data', 0, 1)), frame('data', flags.end, 1)]),
  ],
  [
    'DATA of one byte',
    Buffer.concat([post(1), many(20_000, frame('data', 0, 1, 'x')), frame('data', flags.end, 1)]),
  ],
  [
    'heads above the limit',
    Buffer.concat(
      Array.from({ length: 200 }, (_, i) =>
        headers(
          2 * i + 1,
          Array.from({ length: 2 }, () => ['x', 'y'.repeat(9_000)]),
          flags.end | flags.endHeaders,
        ).subarray(0, 0),
      ),
    ),
  ],
] as const)
  t.test(`hostile: a flood of ${name} keeps nobody from his answer`, async (t) => {
    const started = await start(t);
    const session = await openSession(t, { port: started.port });
    session.write(bytes);
    for (let i = 0; i < 5; i++) t.match(await call({ port: started.port }), { status: 200 });
    session.write(get(99_999), frame('ping', 0, 0, 'last one'));
    await until(
      () => session.closed || session.of('ping').some(({ payload }) => payload.includes('last')),
      'it is read to the end, or ended',
    );
    session.socket.destroy();
    await isClean(t, started);
  });

t.test('a head above the limit is refused, in one frame or several', async (t) => {
  const started = await start(t);
  const session = await openSession(t, { port: started.port });
  const fields = Array.from({ length: 3 }, (_, i): [string, string] => [
    `x-${i}`,
    'y'.repeat(6_000),
  ]);
  const all = block(fieldsOf('/', fields));
  session.write(
    frame('headers', flags.end, 1, all.subarray(0, 16_000)),
    frame('continuation', flags.endHeaders, 1, all.subarray(16_000)),
    get(3),
  );
  await session.until(1, 3);
  t.match(session.body(1), 'Request Header Fields Too Large');
  session.write(frame('settings', flags.end));
  const long = Array.from({ length: 3 }, (): [string, string] => ['x', 'y'.repeat(5_400)]);
  session.write(headers(9, long));
  await session.until(9);
  t.strictSame(
    session.codes('reset', 9),
    [11],
    'ENHANCE_YOUR_CALM, once the setting is acknowledged',
  );
  const tiny = Array.from({ length: 600 }, (): [string, string] => ['x', '']);
  session.write(headers(11, tiny), get(13));
  await session.until(11, 13);
  t.strictSame(session.codes('reset', 11), [11], 'many tiny fields');
  t.equal(started.seen.length, 2);
  session.socket.destroy();
  await isClean(t, started);
});

t.test('curl speaks it, with prior knowledge and by ALPN', async (t) => {
  const log = memoryLog();
  const { certificate: tlsCert } = certificate;
  const socketPath = join(dir, 's');
  const common = { client: fakeSource(), dialect: 'otc', log } as const;
  const plain = await startGateway({ ...common, listen: ['127.0.0.1:0', `unix:${socketPath}`] });
  const secure = await startGateway({
    ...common,
    listen: ['127.0.0.1:0'],
    tls: certificate,
  });
  t.teardown(() => Promise.all([plain.close(), secure.close()]));
  const vault = ['-X', 'POST', '-H', 'X-Vault-Token: any'];
  const path = '/v1/sys/tools/random/32';
  for (const [args, version] of [
    [['--http2-prior-knowledge', `http://${plain.addresses[0]}${path}`], '2'],
    [['--http2-prior-knowledge', '--unix-socket', socketPath, `http://localhost${path}`], '2'],
    [['--http2', `http://${plain.addresses[0]}${path}`], '1.1'],
    [['--http2', '--cacert', tlsCert, `https://${secure.addresses[0]}${path}`], '2'],
    [['--http1.1', '--cacert', tlsCert, `https://${secure.addresses[0]}${path}`], '1.1'],
    [['--no-alpn', '--cacert', tlsCert, `https://${secure.addresses[0]}${path}`], '1.1'],
  ] as const) {
    const { stdout } = await run('curl', [
      '-sS',
      '-w',
      '\n%{http_version} %{http_code}',
      ...vault,
      ...args,
    ]);
    t.match(stdout, /"random_bytes":"[\w+/]{43}="/, args.join(' '));
    t.match(stdout, new RegExp(`\n${version.replace('.', '\\.')} 200$`), args.join(' '));
  }
});
