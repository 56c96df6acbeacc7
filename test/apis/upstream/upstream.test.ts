import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { createAwsKms } from '../../../src/apis/aws-kms/api.js';
import { type AwsSigning, createAwsUpstream } from '../../../src/apis/aws-kms/upstream.js';
import {
  countUpstream,
  type Upstream,
  type UpstreamOptions,
} from '../../../src/apis/upstream/upstream.js';
import { EntropyError } from '../../../src/common/errors.js';
import { openMetricsPage } from '../../../src/common/prometheus.js';
import { makeCertificate } from '../../support/certificates.js';
import { accessOf } from '../../support/credentials.js';
import { apiRequest, call, exchange, serve, serveApis } from '../../support/gateway.js';
import { samplesOf } from '../../support/metrics-page.js';
import { signAws } from '../../support/signing/signed-calls.js';
import { verifySignature } from '../../support/signing/verify-signature.js';
import { until } from '../../support/until.js';

const awsJson = 'application/x-amz-json-1.1';
const mebibyte = 1024 * 1024;

const listKeysHeaders = [
  ['Host', 'kms.us-east-1.amazonaws.com'],
  ['Content-Type', awsJson],
  ['X-Amz-Target', 'TrentService.ListKeys'],
  ['Authorization', 'AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kms/aws4_request'],
].flat();

const listKeys = (overrides: Partial<ApiRequest> = {}) =>
  apiRequest({
    rawHeaders: listKeysHeaders,
    headers: { 'x-amz-target': 'TrentService.ListKeys', 'content-type': awsJson },
    body: Buffer.from('{}'),
    ...overrides,
  });

/** An upstream at a port of this host, closed with the test. */
function upstreamAt(
  t: Test,
  port: number,
  options: Partial<UpstreamOptions & AwsSigning> = {},
): Upstream {
  const upstream = createAwsUpstream({ url: `http://127.0.0.1:${port}`, ...options });
  t.teardown(() => upstream.close());
  return upstream;
}

/** A peer that speaks bytes; `onRequest` runs when the whole of a request's head has come. */
async function tcpPeer(t: Test, onRequest: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    let head = '';
    socket
      .on('error', () => {})
      .on('data', (data) => {
        head += data;
        if (!head.includes('\r\n\r\n')) return;
        head = '';
        onRequest(socket);
      });
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

const signer = { accessKey: 'AKID', secretKey: 'secret' };
const access = accessOf(
  '[[key]]\nname = "all"\naccess_key = "AKID"\nsecret_key = "secret"\nallow = ["GenerateRandom", "upstream"]\n',
  { at: Date.now() },
);

/** A whole gateway before an upstream. */
const gatewayBefore = (t: Test, upstream: Upstream) =>
  serveApis(t, [{ name: 'aws-kms', create: () => createAwsKms({ upstream }) }], { access });

/** ListKeys as bytes, with `more` headers. */
function listKeysBytes(more = ''): string {
  const headers = signAws(signer, '{}', { 'x-amz-target': 'TrentService.ListKeys' });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST / HTTP/1.1\r\n${lines.join('')}Content-Length: 2\r\n${more}\r\n{}`;
}

const kmsCall = (port: number, operation: string, body = '{}', headers = {}) =>
  call({
    port,
    method: 'POST',
    headers: signAws(signer, body, { 'x-amz-target': `TrentService.${operation}`, ...headers }),
    body,
  });

const echo: RequestListener = async (request, response) => {
  const body = await text(request);
  const { method, url, rawHeaders } = request;
  response.setHeader('x-amzn-RequestId', 'theirs');
  response.end(JSON.stringify({ method, url, rawHeaders, body }));
};

t.test('passes request and answer through, unchanged but for the connection', async (t) => {
  const port = await serve(t, echo);
  const { status, headers, body } = await upstreamAt(t, port).forward(
    listKeys({ query: 'X-Amz-Date=1&a' }),
  );
  const seen = JSON.parse(await text(body));
  const via = seen.rawHeaders.indexOf('Via');
  t.match(seen.rawHeaders.splice(via, 2)[1], /^1\.1 entropyd-[0-9a-f-]{36}$/);
  t.strictSame(seen, {
    method: 'POST',
    url: '/?X-Amz-Date=1&a',
    rawHeaders: [...listKeysHeaders, 'Content-Length', '2', 'Connection', 'keep-alive'],
    body: '{}',
  });
  t.equal(status, 200);
  t.equal(headers['x-amzn-requestid'], 'theirs');
});

t.test('a client cannot have its Connection header strip what the upstream reads', async (t) => {
  const { port } = await gatewayBefore(t, upstreamAt(t, await serve(t, echo)));
  const signed = signAws(signer, '{}', { 'x-amz-target': 'TrentService.ListKeys' });
  const named = ['close', ...Object.keys(signed), 'x-hop'].join(', ');
  const request = listKeysBytes(`x-hop: 1\r\nConnection: ${named}\r\n`);
  const answer = await exchange({ port }, request);
  t.match(answer, /^via: 1\.1 entropyd\r$/im);
  t.notMatch(answer, /^server:/im, 'the upstream answered, and did not say who it is');
  const seen = /\{"method".*\}/.exec(answer)?.[0] ?? '{}';
  const names: string[] = JSON.parse(seen).rawHeaders.map((name: string) => name.toLowerCase());
  for (const name of Object.keys(signed)) t.ok(names.includes(name.toLowerCase()), name);
  t.notOk(names.includes('x-hop'));
});

t.test('signs again: the service sees the gateway, whoever the client is', async (t) => {
  let seen: IncomingMessage | undefined;
  let body = '';
  const port = await serve(t, async (request, response) => {
    seen = request;
    body = await text(request);
    response.end('{}');
  });
  const upstream = upstreamAt(t, port, {
    resign: true,
    region: 'eu-west-1',
    credentials: async () => ({ accessKeyId: 'AKIDGATEWAY', secretAccessKey: 'secret' }),
  });
  const answer = await upstream.forward(listKeys({ query: 'X-Amz-Signature=client' }));
  t.equal(await text(answer.body), '{}');
  const { method = '', url: path = '', rawHeaders = [] } = seen ?? {};
  t.match(verifySignature({ method, path, rawHeaders, body: Buffer.from(body) }, 'secret'), {
    accessKey: 'AKIDGATEWAY',
    region: 'eu-west-1',
    service: 'kms',
  });
  t.equal(path, '/');
  t.match(seen?.headers, { host: `127.0.0.1:${port}`, 'x-amz-target': 'TrentService.ListKeys' });
  t.notMatch(rawHeaders.join(), /AKID\/|amazonaws/);
});

t.test('hands on every status but redirects, and streams of either length', async (t) => {
  for (const [name, answer, status, body] of [
    ['an error', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}', 400, '{}'],
    ['a failure', 'HTTP/1.1 500 x\r\nContent-Length: 2\r\n\r\n{}', 500, '{}'],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n',
      200,
      '{}',
    ],
    [
      'an interim answer',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      200,
      '',
    ],
    ['no content', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
    ['no content with a length', 'HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n', 204, ''],
    [
      'chunks in capitals',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n',
      200,
      '',
    ],
  ] as const) {
    const port = await tcpPeer(t, (socket) => socket.write(answer));
    const got = await upstreamAt(t, port).forward(listKeys());
    t.equal(got.status, status, name);
    t.equal(await text(got.body), body, name);
    // RFC 9110 8.6: some clients would wait for what cannot come.
    if (status === 204) t.notOk('content-length' in got.headers, name);
  }
});

t.test('what is not a whole answer is a failure of the upstream, in words', async (t) => {
  const silent = () => {};
  // Only what waits for a time has a short one: a busy machine may take long for the rest.
  const short = { firstByteMs: 200, totalMs: 400 };
  const dripping = (socket: Socket) => {
    const drip = setInterval(() => socket.write('X'), 20);
    socket.write('HTTP/1.1 200 OK\r\nX-Slow: ').toString();
    socket.once('close', () => clearInterval(drip));
  };
  for (const [name, onRequest, message, timeouts = {}] of [
    ['closes', (socket: Socket) => socket.end(), /socket hang up/],
    ['resets', (socket: Socket) => socket.resetAndDestroy(), /ECONNRESET|hang up/],
    ['no HTTP', (socket: Socket) => socket.end('hello\r\n\r\n'), /Parse Error/],
    ['silent', silent, /(no answer|not done) in \d00 ms/, short],
    ['a head that drips', dripping, /(no answer|not done) in \d00 ms/, short],
    [
      'a redirect',
      (socket: Socket) =>
        socket.write('HTTP/1.1 307 x\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n'),
      /redirect, 307/,
    ],
    [
      'no length',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n{}'),
      /without the length/,
    ],
    [
      'another coding, whose end a cut would look like',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}'),
      /coding other than chunked/,
    ],
    [
      'another coding within chunks',
      (socket: Socket) =>
        socket.end(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
        ),
      /coding other than chunked/,
    ],
    [
      'two lengths',
      (socket: Socket) =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'),
      /Parse Error/,
    ],
    [
      'another protocol',
      (socket: Socket) =>
        socket.write('HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'),
      /no answer before/,
    ],
    [
      'a status that is none',
      (socket: Socket) => socket.write('HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n'),
      /with status 99$/,
    ],
    [
      'interim answers without end',
      (socket: Socket) => socket.write('HTTP/1.1 103 x\r\n\r\n'.repeat(17)),
      /too many interim answers/,
    ],
    [
      'a head of 32 KiB',
      (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(32_768)}\r\n\r\n`),
      /Parse Error/,
    ],
  ] as const) {
    const port = await tcpPeer(t, onRequest);
    await t.rejects(
      upstreamAt(t, port, { timeouts }).forward(listKeys()),
      { code: 'ERR_UPSTREAM', message },
      name,
    );
  }
  const free = createServer();
  free.listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  await t.rejects(upstreamAt(t, port).forward(listKeys()), {
    code: 'ERR_UPSTREAM',
    message: new RegExp(`^upstream 127.0.0.1:${port}: .*ECONNREFUSED`),
  });
});

t.test('an answer that stops midway breaks its stream, never ends it', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"Keys"';
  const chunk = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"Keys"\r\n';
  for (const [name, onRequest, message, timeouts = {}] of [
    ['closed', (socket: Socket) => socket.end(head), /aborted/],
    [
      'reset',
      (socket: Socket) => socket.write(head, () => socket.resetAndDestroy()),
      /aborted|ECONNRESET/,
    ],
    ['closed between chunks', (socket: Socket) => socket.end(chunk), /aborted/],
    [
      'a chunk that is none',
      (socket: Socket) => socket.write(`${chunk}zz\r\n`),
      /Parse Error|aborted/,
    ],
    ['silent', (socket: Socket) => socket.write(head), /silent in 200 ms/, { silenceMs: 200 }],
  ] as const) {
    const port = await tcpPeer(t, onRequest);
    const upstream = upstreamAt(t, port, { timeouts });
    await t.rejects(
      upstream.forward(listKeys()).then(({ body }) => text(body)),
      { code: 'ERR_UPSTREAM', message },
      name,
    );
  }
});

t.test('an answer that never ends is bounded, though it is never silent', async (t) => {
  const port = await serve(t, (_, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('x'), 20);
    response.once('close', () => clearInterval(drip));
  });
  const upstream = upstreamAt(t, port, { timeouts: { totalMs: 1_500 } });
  const { body } = await upstream.forward(listKeys());
  await t.rejects(text(body), { code: 'ERR_UPSTREAM', message: /not done in 1500 ms/ });
});

t.test('a certificate that nobody vouches for is refused', async (t) => {
  const { certificate, key } = makeCertificate(t.testdir(), 'unknown');
  const pair = { cert: readFileSync(certificate), key: readFileSync(key) };
  const port = await serve(t, createTlsServer(pair, echo) as never);
  const upstream = createAwsUpstream({ url: `https://127.0.0.1:${port}` });
  t.teardown(() => upstream.close());
  await t.rejects(upstream.forward(listKeys({ headers: { host: 'localhost' } })), {
    code: 'ERR_UPSTREAM',
    message: /self-signed certificate/,
  });
});

t.test('no credentials is a failure of the upstream, and bounded too', async (t) => {
  for (const [name, credentials, message] of [
    ['none', () => Promise.reject(new Error('Could not load credentials')), /Could not load/],
    ['never', () => new Promise<never>(() => {}), /not done in 100 ms/],
  ] as const) {
    const upstream = upstreamAt(t, 1, {
      resign: true,
      region: 'x',
      credentials,
      timeouts: { totalMs: 100 },
    });
    await t.rejects(upstream.forward(listKeys()), { code: 'ERR_UPSTREAM', message }, name);
  }
});

t.test('connections are kept, and bounded; so is what waits for them', async (t) => {
  let connections = 0;
  let asked = 0;
  const held: (() => void)[] = [];
  const server = createServer((request, response) => {
    asked++;
    request.resume();
    held.push(() => response.end('{}'));
  });
  server.on('connection', () => connections++);
  const port = await serve(t, server);
  const upstream = upstreamAt(t, port);
  const all = Array.from({ length: 256 }, () =>
    upstream.forward(listKeys()).then(({ body }) => text(body)),
  );
  await t.rejects(upstream.forward(listKeys()), { code: 'ERR_BUSY' });
  await until(() => {
    for (const release of held.splice(0)) release();
    return asked === 256;
  }, 'all are asked');
  for (const release of held.splice(0)) release();
  t.strictSame(new Set(await Promise.all(all)), new Set(['{}']));
  t.equal(connections, 64);
});

t.test(
  'a client that goes takes its request from the upstream, before and in the answer',
  async (t) => {
    for (const [name, start] of [
      ['before', () => {}],
      [
        'in the answer',
        (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{'),
      ],
    ] as const) {
      const gone: Promise<unknown>[] = [];
      const arrived = new Promise<void>((resolve) => {
        void tcpPeer(t, (socket) => {
          gone.push(once(socket, 'close'));
          start(socket);
          resolve();
        }).then(async (port) => {
          const { port: gatewayPort } = await gatewayBefore(t, upstreamAt(t, port));
          const client = connect({ port: gatewayPort });
          client.write(listKeysBytes());
          await arrived;
          if (name === 'in the answer') await once(client, 'data');
          // An end alone could be a half-close, whose answer is still waited for.
          client.resetAndDestroy();
        });
      });
      await arrived;
      await t.resolves(Promise.all(gone), name);
    }
  },
);

t.test('a client sees an upstream that broke as a cut, and the log says which', async (t) => {
  for (const [name, start, wanted] of [
    [
      'length',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{',
      /content-length: 9\r\n[\s\S]*\r\n\r\n\{$/,
    ],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
      /transfer-encoding: chunked\r\n\r\n1\r\n\{\r\n$/i,
    ],
  ] as const) {
    const upstreamPort = await tcpPeer(t, (socket) => socket.write(start, () => socket.end()));
    const { port, log, handler } = await gatewayBefore(t, upstreamAt(t, upstreamPort));
    const received = await exchange({ port }, listKeysBytes());
    t.match(received, wanted, name);
    await handler.finish();
    t.match(
      log.records,
      [{ code: 'ERR_UPSTREAM', message: 'answer cut off', reason: /aborted/ }],
      name,
    );
  }
});

t.test('a client that does not read holds the upstream back', async (t) => {
  let sent = 0;
  const size = 64 * mebibyte;
  const piece = Buffer.alloc(65_536, 'x');
  const port = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': size });
    Readable.from(
      (function* () {
        for (sent = 0; sent < size; sent += piece.length) yield piece;
      })(),
    ).pipe(response);
  });
  const { port: gatewayPort } = await gatewayBefore(t, upstreamAt(t, port));
  const client = connect({ port: gatewayPort });
  t.teardown(() => client.destroy());
  client.write(listKeysBytes('Connection: close\r\n'));
  // Once nothing more is taken, a request that comes later finds the same count.
  let before = -1;
  await until(async () => {
    const isStill = sent > 0 && sent === before;
    before = sent;
    for (let i = 0; i < 20; i++)
      await kmsCall(gatewayPort, 'GenerateRandom', '{"NumberOfBytes":1}');
    return isStill;
  }, 'the upstream is held back');
  t.ok(sent < size / 2, `${sent} bytes were taken for a client that reads none`);
  let received = 0;
  client.on('data', (data) => {
    received += data.length;
  });
  await once(client, 'end');
  t.ok(received > size, 'and all of it when it reads');
});

t.test('GenerateRandom is served here, everything else of KMS goes on', async (t) => {
  const asked: unknown[] = [];
  const upstreamPort = await serve(t, (request, response) => {
    asked.push(request.headers['x-amz-target']);
    request.resume().once('end', () =>
      response
        .writeHead(400, {
          'content-type': awsJson,
          'set-cookie': 'a=b',
          'access-control-allow-origin': '*',
        })
        .end('{"__type":"NotFoundException"}'),
    );
  });
  const { port } = await gatewayBefore(t, upstreamAt(t, upstreamPort));
  for (const [operation, body, status, type] of [
    ['GenerateRandom', '{"NumberOfBytes":32}', 200, undefined],
    [
      'GenerateRandom',
      '{"NumberOfBytes":32,"Recipient":null,"CustomKeyStoreId":null}',
      200,
      undefined,
    ],
    ['GenerateRandom', '{"NumberOfBytes":0}', 400, 'ValidationException'],
    ['GenerateRandom', '{"NumberOfBytes":32,"CustomKeyStoreId":"cks-1"}', 400, 'NotFoundException'],
    ['GenerateRandom', '{"Recipient":{}}', 400, 'NotFoundException'],
    ['Decrypt', '{"CiphertextBlob":"AA=="}', 400, 'NotFoundException'],
    ['Decrypt', '{bad', 400, 'SerializationException'],
    ['Decrypt', '[]', 400, 'SerializationException'],
    ['Decrypt', '1', 400, 'SerializationException'],
    ['GenerateRandom, TrentService.GenerateRandom', '{}', 400, 'UnknownOperationException'],
    ['', '{}', 400, 'UnknownOperationException'],
  ] as const) {
    const answer = await kmsCall(port, operation, body);
    t.equal(answer.status, status, `${operation} ${body}`);
    t.equal(JSON.parse(answer.body).__type, type, `${operation} ${body}`);
    t.notMatch(Object.keys(answer.headers).join(), /set-cookie|access-control/);
    t.match(answer.headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    t.match(answer.headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/);
  }
  t.equal((await kmsCall(port, 'Decrypt', '{}', { origin: 'http://localhost' })).status, 403);
  const foreign = {
    port,
    method: 'POST',
    headers: { 'content-type': awsJson, 'x-amz-target': 'DynamoDB_20120810.ListTables' },
    body: '{}',
  };
  t.match(await call(foreign), { status: 400, body: '{"__type":"UnknownOperationException"}' });
  t.strictSame(asked, [...Array(2).fill('TrentService.GenerateRandom'), 'TrentService.Decrypt']);
});

t.test('a failure of the upstream is 503, and no text of ours', async (t) => {
  const upstreamPort = await tcpPeer(t, (socket) => socket.destroy());
  const { port, log } = await gatewayBefore(t, upstreamAt(t, upstreamPort));
  const { status, body } = await kmsCall(port, 'Decrypt');
  t.equal(status, 503);
  t.strictSame(JSON.parse(body), {
    __type: 'DependencyTimeoutException',
    message: 'The KMS endpoint behind this gateway did not answer. You can retry the request.',
  });
  t.match(log.records, [
    { level: 'warn', code: 'ERR_UPSTREAM', reason: /^upstream 127\.0\.0\.1:\d+: / },
  ]);
});

t.test('a request that comes back to its gateway goes no further', async (t) => {
  let way: Upstream[] = [];
  let hops = 0;
  const port = await serve(t, async (request, response) => {
    const { rawHeaders, headers } = request;
    const outcome = await (way[++hops % way.length] as Upstream)
      .forward(listKeys({ rawHeaders, headers }))
      .catch((error: Error) => error.message);
    if (typeof outcome === 'string') response.end(outcome);
    else pipeline(outcome.body, response, () => {});
  });
  const passing = () => upstreamAt(t, port);
  const credentials = async () => ({ accessKeyId: 'AKID', secretAccessKey: 'secret' });
  const signing = () =>
    upstreamAt(t, port, { resign: true, region: 'x', credentials, timeouts: { totalMs: 2000 } });
  for (const [name, gateways] of [
    ['alone', [passing()]],
    ['alone, signing again', [signing()]],
    ['by way of another', [passing(), passing()]],
    ['by way of another, both signing again', [signing(), signing()]],
  ] as const) {
    way = [...gateways];
    hops = 0;
    const { body } = await (way[0] as Upstream).forward(listKeys());
    t.match(await text(body), /leads back to this gateway/, name);
    t.equal(hops, gateways.length, name);
  }
});

t.test('close ends requests in flight, and later ones', async (t) => {
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const upstream = upstreamAt(t, await serve(t, () => asked()));
  const inFlight = upstream.forward(listKeys());
  const refused = t.rejects(inFlight, { code: 'ERR_UPSTREAM', message: /closed/ });
  await isAsked;
  await upstream.close();
  await refused;
  for (const request of [upstream.forward(listKeys())])
    await t.rejects(request, { code: 'ERR_UPSTREAM', message: /closed/ });
});

const answering = (status: number) => async () => ({ status });
const failing = (code: EntropyError['code']) => () => Promise.reject(new EntropyError(code, 'x'));

t.test('each request is counted by what became of it, and nothing else changes', async (t) => {
  for (const [outcome, forward] of [
    ['ok', answering(200)],
    ['client_error', answering(400)],
    ['server_error', answering(503)],
    ['no_answer', failing('ERR_UPSTREAM')],
    ['no_answer', () => Promise.reject(new TypeError('a defect'))],
    ['busy', failing('ERR_BUSY')],
    ['abandoned', failing('ERR_CLOSED')],
  ] as const) {
    const given = {
      ...{ host: 'kms.example', resign: true, isEmulator: false },
      ...{ forward, close: async () => {} },
    };
    const counted = countUpstream(given as unknown as Upstream, 'api');
    t.match(counted, { host: 'kms.example', resign: true, close: given.close });
    const wanted = await forward().catch((error) => error);
    const got = await counted.forward(apiRequest()).catch((error) => error);
    t.match(got, wanted, outcome);
    const page = await openMetricsPage();
    counted.metrics(page);
    for (const [name, count] of samplesOf(await page.text()))
      t.equal(count, name.includes(`"${outcome}"`) ? 1 : 0, name);
  }
});
