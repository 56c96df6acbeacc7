import { once } from 'node:events';
import { Agent, type RequestListener, request } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { createHttpServer, type HttpLimits, httpLimits } from '../../src/gateway/http-server.js';
import { exchange, serve } from './support.js';

const answerOk: RequestListener = (request, response) => {
  request.resume().once('end', () => response.end('ok'));
};

/** A server with the limits of production but for those given. */
async function start(
  t: Test,
  limits: Partial<HttpLimits> = {},
  handle = answerOk,
): Promise<number> {
  return serve(t, createHttpServer(handle, { ...httpLimits, ...limits }));
}

t.test('answers in JSON, with Date, and closes on what it cannot take as a request', async (t) => {
  const short = { headersMs: 50, requestMs: 100, checkMs: 20 };
  const chunked = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const [name, bytes, limits, status] of [
    ['no HTTP', '\x16\x03\x01\x00\xa5', {}, '400 Bad Request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      {},
      '400 Bad Request',
    ],
    [
      'large headers',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      {},
      '431 Request Header Fields Too Large',
    ],
    ['long chunk extension', `${chunked}1;${'x'.repeat(20_000)}`, {}, '413 Payload Too Large'],
    ['slow headers', 'GET / HTTP/1.1\r\n', short, '408 Request Timeout'],
    [
      'slow body',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx',
      short,
      '408 Request Timeout',
    ],
  ] as const) {
    const port = await start(t, limits);
    const answer = await exchange({ port }, bytes);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    t.equal(head.split('\r\n')[0], `HTTP/1.1 ${status}`, name);
    t.match(head, /^Content-Type: application\/json\r$/m);
    t.match(head, /^Date: .* GMT\r$/m);
    t.match(head, /^Connection: close$/m);
    t.match(head, `Content-Length: ${body.length}`);
    t.match(JSON.parse(body), { __type: /./, error_code: /./, error_msg: status.slice(4) });
  }
});

t.test('ends without an answer when nobody could read it', async (t) => {
  const server = createHttpServer(answerOk);
  for (const [name, error, socket] of [
    [
      'the client went away',
      Object.assign(new Error('x'), { code: 'ECONNRESET' }),
      new PassThrough(),
    ],
    ['our side has ended', new Error('x'), new PassThrough().end()],
  ] as const) {
    server.emit('clientError', error, socket);
    t.ok(socket.destroyed, name);
    t.equal(socket.read(), null, name);
  }
});

t.test('answers any number of requests on one connection', async (t) => {
  const port = await start(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ports = new Set();
  for (let i = 0; i < 3; i++) {
    const outgoing = request({ port, agent }).end();
    const [incoming] = await once(outgoing, 'response');
    ports.add(incoming.socket.localPort);
    t.equal(await text(incoming), 'ok');
  }
  t.equal(ports.size, 1);
});

t.test('closes a connection that stays idle, or silent while an answer waits', async (t) => {
  const idle = await start(t, { keepAliveMs: 50 });
  t.match(await exchange({ port: idle }, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /ok$/, 'idle');
  const silent = await start(t, { silenceMs: 50 }, () => {});
  t.equal(await exchange({ port: silent }, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), '', 'silent');
});

t.test('drops connections over their number', async (t) => {
  const port = await start(t, { connections: 1 });
  const first = connect({ port });
  await once(first, 'connect');
  t.equal(await exchange({ port }, ''), '', 'the second is closed');
  first.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.match(await text(first), /ok$/, 'the first is served');
});

t.test('leaves Expect and a missing Host to the handler', async (t) => {
  const port = await start(t, {}, ({ headers }, response) => response.end(`${headers.expect}`));
  const close = 'Connection: close\r\n\r\n';
  for (const [head, expected] of [
    ['Host: x\r\nExpect: 100-continue\r\n', '100-continue'],
    ['Host: x\r\nExpect: something\r\n', 'something'],
    ['', 'undefined'],
  ] as const)
    t.match(
      await exchange({ port }, `GET / HTTP/1.1\r\n${head}${close}`),
      new RegExp(`^HTTP/1\\.1 200 .*${expected}`, 's'),
      expected,
    );
});
