import { EventEmitter, once } from 'node:events';
import { Agent, type RequestListener, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import t, { type Test } from 'tap';
import { apis } from '../../src/apis/list.js';
import { errorCode } from '../../src/common/errors.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import {
  createHttpServer,
  createHttpsServer,
  type HttpLimits,
  httpLimits,
  readBody,
} from '../../src/gateway/http-server.js';
import { loadTls } from '../../src/gateway/tls-files.js';
import { makeCertificate } from '../support/certificates.js';
import { fakeTimers } from '../support/fake-timers.js';
import { call, exchange, serve, settings } from '../support/gateway.js';
import { gate, until } from '../support/until.js';

const malformed = createMalformedResponse(apis.map((entry) => entry.create(settings)));

const answerOk: RequestListener = (request, response) => {
  request.resume().once('end', () => response.end('ok'));
};

/** A server with the limits of production but for those given. */
async function start(
  t: Test,
  limits: Partial<HttpLimits> = {},
  handle = answerOk,
): Promise<number> {
  return serve(t, createHttpServer(handle, malformed, { ...httpLimits, ...limits }));
}

t.test('answers in JSON, with Date, and closes on what it cannot read as a request', async (t) => {
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
    t.match(head, /^Server: entropyd\r$/m);
    t.match(head, /^Connection: close$/m);
    t.match(head, `Content-Length: ${body.length}`);
    t.match(JSON.parse(body), { __type: /./, error_code: /./, error_msg: status.slice(4) });
  }
});

t.test('ends without an answer when nobody could read it', async (t) => {
  const server = createHttpServer(answerOk, malformed);
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

t.test('what is not a request is answered after the responses that are still due', async (t) => {
  const wait: RequestListener = (request, response) => {
    if (request.url === '/early') response.writeHead(413, { Connection: 'close' }).end();
    else request.resume().once('end', () => setImmediate(() => response.end('ok')));
  };
  const ports = {
    patient: await start(t, {}, wait),
    // Long enough for the first request, on a busy machine too.
    hasty: await start(t, { requestMs: 1_500, headersMs: 1_000, checkMs: 50 }, wait),
  };
  const good = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  const post = 'POST / HTTP/1.1\r\nHost: x\r\n';
  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  for (const [name, bytes, statuses] of [
    ['no HTTP', `${good}${good}nonsense\r\n\r\n`, [200, 200, 400]],
    ['a broken chunk', `${good}${good}${chunked}zz\r\n`, [200, 200, 400]],
    ['a broken chunk of the first', `${chunked}zz\r\n`, [400]],
    ['a slow body', `${good}${post}Content-Length: 9\r\n\r\n`, [200, 408]],
    ['large headers', `${good}GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, [200, 431]],
    ['a method of proxies', `${good}CONNECT x:1 HTTP/1.1\r\n\r\n`, [200, 405]],
    ['an answer before the broken body', `${chunked.replace('/', '/early')}zz\r\n`, [413]],
  ] as const) {
    const socket = connect({ port: ports[name === 'a slow body' ? 'hasty' : 'patient'] });
    socket.write(bytes);
    const answers = (await text(socket).catch(() => '')).matchAll(/HTTP\/1\.1 (\d+) /g);
    t.strictSame(
      [...answers].map(([, status]) => Number(status)),
      statuses,
      name,
    );
  }
});

t.test('who goes on sending what was refused can read why, but not for ever', async (t) => {
  const timers = fakeTimers(t);
  const port = await start(t);
  for (const bytes of ['nonsense\r\n\r\n', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n']) {
    const socket = connect({ port, allowHalfOpen: true });
    socket.pause().write(bytes);
    await until(() => timers.running === 1, 'it is answered');
    for (let i = 0; i < 3; i++)
      await new Promise((resolve) => socket.write('x'.repeat(10_000), resolve));
    t.match(await text(socket.end()), /^HTTP\/1\.1 40[05] .*"__type"/s, bytes);
    await until(() => timers.running === 0, 'it is over');
  }
  const leaving = connect({ port });
  await once(leaving, 'connect');
  leaving.write('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(leaving.pause(), 'readable');
  leaving.resetAndDestroy();
  await until(() => timers.running === 0, 'the reset has arrived');
  t.match(await exchange({ port }, 'x\r\n\r\n'), /400/, 'a reset ends no more than its connection');
  await until(() => timers.running === 0, 'that is over, too');
  const socket = connect({ port, allowHalfOpen: true });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume().on('error', () => {});
  socket.write('nonsense\r\n\r\n');
  await until(() => timers.running === 1, 'it is answered');
  timers.advance(1000);
  await until(() => {
    if (!socket.destroyed) socket.write('nonsense\r\n\r\n');
    return socket.destroyed;
  }, 'it is cut off');
  await closed;
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

t.test('a client that ends its side behind its requests gets every answer', async (t) => {
  const { opened, open } = gate();
  const port = await start(t, {}, (request, response) => {
    void opened.then(() => response.end(request.url));
  });
  const socket = connect({ port, allowHalfOpen: true });
  socket.end('GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'finish');
  open();
  t.match(await text(socket), /\/a.*HTTP\/1\.1 200 .*\/b$/s);
});

t.test('a transfer coding that nobody knows is 501, a misplaced one 400', async (t) => {
  const port = await start(t);
  for (const [codings, status] of [
    ['gzip', 501],
    ['chunked, gzip', 400],
    ['chunked, chunked', 400],
  ] as const)
    t.match(
      await exchange(
        { port },
        `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ${codings}\r\n\r\n0\r\n\r\n`,
      ),
      new RegExp(`^HTTP/1\\.1 ${status} `),
      codings,
    );
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

const dir = t.testdir();
const [one, two] = [makeCertificate(dir, 'one'), makeCertificate(dir, 'two')];

t.test('over TLS: 1.2 and 1.3, no older version, and a new certificate when told', async (t) => {
  const server = createHttpsServer(answerOk, malformed, await loadTls(one));
  const port = await serve(t, server);
  const open = async (options: object) => {
    const socket = tlsConnect({ port, host: '127.0.0.1', ca: one.ca, ...options });
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const asked = async (socket: TLSSocket) => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    return text(socket);
  };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await open({ minVersion: version, maxVersion: version });
    t.equal(socket.getProtocol(), version);
    t.match(await asked(socket), /^HTTP\/1\.1 200 OK\r\n.*ok$/s, version);
  }
  const suites = (ciphers: string) => open({ maxVersion: 'TLSv1.2', ciphers });
  for (const suite of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
    const socket = await suites(suite);
    t.equal(socket.getCipher().name, suite);
    t.match(await asked(socket), /ok$/, suite);
  }
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  await t.rejects(open(old), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  const kept = await open({});
  server.setSecureContext(await loadTls(two));
  t.match(await asked(kept), /ok$/, 'a connection stays');
  await t.rejects(open({}), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'the old one is gone');
  t.match(await asked(await open({ ca: two.ca })), /ok$/, 'the new one is there');
  await t.rejects(open({ ...old, ca: two.ca }), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
});

t.test(
  'over TLS 1.2 no suite has CBC or lacks forward secrecy, of either kind of key',
  async (t) => {
    const withRsa = makeCertificate(dir, 'rsa', 2, ['rsa:2048']);
    const [ofEc, ofRsa] = (await Promise.all(
      [one, withRsa].map(async ({ ca, ...files }) => {
        const server = createHttpsServer(answerOk, malformed, await loadTls({ ...files }));
        const port = await serve(t, server);
        return async (ciphers: string) => {
          const options = { port, host: '127.0.0.1', ca, maxVersion: 'TLSv1.2', ciphers } as const;
          const socket = tlsConnect(options);
          t.teardown(() => socket.destroy());
          await once(socket, 'secureConnect');
          return socket.getCipher().name;
        };
      }),
    )) as [(ciphers: string) => Promise<string>, (ciphers: string) => Promise<string>];
    const refused = { code: /^ERR_SSL_.*_ALERT_HANDSHAKE_FAILURE$/ };
    for (const suite of ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA'])
      await t.rejects(ofEc(suite), refused, suite);
    for (const suite of [
      'ECDHE-RSA-AES128-SHA256',
      'ECDHE-RSA-AES256-SHA',
      'AES128-GCM-SHA256',
      'AES128-SHA',
    ])
      await t.rejects(ofRsa(suite), refused, suite);
    const good = 'ECDHE-RSA-AES256-GCM-SHA384';
    t.equal(await ofRsa(`ECDHE-RSA-AES128-SHA256:${good}`), good, 'one that it may choose');
  },
);

t.test('over TLS: bounded, and JSON for what is not HTTP', async (t) => {
  // Short only where the limit must end it: a handshake takes as long as the machine is busy.
  const secure = async (limits: Partial<HttpLimits>) =>
    serve(
      t,
      createHttpsServer(answerOk, malformed, await loadTls(one), { ...httpLimits, ...limits }),
    );
  const plain = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  t.equal(await exchange({ port: await secure({}) }, plain), '', 'no TLS');
  const hasty = await secure({ handshakeMs: 50 });
  t.equal(await exchange({ port: hasty }, ''), '', 'a handshake that never comes');
  for (const [bytes, status, limits] of [
    ['nonsense\r\n\r\n', 400, {}],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, {}],
    ['GET / HTTP/1.1\r\n', 408, { headersMs: 100, requestMs: 200, checkMs: 20 }],
  ] as const) {
    const port = await secure(limits);
    const socket = tlsConnect({ port, host: '127.0.0.1', ca: one.ca });
    socket.on('error', () => {});
    socket.write(bytes);
    const answer = await text(socket);
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} .*"__type"`, 's'));
  }
});

const limitBytes = 1000;

t.test('takes a body up to the limit, declared or chunked, and none over it', async (t) => {
  const port = await serve(t, (request, response) => {
    readBody(request, limitBytes).then(
      (body) => response.end(body),
      (error) => response.end(errorCode(error)),
    );
  });
  const text = '0123456789'.repeat(101);
  for (const size of [0, 1, 999, limitBytes, limitBytes + 1]) {
    const expected = size > limitBytes ? 'ERR_TOO_LARGE' : text.slice(0, size);
    const chunked = { 'transfer-encoding': 'chunked' };
    for (const [name, headers] of [
      ['declared', {}],
      ['chunked', chunked],
    ] as const) {
      const { body } = await call({ port, method: 'POST', headers, body: text.slice(0, size) });
      t.equal(body, expected, `${size} bytes, ${name}`);
    }
  }
  const oneByteChunks = [...text.slice(0, limitBytes)].map((byte) => `1\r\n${byte}\r\n`).join('');
  const answer = await exchange(
    { port },
    `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${oneByteChunks}0\r\n\r\n`,
  );
  t.match(answer, text.slice(0, limitBytes), 'in chunks of one byte');
});

t.test('invites a body only when its declared length is fit to be sent', async (t) => {
  let invitations = 0;
  const port = await serve(t, (request, response) => {
    readBody(request, limitBytes, () => invitations++).then(
      (body) => response.end(body),
      (error) => response.end(errorCode(error)),
    );
  });
  const fits = await call({ port, method: 'POST', body: 'x' });
  t.match([fits.body, invitations], ['x', 1]);
  const tooLarge = await call({ port, method: 'POST', body: 'x'.repeat(limitBytes + 1) });
  t.match([tooLarge.body, invitations], ['ERR_TOO_LARGE', 1]);
});

t.test('fails with ERR_CLOSED when the client goes away', async (t) => {
  const outcomes = new EventEmitter();
  const port = await serve(t, (request) => {
    readBody(request, limitBytes).catch((error) => outcomes.emit('failure', error));
  });
  const failure = once(outcomes, 'failure');
  const socket = connect({ port });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx', () => socket.destroy());
  t.match(await failure, [{ code: 'ERR_CLOSED' }]);
});

t.test('a server that never listens keeps its times, once told that it does', async (t) => {
  const limits = { ...httpLimits, headersMs: 50, requestMs: 100, checkMs: 20 };
  const server = createHttpServer(answerOk, malformed, limits);
  server.emit('listening');
  const acceptor = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    server.emit('connection', socket);
    socket.resume();
  });
  acceptor.listen(0, '127.0.0.1');
  await once(acceptor, 'listening');
  t.teardown(() => {
    acceptor.close();
    server.close();
  });
  const { port } = acceptor.address() as AddressInfo;
  t.match(await exchange({ port }, 'GET / HTTP/1.1\r\n'), /^HTTP\/1\.1 408 /);
});
