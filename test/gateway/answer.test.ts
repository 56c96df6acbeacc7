import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import t, { type Test } from 'tap';
import type { ApiResponse } from '../../src/apis/api.js';
import { apis } from '../../src/apis/list.js';
import { createMalformedResponse, send } from '../../src/gateway/answer.js';
import { createHttpsServer } from '../../src/gateway/http-server.js';
import { loadTls } from '../../src/gateway/tls-files.js';
import { makeCertificate } from '../support/certificates.js';
import { fakeTimers } from '../support/fake-timers.js';
import { call, serve, settings } from '../support/gateway.js';
import { until } from '../support/until.js';

const malformed = createMalformedResponse(apis.map((entry) => entry.create(settings)));
const hold = () => {};
const kept = { keepAlive: true, malformed, hold };

const teapot = { status: 418, headers: { 'x-request-id': 'id-1' }, body: 'é' };

t.test('sends status, headers and body, uncached and without any CORS header', async (t) => {
  const port = await serve(t, (request, response) => {
    request.resume().once('end', () => send(request, response, teapot, kept));
  });
  const { status, headers, body } = await call({ port, headers: { origin: 'http://localhost' } });
  t.match(
    { status, headers, body },
    {
      status: 418,
      headers: {
        'x-request-id': 'id-1',
        'content-length': '2',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        date: /GMT$/,
        server: 'entropyd',
      },
      body: 'é',
    },
  );
  t.notMatch(Object.keys(headers).join(), /access-control/);
  t.equal((await call({ port, method: 'HEAD' })).body, '', 'HEAD: headers only');
});

t.test('status 204 has neither a body nor its length', async (t) => {
  const port = await serve(t, (request, response) => {
    const answer = { status: 204, headers: {}, body: '{}' };
    request.resume().once('end', () => send(request, response, answer, kept));
  });
  const { status, headers, body } = await call({ port });
  t.match({ status, body }, { status: 204, body: '' });
  t.notOk(headers['content-length'] ?? headers['transfer-encoding']);
});

t.test('an API may say more about caching, and says it once', async (t) => {
  const own = { 'Cache-Control': 'no-store, private', Pragma: 'no-cache' };
  const port = await serve(t, (request, response) => {
    const answer = { ...teapot, headers: own };
    request.resume().once('end', () => send(request, response, answer, kept));
  });
  const { headers } = await call({ port });
  t.match(headers, { pragma: 'no-cache', 'x-content-type-options': 'nosniff' });
  t.equal(headers['cache-control'], 'no-store, private');
});

t.test(
  'a response that was passed on keeps the name of the server that made it, or none',
  async (t) => {
    for (const headers of [{ via: '1.1 entropyd', server: 'Theirs' }, { via: '1.1 entropyd' }]) {
      const port = await serve(t, (request, response) => {
        const answer = { status: 200, headers, body: Readable.from(['x']) };
        request.resume().once('end', () => send(request, response, answer, kept));
      });
      t.equal((await call({ port })).headers.server, (headers as { server?: string }).server);
    }
  },
);

t.test('bytes over TLS come whole and in order, those of pipelined requests too', async (t) => {
  const { ca, ...files } = makeCertificate(t.testdir(), 'bytes');
  const handler: RequestListener = (request, response) => {
    const body = Buffer.alloc(Number(request.url?.slice(1)), 'x');
    const answer = { status: 200, headers: {}, body };
    const last = { hold, keepAlive: request.url !== '/3', malformed };
    // The first is answered last: the others wait for it.
    const answered = () => send(request, response, answer, last);
    request
      .resume()
      .once('end', () => (request.url === '/1' ? setImmediate(answered) : answered()));
  };
  const server = createHttpsServer(handler, malformed, await loadTls(files));
  const socket = tlsConnect({ port: await serve(t, server), ca });
  socket.write(
    ['/1', '/200000', '/3'].map((path) => `POST ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''),
  );
  const parts = (await text(socket)).split(/HTTP\/1\.1 200 OK\r\n.*?\r\n\r\n/s);
  t.strictSame(
    parts.map(({ length }) => length),
    [0, 1, 200_000, 3],
  );
});

t.test('keeps the connection only when told to and the body was read', async (t) => {
  for (const [keepAlive, read, connection] of [
    [true, true, 'keep-alive'],
    [false, true, 'close'],
    [true, false, 'close'],
  ] as const) {
    const port = await serve(t, (request, response) => {
      if (read)
        request
          .resume()
          .once('end', () => send(request, response, teapot, { keepAlive, malformed, hold }));
      else void send(request, response, teapot, { keepAlive, malformed, hold });
    });
    const { headers } = await call({
      port,
      method: 'POST',
      headers: { connection: 'keep-alive' },
      body: 'x'.repeat(100_000),
    });
    t.equal(headers.connection, connection, `keepAlive ${keepAlive}, body read ${read}`);
  }
});

t.test(
  'answers a client that is still sending, and drops what it sends for at most 1 s',
  async (t) => {
    const timers = fakeTimers(t);
    const port = await serve(t, (request, response) => send(request, response, teapot, kept));
    for (const [name, rest] of [
      ['the rest arrives', 'x'.repeat(1_000_000)],
      ['the rest never arrives', ''],
    ] as const) {
      const socket = connect({ port });
      const received = text(socket);
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\nx');
      await once(socket, 'readable');
      await until(() => timers.running === 1, 'it lingers');
      timers.advance(999);
      t.equal(timers.running, 1, `${name}: the connection lasts`);
      socket.write(rest);
      if (rest === '') timers.advance(1);
      t.match(await received, /^HTTP\/1\.1 418 .*\r\n\r\né$/s, name);
      t.equal(timers.running, 0);
    }
  },
);

t.test('sends bytes as they are, with their length', async (t) => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const port = await serve(t, (request, response) => {
    const answer = { status: 200, headers: {}, body: bytes };
    request.resume().once('end', () => send(request, response, answer, kept));
  });
  const response = await fetch(`http://127.0.0.1:${port}/`);
  t.equal(response.headers.get('content-length'), '256');
  t.strictSame(new Uint8Array(await response.arrayBuffer()), bytes);
});

t.test('trailers follow the body, which then goes in chunks', async (t) => {
  for (const body of ['ab', () => Readable.from(['ab'])]) {
    const port = await serve(t, (request, response) => {
      const answer: ApiResponse = {
        status: 200,
        headers: {},
        body: typeof body === 'string' ? body : body(),
        trailers: { 'grpc-status': '0' },
      };
      request.resume().once('end', () => send(request, response, answer, kept));
    });
    const socket = connect({ port });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const received = await text(socket);
    t.match(received, /^Trailer: grpc-status\r$/m);
    t.notMatch(received, /Content-Length/i);
    t.match(received, /\r\n\r\n2\r\nab\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
  }
});

/** What comes back for `head` where the answer is a stream, and how its sending ended. */
async function streamed(
  t: Test,
  body: Readable,
  headers: Record<string, string>,
  head: string,
  status = 200,
) {
  let ended: unknown;
  const port = await serve(t, (request, response) => {
    void send(request, response, { status, headers, body }, kept).catch((error) => {
      ended = error;
    });
  });
  const socket = connect({ port });
  t.teardown(() => socket.destroy());
  socket.write(head);
  return { received: await text(socket), error: () => ended };
}

t.test('sends a stream with its length, or in chunks', async (t) => {
  const get = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  for (const [headers, wanted] of [
    [{ 'content-length': '4' }, /content-length: 4\r\n[\s\S]*\r\n\r\nabcd$/],
    [{}, /Transfer-Encoding: chunked\r\n\r\n(?:2\r\nab\r\n2\r\ncd|4\r\nabcd)\r\n0\r\n\r\n$/],
  ] as const) {
    const { received } = await streamed(t, Readable.from(['ab', 'cd']), headers, get);
    t.match(received, wanted);
    t.match(received, /Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n/);
  }
});

t.test('a stream that fails cuts the connection, and its error is told', async (t) => {
  const failing = Readable.from(
    (async function* () {
      yield 'ab';
      throw new Error('broke');
    })(),
  );
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  const { received, error } = await streamed(t, failing, {}, get);
  t.match(received, /\r\n\r\n2\r\nab\r\n$/, 'no last chunk');
  t.match(error(), { message: 'broke' });
});

t.test('a client that goes destroys the stream', async (t) => {
  const body = new PassThrough();
  body.write('ab');
  const failed = new Promise((resolve) => {
    void serve(t, (request, response) => {
      send(request, response, { status: 200, headers: {}, body }, kept).catch(resolve);
    }).then(async (port) => {
      const socket = connect({ port });
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
    });
  });
  t.match(await failed, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  t.ok(body.destroyed);
});

t.test('HTTP/1.0 gets no stream whose end it could not tell from a cut', async (t) => {
  const body = Readable.from(['ab']);
  const get = 'GET / HTTP/1.0\r\nHost: x\r\n\r\n';
  t.match((await streamed(t, body, {}, get)).received, /^HTTP\/1.1 505 [\s\S]*"__type"/);
  t.ok(body.destroyed);
  const whole = await streamed(t, Readable.from(['ab']), { 'content-length': '2' }, get);
  t.match(whole.received, /^HTTP\/1.1 200 [\s\S]*\r\n\r\nab$/);
  const none = await streamed(t, Readable.from([]), {}, get, 204);
  t.match(none.received, /^HTTP\/1.1 204 /, 'no content has no end to tell');
});

t.test('answers in members that all APIs’ clients read, with a new request id', async (t) => {
  for (const [status, text] of [
    [400, 'Bad Request'],
    [408, 'Request Timeout'],
    [431, 'Request Header Fields Too Large'],
    [499, ''],
  ] as const) {
    const { headers, body, ...rest } = malformed(status);
    const requestId = headers['x-request-id'];
    t.match(requestId, /^[0-9a-f-]{36}$/);
    t.strictSame(headers, {
      'Content-Type': 'application/json',
      'x-amzn-RequestId': requestId,
      'x-ms-request-id': requestId,
      'x-request-id': requestId,
    });
    t.strictSame(JSON.parse(body), {
      __type: 'SerializationException',
      message: text,
      error_code: 'APIGW.0201',
      error_msg: text,
      request_id: requestId,
      errors: [text],
    });
    t.strictSame(rest, { status });
    t.not(malformed(status).headers['x-request-id'], requestId);
  }
});
