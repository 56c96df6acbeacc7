import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import type { Api, ApiRequest, ApiResponse } from '../../src/apis/api.js';
import { apis } from '../../src/apis/list.js';
import { thrownBy } from '../../src/apis/toolkit.js';
import { EntropyError, errorCode } from '../../src/common/errors.js';
import { defaultGatewayLimits } from '../../src/config/config.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import { Connections } from '../../src/gateway/connections.js';
import { createRequestHandler, pickRoute, type Route } from '../../src/gateway/exchange.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';
import { createPages } from '../../src/gateway/pages/pages.js';
import {
  apiRequest,
  call,
  exchange,
  fakeSource,
  memoryAudit,
  memoryLog,
  openAccess,
  serve,
  settings,
} from '../support/gateway.js';
import { gate, until } from '../support/until.js';

/** An API that answers with what it was given, and refuses with the error's text. */
function echoApi(answer?: (request: ApiRequest) => Promise<ApiResponse>): Api {
  return {
    bodyLimitBytes: 10,
    claim: () => 'path',
    examples: () => [],
    answer:
      answer ??
      (async ({ id, method, path, query, authority, remote, local, secure, body }) => ({
        status: 200,
        headers: { 'x-request-id': id, 'x-authority': authority, 'x-secure': String(secure) },
        body: `${method} ${path} ${query} ${remote} ${local} ${body}`,
      })),
    refuse(failure, { id }) {
      const error = thrownBy(failure);
      return {
        status: failure.kind === 'tooLarge' ? 413 : 503,
        headers: { 'x-request-id': id },
        body: `${failure.kind}: ${error}`,
        error: { code: errorCode(error), reason: 'overload' },
      };
    },
  };
}

/** A handler of one route, and what it tells. */
function start(
  api: Api,
  { isPage = false, limits = defaultGatewayLimits, audit = memoryAudit() } = {},
) {
  const log = memoryLog();
  const counters = new GatewayCounters(['echo']);
  const connections = new Connections(limits, counters, log);
  const handler = createRequestHandler({
    ...{ client: fakeSource(), access: openAccess, log, audit, counters, connections },
    routes: [{ name: isPage ? undefined : 'echo', api }],
    malformed: createMalformedResponse(apis.map((entry) => entry.create(settings))),
  });
  return { log, audit: audit.entries, counters, connections, handler };
}

/** The same on a port. */
async function listening(t: Test, api: Api, options?: Parameters<typeof start>[1]) {
  const started = start(api, options);
  const server = createServer({ requireHostHeader: false }, started.handler.listener('tcp'));
  return { ...started, server, port: await serve(t, server, started.connections) };
}

t.test('hands head and body to the API, and an id of its own to each request', async (t) => {
  const { port } = await listening(t, echoApi());
  const answer = await call({ port, method: 'POST', path: '/a/b?c=/d?e', body: 'body' });
  t.match(answer, { status: 200, body: 'POST /a/b c=/d?e 127.0.0.1 127.0.0.1 body' });
  t.match(answer.headers['x-request-id'], /^[0-9a-f-]{36}$/);
  t.match(answer.headers, { 'x-authority': `127.0.0.1:${port}`, 'x-secure': 'false' });
  const again = await call({ port });
  t.not(again.headers['x-request-id'], answer.headers['x-request-id']);
});

t.test('an id has the form that the API gives it, wherever it appears', async (t) => {
  const failing = () => Promise.reject(new EntropyError('ERR_CONNECT', 'no daemon'));
  const api = { ...echoApi(failing), requestId: (uuid: string) => uuid.replaceAll('-', '') };
  const { port, audit, log } = await listening(t, api);
  const { headers } = await call({ port });
  const id = headers['x-request-id'];
  t.match(id, /^[0-9a-f]{32}$/);
  t.match(audit, [{ requestId: id }]);
  t.match(log.records, [{ message: 'request failed', requestId: id }]);
  const served = await listening(t, { ...api, answer: echoApi().answer });
  const answer = await call({ port: served.port });
  t.match(answer.headers['x-request-id'], /^[0-9a-f]{32}$/);
  t.match(served.audit, [{ requestId: answer.headers['x-request-id'] }]);
});

t.test('the absolute form of a target is served as its path, under its own host', async (t) => {
  const { port } = await listening(t, echoApi());
  for (const [target, authority, path] of [
    ['http://kms.example:8478/a?b=c', 'kms.example:8478', '/a b=c'],
    ['HTTPS://kms.example/a', 'kms.example', '/a '],
    ['http://kms.example', 'kms.example', '/ '],
    ['http://kms.example?b', 'kms.example', '/ b'],
    ['/http://kms.example/', 'other', '/http://kms.example/ '],
  ] as const) {
    const head = `GET ${target} HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n`;
    const answer = await exchange({ port }, head);
    t.match(answer, `x-authority: ${authority}\r\n`, target);
    t.match(answer, `\r\n\r\nGET ${path}`, target);
  }
});

t.test('two Host fields are 400, and an unknown coding before chunked is 501', async (t) => {
  const { port } = await listening(t, echoApi());
  for (const [fields, status] of [
    ['Host: a\r\nHost: a\r\n', 400],
    ['Host: a\r\nhost: b\r\n', 400],
    ['Host: a\r\nHosts: b\r\n', 200],
    ['Host: a\r\nTransfer-Encoding: gzip, chunked\r\n', 501],
    ['Host: a\r\nTransfer-Encoding: Chunked\r\n', 200],
  ] as const) {
    const head = `GET / HTTP/1.1\r\n${fields}Connection: close\r\n\r\n`;
    const end = fields.includes('unked') ? '0\r\n\r\n' : '';
    const answer = await exchange({ port }, head + end);
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), fields);
    if (status !== 200) t.match(answer, 'Content-Type: application/json', 'every API’s form');
  }
});

t.test('over a Unix socket a client is called unix; a lost one has no address', async (t) => {
  const { handler, connections } = start(echoApi());
  const port = await serve(t, handler.listener('unix'), connections);
  t.equal((await call({ port })).body, 'GET /  unix unix ');
  const gone = createServer((request, response) => {
    for (const name of ['remoteAddress', 'localAddress'])
      Object.defineProperty(request.socket, name, { value: undefined });
    handler.listener('tcp')(request, response);
  });
  t.equal(
    (await call({ port: await serve(t, gone, connections) })).body,
    'GET /  unknown unknown ',
  );
});

t.test('a client of IPv4 has the same address on a socket for both versions of IP', async (t) => {
  const { handler, connections } = start(echoApi());
  const both = createServer((request, response) => {
    Object.defineProperty(request.socket, 'remoteAddress', { value: '::ffff:192.0.2.1' });
    handler.listener('tcp')(request, response);
  });
  const { body } = await call({ port: await serve(t, both, connections) });
  t.equal(body, 'GET /  192.0.2.1 127.0.0.1 ');
});

t.test('audits each request to an API before its response is sent, and no page', async (t) => {
  const answers: (() => Promise<ApiResponse>)[] = [
    async () => ({ status: 200, headers: {}, body: '' }),
    async () => ({ status: 400, headers: {}, body: '', error: { code: 'Validation' } }),
    () => Promise.reject(new EntropyError('ERR_CONNECT', 'no daemon')),
  ];
  const known = { key: 'billing', operation: 'roll', size: 32 };
  const api = echoApi(({ audit }) => {
    Object.assign(audit, known);
    return (answers.shift() as () => Promise<ApiResponse>)();
  });
  const { port, audit, counters } = await listening(t, api);
  for (const [outcome, status] of [
    ['ok', 200],
    ['Validation', 400],
    ['ERR_CONNECT', 503],
  ] as const) {
    const { headers } = await call({ port });
    const entry = audit.shift();
    const wanted = { api: 'echo', ...known, outcome, status, client: '127.0.0.1' };
    t.strictSame(entry, { requestId: entry?.requestId, ...wanted });
    t.equal(headers['x-request-id'] ?? entry?.requestId, entry?.requestId);
  }
  t.equal(counters.of('echo').errors.overload, 1, 'an error without a reason is not counted');
  const page = start(echoApi(), { isPage: true });
  await call({ port: await serve(t, page.handler.listener('tcp'), page.connections) });
  t.strictSame(page.audit, []);
});

t.test('an answer to a probe has no line and waits for none; its refusal does', async (t) => {
  const audit = memoryAudit(async () => false);
  const api = echoApi(async ({ path }) => {
    if (path === '/fault') throw new EntropyError('ERR_CONNECT', 'no daemon');
    return { status: 503, headers: {}, body: 'away', isProbe: true };
  });
  const { port, log, counters } = await listening(t, api, { audit });
  t.match(await call({ port }), { status: 503, body: 'away' });
  t.strictSame(audit.entries, []);
  t.strictSame(log.records, []);
  t.match(counters.of('echo'), { responses: { '5xx': 1 } });
  t.match(await call({ port, path: '/fault' }), { status: 503, body: /^unrecorded/ });
  t.equal(audit.entries.length, 2);
});

t.test('a response is sent once its line is written, where that is required', async (t) => {
  const { opened, open } = gate();
  const audit = memoryAudit(() => opened.then(() => true));
  const { port } = await listening(t, echoApi(), { audit });
  let isAnswered = false;
  const answer = call({ port }).then((answered) => {
    isAnswered = true;
    return answered;
  });
  await until(() => audit.entries.length > 0, 'the line');
  const page = start(echoApi(), { isPage: true, audit });
  t.equal(
    (await call({ port: await serve(t, page.handler.listener('tcp'), page.connections) })).status,
    200,
    'a page',
  );
  t.notOk(isAnswered);
  open();
  t.equal((await answer).status, 200);
  t.equal(audit.entries.length, 1);
});

t.test('of an answer that cannot be recorded nothing is left or read on', async (t) => {
  const bytes = Buffer.from('random bytes');
  const stream = new PassThrough();
  stream.write('of an upstream');
  for (const body of ['text', bytes, stream]) {
    const audit = memoryAudit(async () => false);
    const answering = echoApi(async () => ({ status: 200, headers: { 'x-its': 'head' }, body }));
    const { port, counters, log } = await listening(t, answering, { audit });
    const { status, headers, body: sent } = await call({ port });
    t.equal(status, 503);
    t.equal(headers['x-its'], undefined, 'the head is not sent');
    t.equal(sent, 'unrecorded: EntropyError: the audit log cannot be written');
    t.match(audit.entries, [
      { outcome: 'ok', status: 200 },
      { outcome: 'ERR_AUDIT', status: 503 },
    ]);
    t.equal(audit.entries.length, 2, 'the refusal waits for nothing');
    t.match(counters.of('echo').responses, { '2xx': 0, '5xx': 1 });
    t.match(log.records, [{ level: 'warn', message: 'request failed', code: 'ERR_AUDIT' }]);
  }
  t.ok(bytes.every((byte) => byte === 0));
  t.ok(stream.destroyed);
});

t.test('a stream that breaks off while its line is written cuts its connection only', async (t) => {
  const { opened, open } = gate();
  const audit = memoryAudit(() => opened.then(() => true));
  const stream = new PassThrough();
  const answering = echoApi(async ({ path }) => ({
    status: 200,
    headers: {},
    body: path === '/stream' ? stream : '',
  }));
  const { port } = await listening(t, answering, { audit });
  const cut = call({ port, path: '/stream' });
  await until(() => audit.entries.length > 0, 'the line');
  const closed = new Promise((resolve) => stream.on('close', resolve));
  const rejected = t.rejects(cut, 'no whole answer');
  stream.destroy(new EntropyError('ERR_UPSTREAM', 'broke off'));
  await closed;
  open();
  await rejected;
  t.equal((await call({ port })).status, 200, 'others are served');
});

t.test('counts every request, by what it was and what became of it', async (t) => {
  const api = echoApi(async ({ audit, path }) => {
    t.equal(counters.inFlight, 1);
    if (path === '/busy') throw new EntropyError('ERR_BUSY', 'x');
    audit.size = 16;
    return { status: 200, headers: {}, body: '' };
  });
  const { port, counters } = await listening(t, api);
  for (const path of ['/', '/busy']) await call({ port, path });
  await exchange({ port }, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n');
  const counted = counters.of('echo');
  t.match(counted, {
    responses: { '2xx': 1, '5xx': 1 },
    errors: { overload: 1 },
    randomBytes: 16,
  });
  const { count, seconds } = counted.durations.counts();
  t.equal(count, 1);
  t.ok(seconds > 0);
  t.match(counters.of(undefined).responses, { '4xx': 1 }, 'what has no Host');
  t.equal(counters.inFlight, 0);
});

t.test('an error under status 200 is recorded, counted and logged by its own status', async (t) => {
  const api: Api = {
    ...echoApi(async ({ audit }) => {
      audit.size = 16;
      throw new EntropyError('ERR_CONNECT', 'no daemon');
    }),
    refuse: () => ({
      status: 200,
      headers: {},
      body: '',
      trailers: { ended: 'badly' },
      error: { code: 'AWAY', reason: 'unavailable', status: 503 },
    }),
  };
  const { port, audit, counters, log } = await listening(t, api);
  t.equal((await call({ port })).status, 200);
  t.match(audit, [{ outcome: 'AWAY', status: 503, size: 16 }]);
  t.match(counters.of('echo'), { responses: { '2xx': 0, '5xx': 1 }, randomBytes: 0 });
  t.match(log.records, [{ message: 'request failed', code: 'ERR_CONNECT' }]);
});

t.test('answers what nobody claims with 404, and HTTP/1.1 without Host with 400', async (t) => {
  const { port } = await listening(t, {
    ...echoApi(),
    claim: ({ path }) => (path === '/' ? 'no' : 'path'),
  });
  t.match(await call({ port }), { status: 404, body: /"__type":/ });
  const close = 'Connection: close\r\n\r\n';
  t.match(
    await exchange({ port }, `GET /x HTTP/1.1\r\n${close}`),
    /^HTTP\/1\.1 400 .*"__type":"SerializationException"/s,
  );
  t.match(await exchange({ port }, `GET /x HTTP/1.0\r\n${close}`), /^HTTP\/1\.1 200 /);
});

t.test('leaves to the API how a failure looks, and logs those from 500 up', async (t) => {
  const failures = [new EntropyError('ERR_CONNECT', 'no daemon'), 'a string'];
  const api = echoApi(() => Promise.reject(failures.shift()));
  const { port, log } = await listening(t, api);
  const [unreachable, thrown, tooLarge] = [
    await call({ port }),
    await call({ port }),
    await call({ port, method: 'POST', body: '01234567890' }),
  ];
  t.match(unreachable, { status: 503, body: 'thrown: EntropyError: no daemon' });
  t.match(tooLarge, { status: 413, body: /^tooLarge: / });
  const failed = { level: 'warn', message: 'request failed' };
  t.strictSame(log.records, [
    {
      ...failed,
      requestId: unreachable.headers['x-request-id'],
      code: 'ERR_CONNECT',
      reason: 'no daemon',
    },
    {
      ...failed,
      requestId: thrown.headers['x-request-id'],
      code: 'ERR_INTERNAL',
      reason: 'a string',
    },
  ]);
});

t.test('logs nothing about a client that went away', async (t) => {
  const { server, port, log, handler } = await listening(t, echoApi());
  const socket = connect({ port });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx');
  const [request] = await once(server, 'request');
  const gone = new Promise((resolve) => request.once('close', resolve));
  socket.destroy();
  await gone;
  await handler.finish();
  t.strictSame(log.records, []);
});

t.test('invites a body that fits, and refuses one that does not without inviting it', async (t) => {
  const { handler, connections } = start(echoApi());
  const inviting = createServer().on('checkContinue', handler.listener('tcp'));
  const port = await serve(t, inviting, connections);
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-Continue\r\n';
  t.match(
    await exchange({ port }, `${head}Content-Length: 1\r\n\r\nx`),
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 .*POST \/ {2}127\.0\.0\.1 127\.0\.0\.1 x$/s,
  );
  t.match(await exchange({ port }, `${head}Content-Length: 11\r\n\r\n`), /^HTTP\/1\.1 413 /);
});

t.test('beyond the requests under way in all, the next is told that it is busy', async (t) => {
  const { opened, open } = gate();
  const api = echoApi(async () => {
    await opened;
    return { status: 200, headers: {}, body: '' };
  });
  const limits = { ...defaultGatewayLimits, requests: 24 };
  const { port, counters, log } = await listening(t, api, { limits });
  const close = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const others = Array.from({ length: 24 }, () => call({ port }));
  await until(() => counters.inFlight === 24, 'all are under way');
  t.match(await exchange({ port }, close), /^HTTP\/1\.1 503 .*busy: .*too many requests at once$/s);
  open();
  t.match(await exchange({ port }, close), /^HTTP\/1\.1 200 /, 'and serves again afterwards');
  t.match(log.records, [{ code: 'ERR_BUSY' }]);
  for (const { status } of await Promise.all(others)) t.equal(status, 200);
});

t.test('finishing waits for what is in flight, and responses end their connections', async (t) => {
  const { opened, open } = gate();
  const api = echoApi(async () => {
    await opened;
    return { status: 200, headers: {}, body: 'done' };
  });
  const { port, handler, counters } = await listening(t, api);
  const answer = call({ port, headers: { connection: 'keep-alive' } });
  await until(() => counters.inFlight === 1, 'it is in flight');
  let isOpen = false;
  const finished = handler.finish().then(() => t.ok(isOpen, 'not before'));
  isOpen = true;
  open();
  t.match(await answer, { status: 200, body: 'done', headers: { connection: 'close' } });
  await finished;
  await t.resolves(handler.finish(), 'nothing is in flight any more');
});

t.test(
  'an answer that cannot be written ends its connection, and is under way no more',
  async (t) => {
    const api = echoApi(async () => ({ status: 99, headers: {}, body: 'x' }));
    const { port, handler, counters, log } = await listening(t, api);
    t.equal(
      await exchange({ port }, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'),
      '',
    );
    await handler.finish();
    t.equal(counters.inFlight, 0);
    t.match(log.records, [{ message: 'answer cut off', reason: /status code: 99/ }]);
  },
);

t.test(
  'a stream is in flight until it is sent; a cut is logged, a client that goes is not',
  async (t) => {
    for (const [name, end, records] of [
      ['whole', (body: PassThrough) => void body.end(), []],
      [
        'cut',
        (body: PassThrough) => void body.destroy(new EntropyError('ERR_UPSTREAM', 'broke off')),
        [{ level: 'warn', message: 'answer cut off', code: 'ERR_UPSTREAM', reason: 'broke off' }],
      ],
      ['gone', (_: PassThrough, socket: Socket) => void socket.destroy(), []],
    ] as const) {
      const body = new PassThrough();
      body.write('x');
      let told = 0;
      const api = echoApi(async ({ whenGone }) => {
        whenGone(() => told++);
        return { status: 200, headers: {}, body };
      });
      const { port, log, handler, counters } = await listening(t, api);
      const socket = connect({ port });
      t.teardown(() => socket.destroy());
      socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      t.equal(counters.inFlight, 1, `${name}: in flight`);
      end(body, socket);
      await handler.finish();
      await until(() => told > 0, 'whoever waits for the end is told');
      t.strictSame(log.records, records, name);
      t.equal(told, 1, `${name}: once`);
    }
  },
);

t.test('bytes are wiped once they are sent, random ones even if they come too late', async (t) => {
  const given: Uint8Array[] = [];
  const random = fakeSource({
    random: async (size) => {
      const bytes = new Uint8Array(size).fill(1);
      given.push(bytes);
      return bytes;
    },
  });
  const { opened, open } = gate();
  const own = new Uint8Array(8).fill(1);
  let late: Promise<Uint8Array> | undefined;
  const api: Api = {
    ...echoApi(),
    async answer({ path }, services) {
      await services.random(4);
      t.equal((await services.health()).state, 'operational');
      if (path === '/bytes') return { status: 200, headers: {}, body: own };
      late = opened.then(() => services.random(4));
      return { status: 200, headers: {}, body: 'text' };
    },
  };
  const started = start(api);
  const handler = createRequestHandler({
    ...{ ...started, access: openAccess, audit: undefined },
    ...{ client: random, routes: [{ name: 'echo', api }] },
    malformed: createMalformedResponse([]),
  });
  const port = await serve(t, handler.listener('tcp'), started.connections);
  t.equal((await call({ port, path: '/bytes' })).body, '\x01'.repeat(8));
  await call({ port });
  open();
  await late;
  const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
  t.equal(given.length, 3);
  await until(() => [...given, own].every(isZero), 'all are wiped');
});

t.test('bytes that wait behind another response are wiped when the client goes', async (t) => {
  const { opened, open } = gate();
  const own = new Uint8Array(8).fill(1);
  let told = 0;
  const api = echoApi(async ({ path, whenGone }) => {
    whenGone(() => told++);
    if (path === '/slow') await opened;
    return { status: 200, headers: {}, body: path === '/slow' ? 'text' : own };
  });
  const { port, audit, handler } = await listening(t, api);
  const socket = connect({ port });
  socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /bytes HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => audit.length === 1, 'the second is answered, and waits');
  t.ok(own.every((byte) => byte === 1));
  socket.destroy();
  await until(() => own.every((byte) => byte === 0), 'they are wiped');
  t.equal(told, 2, 'whoever waits for the end of either is told');
  open();
  await handler.finish();
  t.equal(told, 2, 'once');
});

t.test(
  'the strongest claim wins, then the order: a header, a path, pages before APIs',
  async (t) => {
    const pages = createPages({
      ...{ client: fakeSource(), metrics: async () => '', apis: [], isTls: false },
      ...{ access: openAccess, warnings: () => [], listen: () => [], limits: defaultGatewayLimits },
    });
    const routes: Route[] = [
      { name: undefined, api: pages },
      ...apis.map((entry) => ({ name: entry.name, api: entry.create(settings) })),
    ];
    const target = { 'x-amz-target': '' };
    const secrets = { 'x-amz-target': 'secretsmanager.' };
    for (const [method, path, headers, wanted] of [
      ['POST', '/', {}, 'aws-kms'],
      ['PUT', '/', {}, 'aws-kms'],
      ['OPTIONS', '/', {}, 'aws-kms'],
      ['GET', '/', target, 'aws-kms'],
      ['POST', '/v1.0/p/kms/gen-random', target, 'aws-kms'],
      ['GET', '/metrics', target, 'aws-kms'],
      ['POST', '/v1/transit/random', target, 'aws-kms'],
      ['POST', '/', secrets, 'aws-secrets-manager'],
      ['GET', '/v1/transit/random', secrets, 'aws-secrets-manager'],
      ['POST', '/', { 'x-amz-target': 'secretsmanager' }, 'aws-kms'],
      ['POST', '/', { 'x-amz-target': 'SecretsManager.GetRandomPassword' }, 'aws-kms'],
      ['POST', '/', { 'x-amz-target': 'TrentService.Decrypt, secretsmanager.X' }, 'aws-kms'],
      ['POST', '/v1.0/p/kms/gen-random', {}, 'huawei-kms'],
      ['GET', '/v1.0/p/kms/gen-random', {}, 'huawei-kms'],
      ['POST', '/metrics', {}, 'huawei-kms'],
      ['GET', '/nothing', {}, 'huawei-kms'],
      ['OPTIONS', '*', {}, 'huawei-kms'],
      ['GET', '/v1', {}, 'huawei-kms'],
      ['POST', '/v1/projects/p/locations/l:generateRandomBytes', {}, 'google-kms'],
      ['GET', '/v1/projects/p/locations', {}, 'google-kms'],
      ['POST', '/v1/projects/p/locations', target, 'aws-kms'],
      ['POST', '/x.Y/Z', { 'content-type': 'application/grpc' }, 'google-kms'],
      ['GET', '/v1/sys/health', {}, 'vault'],
      ['POST', '/v1/sys/tools/random', {}, 'vault'],
      ['GET', '/', {}, undefined],
      ['HEAD', '/', {}, undefined],
      ['GET', '/metrics', {}, undefined],
      ['GET', '/healthz', {}, undefined],
    ] as const) {
      const route = pickRoute(routes, apiRequest({ method, path, headers }));
      t.equal(route?.name, wanted, `${method} ${path} ${JSON.stringify(headers)}`);
    }
    t.equal(pickRoute([], apiRequest()), undefined);
  },
);
