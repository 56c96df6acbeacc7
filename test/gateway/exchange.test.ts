import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Answer, GatewayRequest, Route } from '../../src/apis/api.js';
import { EntropyError, errorCode } from '../../src/common/errors.js';
import type { Audit, AuditEntry } from '../../src/gateway/audit.js';
import { createAccess } from '../../src/gateway/auth/credentials.js';
import { createExchanges, createRouter, readBody } from '../../src/gateway/exchange.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';
import { call, exchange, fakeSource, memoryLog, serve } from '../support/gateway.js';

/** A route that answers with what it was given, and refuses with the error's text. */
function echoRoute(answer?: (request: GatewayRequest) => Promise<Answer>): Route {
  return {
    bodyLimitBytes: 10,
    answer:
      answer ??
      (async ({ id, method, path, query, remote, local, body }) => ({
        status: 200,
        headers: { 'x-request-id': id },
        body: `${method} ${path} ${query} ${remote} ${local} ${body}`,
      })),
    refuse: (error, requestId) => ({
      status: error instanceof EntropyError && error.code === 'ERR_TOO_LARGE' ? 413 : 503,
      headers: { 'x-request-id': requestId },
      body: String(error),
    }),
  };
}

t.test('hands method, path, query, addresses, headers and body to the route', async (t) => {
  const seen: unknown[] = [];
  const exchanges = createExchanges((...args) => {
    seen.push(args);
    return echoRoute();
  }, memoryLog());
  const port = await serve(t, exchanges.handler('tcp'));
  const answer = await call({ port, method: 'POST', path: '/a/b?c=/d?e', body: 'body' });
  t.match(answer, { status: 200, body: 'POST /a/b c=/d?e 127.0.0.1 127.0.0.1 body' });
  t.match(answer.headers['x-request-id'], /^[0-9a-f-]{36}$/);
  t.match(seen, [['POST', '/a/b', { host: /./ }]]);
  const again = await call({ port });
  t.not(again.headers['x-request-id'], answer.headers['x-request-id'], 'each has an id of its own');
});

t.test(
  'over a Unix socket a client is called unix, and a lost one is no such client',
  async (t) => {
    const exchanges = createExchanges(() => echoRoute(), memoryLog());
    const port = await serve(t, exchanges.handler('unix'));
    t.equal((await call({ port })).body, 'GET /  unix unix ');
    const gone = createServer((request, response) => {
      for (const name of ['remoteAddress', 'localAddress'])
        Object.defineProperty(request.socket, name, { value: undefined });
      exchanges.handler('tcp')(request, response);
    });
    t.equal((await call({ port: await serve(t, gone) })).body, 'GET /  unknown unknown ');
  },
);

t.test('audits each request to an API before its answer leaves, and no page', async (t) => {
  const entries: AuditEntry[] = [];
  const audit = { write: (entry: AuditEntry) => void entries.push(entry) } as Audit;
  const answers: (() => Promise<Answer>)[] = [
    async () => ({ status: 200, headers: {}, body: '' }),
    async () => ({ status: 400, headers: {}, body: '', outcome: 'ValidationException' }),
    () => Promise.reject(new EntropyError('ERR_CONNECT', 'no daemon')),
  ];
  const api = { ...echoRoute(), api: 'aws-kms' as const };
  const route: Route = {
    ...api,
    answer({ facts }) {
      Object.assign(facts, { key: 'billing', operation: 'GenerateRandom', size: 32 });
      return (answers.shift() as () => Promise<Answer>)();
    },
    refuse: (error, id) => ({ ...api.refuse(error, id), outcome: 'DependencyTimeoutException' }),
  };
  const routes = [route, route, route, api, echoRoute()];
  const exchanges = createExchanges(() => routes.shift() as Route, memoryLog(), audit);
  const port = await serve(t, exchanges.handler('tcp'));
  const known = { api: 'aws-kms', key: 'billing', operation: 'GenerateRandom', size: 32 };
  const wanted = [
    { ...known, outcome: 'ok', status: 200 },
    { ...known, outcome: 'ValidationException', status: 400 },
    { ...known, outcome: 'DependencyTimeoutException', status: 503 },
    { api: 'aws-kms', key: null, operation: null, size: null, outcome: 'ok', status: 200 },
  ];
  for (const each of wanted) {
    const { headers } = await call({ port });
    const entry = entries.shift();
    t.strictSame(entry, { requestId: entry?.requestId, ...each, client: '127.0.0.1' });
    t.match(headers['x-request-id'] ?? entry?.requestId, entry?.requestId);
  }
  await call({ port });
  t.strictSame(entries, [], 'a page');
});

t.test('counts every request, by what it was and what became of it', async (t) => {
  const counters = new GatewayCounters();
  const page = echoRoute();
  const given: Route = {
    ...page,
    api: 'vault',
    async answer({ facts }) {
      t.equal(counters.running, 1);
      facts.size = 16;
      return { status: 200, headers: {}, body: '' };
    },
  };
  const refused: Route = {
    ...given,
    answer: () => Promise.reject(new EntropyError('ERR_BUSY', 'x')),
  };
  const routes = [given, refused, page];
  const exchanges = createExchanges(
    () => routes.shift() as Route,
    memoryLog(),
    undefined,
    counters,
  );
  const server = createServer({ requireHostHeader: false }, exchanges.handler('tcp'));
  const port = await serve(t, server);
  for (const _ of [...routes]) await call({ port });
  await exchange({ port }, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n');
  const { vault, other } = counters.apis;
  t.match(vault, { answers: { '2xx': 1, '5xx': 1 }, errors: { overload: 1 }, randomBytes: 16 });
  const { count, seconds } = vault.times.counts();
  t.equal(count, 1);
  t.ok(seconds > 0 && seconds < 5, `${seconds} s`);
  t.match(other.answers, { '2xx': 1, '4xx': 1 }, 'a page, and what has no Host');
  t.equal(counters.running, 0);
});

t.test('answers HTTP/1.1 without Host with 400 and a body', async (t) => {
  const port = await serve(
    t,
    createServer(
      { requireHostHeader: false },
      createExchanges(() => echoRoute(), memoryLog()).handler('tcp'),
    ),
  );
  const close = 'Connection: close\r\n\r\n';
  t.match(
    await exchange({ port }, `GET / HTTP/1.1\r\n${close}`),
    /^HTTP\/1\.1 400 .*"__type":"SerializationException"/s,
  );
  t.match(await exchange({ port }, `GET / HTTP/1.0\r\n${close}`), /^HTTP\/1\.1 200 /);
});

t.test('leaves to the route how a failure looks, and logs those from 500 up', async (t) => {
  const log = memoryLog();
  const failures = [new EntropyError('ERR_CONNECT', 'no daemon'), 'a string'];
  const route = echoRoute(() => Promise.reject(failures.shift()));
  const port = await serve(t, createExchanges(() => route, log).handler('tcp'));
  const [unreachable, thrown, tooLarge] = [
    await call({ port }),
    await call({ port }),
    await call({ port, method: 'POST', body: '01234567890' }),
  ];
  t.match(unreachable, { status: 503, body: 'EntropyError: no daemon' });
  t.match(tooLarge, { status: 413, body: 'EntropyError: the body is over 10 bytes' });
  t.strictSame(log.records, [
    {
      level: 'warn',
      message: 'request failed',
      requestId: unreachable.headers['x-request-id'],
      code: 'ERR_CONNECT',
      reason: 'no daemon',
    },
    {
      level: 'warn',
      message: 'request failed',
      requestId: thrown.headers['x-request-id'],
      code: 'ERR_INTERNAL',
      reason: 'a string',
    },
  ]);
});

t.test('logs nothing about a client that went away', async (t) => {
  const log = memoryLog();
  const exchanges = createExchanges(() => echoRoute(), log);
  const server = createServer(exchanges.handler('tcp'));
  const port = await serve(t, server);
  const socket = connect({ port });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx');
  const [request] = await once(server, 'request');
  const gone = new Promise((resolve) => request.once('close', resolve));
  socket.destroy();
  await gone;
  await exchanges.finish();
  t.strictSame(log.records, []);
});

t.test('invites a body that fits, and refuses one that does not without inviting it', async (t) => {
  const handler = createExchanges(() => echoRoute(), memoryLog()).handler('tcp');
  const port = await serve(t, createServer().on('checkContinue', handler));
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-Continue\r\n';
  t.match(
    await exchange({ port }, `${head}Content-Length: 1\r\n\r\nx`),
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 .*POST \/ {2}127\.0\.0\.1 127\.0\.0\.1 x$/s,
  );
  t.match(await exchange({ port }, `${head}Content-Length: 11\r\n\r\n`), /^HTTP\/1\.1 413 /);
});

t.test('runs 1024 at once and tells the next that it is busy', async (t) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let started = 0;
  const route = echoRoute(async () => {
    started++;
    await released;
    return { status: 200, headers: {}, body: '' };
  });
  const port = await serve(t, createExchanges(() => route, memoryLog()).handler('tcp'));
  const close = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const pipelined = exchange({ port }, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1024));
  while (started < 1024) await new Promise(setImmediate);
  t.match(await exchange({ port }, close), /^HTTP\/1\.1 503 .*too many requests at once$/s);
  release();
  t.match(await exchange({ port }, close), /^HTTP\/1\.1 200 /, 'and serves again afterwards');
  t.ok(await Promise.race([pipelined, true]));
});

t.test('finishing waits for what runs, and answers then end their connections', async (t) => {
  let release = () => {};
  const route = echoRoute(async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { status: 200, headers: {}, body: 'done' };
  });
  const exchanges = createExchanges(() => route, memoryLog());
  const server = createServer(exchanges.handler('tcp'));
  const port = await serve(t, server);
  const answer = call({ port, headers: { connection: 'keep-alive' } });
  await once(server, 'request');
  await new Promise(setImmediate);
  let finished = false;
  const finish = exchanges.finish().then(() => {
    finished = true;
  });
  await new Promise(setImmediate);
  t.notOk(finished, 'one is running');
  release();
  t.match(await answer, { status: 200, body: 'done', headers: { connection: 'close' } });
  await finish;
  await t.resolves(exchanges.finish(), 'nothing runs any more');
});

t.test(
  'a stream is under way until it is sent; what cuts it is logged, a client that goes is not',
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
      const log = memoryLog();
      const body = new PassThrough();
      body.write('x');
      let told = 0;
      const route = echoRoute(async ({ whenGone }) => {
        whenGone?.(() => told++);
        return { status: 200, headers: {}, body };
      });
      const exchanges = createExchanges(() => route, log);
      const socket = connect({ port: await serve(t, exchanges.handler('tcp')) });
      t.teardown(() => socket.destroy());
      socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      let finished = false;
      const finish = exchanges.finish().then(() => {
        finished = true;
      });
      await setTimeout(10);
      t.notOk(finished, `${name}: under way`);
      end(body, socket);
      await finish;
      await setTimeout(10);
      t.strictSame(log.records, records, name);
      t.equal(told, 1, `${name}: whoever waits for the end is told once`);
    }
  },
);

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

t.test('picks the API by X-Amz-Target or path, and pages by method and path', async (t) => {
  const router = createRouter({ client: fakeSource(), access: createAccess(), dialect: 'otc' });
  const aws = router('POST', '/', {});
  const genRandom = router('POST', '/v1.0/p/kms/gen-random', {});
  const vault = router('POST', '/v1/sys/tools/random', {});
  const pages = router('GET', '/', {});
  t.equal(new Set([aws, genRandom, vault, pages]).size, 4, 'four routes');
  const target = { 'x-amz-target': '' };
  for (const [method, path, headers, route] of [
    ['PUT', '/', {}, aws],
    ['OPTIONS', '/', {}, aws],
    ['GET', '/', target, aws],
    ['POST', '/v1.0/p/kms/gen-random', target, aws],
    ['GET', '/metrics', target, aws],
    ['GET', '/v1.0/p/kms/gen-random', {}, genRandom],
    ['POST', '/metrics', {}, genRandom],
    ['GET', '/nothing', {}, genRandom],
    ['OPTIONS', '*', {}, genRandom],
    ['GET', '/v1/sys/health', {}, vault],
    ['POST', '/v1/transit/random', target, aws],
    ['GET', '/v1', {}, genRandom],
    ['HEAD', '/', {}, pages],
    ['GET', '/metrics', {}, pages],
    ['GET', '/healthz', {}, pages],
  ] as const)
    t.equal(router(method, path, headers), route, `${method} ${path} ${JSON.stringify(headers)}`);
});
