import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/errors.js';
import { type GatewayOptions, startGateway } from '../../src/gateway/gateway.js';
import { call, failingSource, fakeSource, memoryLog } from './support.js';

// One directory for all: below a test's own name a path can pass the 107 bytes that a socket may have.
const dir = t.testdir();

const awsCall = {
  method: 'POST',
  path: '/',
  headers: {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'TrentService.GenerateRandom',
  },
  body: '{"NumberOfBytes": 32}',
};
const genRandomCall = {
  method: 'POST',
  path: '/v1.0/project/kms/gen-random',
  headers: { 'content-type': 'application/json' },
  body: '{"random_data_length":"512"}',
};

/** A gateway on a port and a Unix socket, closed when the test ends. */
async function start(t: Test, name: string, options: Partial<GatewayOptions> = {}) {
  const socketPath = join(dir, name);
  const gateway = await startGateway({
    listen: ['127.0.0.1:0', `unix:${socketPath}`],
    client: fakeSource(),
    dialect: 'otc',
    log: memoryLog(),
    ...options,
  });
  t.teardown(() => gateway.close());
  const port = Number(gateway.addresses[0]?.split(':')[1]);
  return { gateway, port, socketPath };
}

t.test('serves both APIs and the pages on every listener', async (t) => {
  const log = memoryLog();
  const { gateway, port, socketPath } = await start(t, 'serve', { log });
  t.strictSame(gateway.addresses, [`127.0.0.1:${port}`, `unix:${socketPath}`]);
  for (const where of [{ port }, { socketPath }]) {
    const aws = await call({ ...where, ...awsCall });
    t.match(aws, {
      status: 200,
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amzn-requestid': /^[0-9a-f-]{36}$/,
        date: /GMT$/,
      },
    });
    t.equal(Buffer.from(JSON.parse(aws.body).Plaintext, 'base64').length, 32);
    const genRandom = await call({ ...where, ...genRandomCall });
    t.match(genRandom, {
      status: 200,
      headers: { 'content-type': 'application/json', 'x-request-id': /^[0-9a-f-]{36}$/ },
      body: /^\{"random_data":"[0-9A-F]{128}"\}$/,
    });
    const host = { host: 'localhost' };
    t.match(await call({ ...where, path: '/healthz', headers: host }), { status: 200 });
    t.match(await call({ ...where, method: 'HEAD', path: '/', headers: host }), { body: '' });
    t.equal((await call({ ...where, path: '/nothing' })).status, 404);
  }
  t.strictSame(log.records, [
    { level: 'info', message: 'gateway listening', addresses: gateway.addresses },
  ]);
});

t.test('API routes do not look at Host, pages do', async (t) => {
  const { port, socketPath } = await start(t, 'host', { pageHosts: ['entropy.example'] });
  for (const [path, host, status] of [
    ['/', 'evil.example', 403],
    ['/metrics', 'kms.us-east-2.amazonaws.com', 403],
    ['/healthz', 'entropy.example:80', 200],
  ] as const)
    t.equal((await call({ port, path, headers: { host } })).status, status, `${path} ${host}`);
  const headers = { ...awsCall.headers, host: 'kms.us-east-2.amazonaws.com' };
  t.equal((await call({ socketPath, ...awsCall, headers })).status, 200, 'signed for the cloud');
});

t.test('refuses web pages in the shape of each API, and sends no CORS header', async (t) => {
  const { port } = await start(t, 'web');
  const origin = { origin: 'https://example.com' };
  for (const [request, member] of [
    [
      { ...awsCall, headers: { ...awsCall.headers, ...origin } },
      { __type: 'AccessDeniedException' },
    ],
    [{ method: 'OPTIONS', headers: origin }, { __type: 'AccessDeniedException' }],
    [{ ...genRandomCall, headers: origin }, { error: { error_code: 'KMS.0326' } }],
  ] as const) {
    const { status, headers, body } = await call({ port, ...request });
    t.equal(status, 403);
    t.match(JSON.parse(body), member);
    t.notMatch(Object.keys(headers).join(), /access-control/);
  }
});

t.test('limits bodies to 512 KiB for AWS and 64 KiB for gen-random', async (t) => {
  const { port } = await start(t, 'limits');
  const padded = (json: string, size: number) => json.padEnd(size);
  for (const [request, size, status, type] of [
    [awsCall, 512 * 1024, 200, /Plaintext/],
    [awsCall, 512 * 1024 + 1, 413, /"__type":"RequestEntityTooLargeException"/],
    [genRandomCall, 64 * 1024, 200, /random_data/],
    [genRandomCall, 64 * 1024 + 1, 400, /"error_code":"KMS.0203"/],
  ] as const) {
    const answer = await call({ port, ...request, body: padded(request.body, size) });
    t.equal(answer.status, status, `${request.path} ${size}`);
    t.match(answer.body, type);
  }
});

t.test('tells a failing daemon in the terms of each API, and logs no bytes', async (t) => {
  const log = memoryLog();
  const client = failingSource(
    new EntropyError('ERR_HEALTH', 'the generator is in its error state'),
  );
  const { port } = await start(t, 'error', { client, log });
  const aws = await call({ port, ...awsCall });
  t.match([aws.status, JSON.parse(aws.body)], [500, { __type: 'KMSInternalException' }]);
  const genRandom = await call({ port, ...genRandomCall });
  t.match(
    [genRandom.status, JSON.parse(genRandom.body)],
    [500, { error: { error_code: 'KMS.0101' } }],
  );
  t.match(log.records.slice(1), [{ code: 'ERR_HEALTH' }, { code: 'ERR_HEALTH' }]);
});

t.test('passes dialect and nodeSdkErrors on', async (t) => {
  const { port } = await start(t, 'hwc', { dialect: 'hwc', nodeSdkErrors: true });
  const body = (length: string) => JSON.stringify({ random_data_length: length });
  t.match(await call({ port, ...genRandomCall, body: body('8') }), { body: /"[0-9A-F]{2}"/ });
  t.match(await call({ port, ...genRandomCall, body: body('12') }), { body: /"code":"KMS.1802"/ });
});

t.test('does not start on bad addresses, and closes those already open', async (t) => {
  const path = join(dir, 'none');
  const options = { client: fakeSource(), dialect: 'otc', log: memoryLog() } as const;
  for (const [listen, code] of [
    [[], 'ERR_CONFIG'],
    [[`unix:${path}`, 'nonsense'], 'ERR_CONFIG'],
    [[`unix:${path}`, '0.0.0.0:0'], 'ERR_LISTEN'],
    [[`unix:${path}`, `unix:${path}`], 'ERR_LISTEN'],
  ] as const) {
    await t.rejects(startGateway({ ...options, listen }), { code }, JSON.stringify(listen));
    t.notOk(existsSync(path), 'nothing is left');
  }
});

t.test('closes idle and silent connections at once and removes its socket file', async (t) => {
  const { gateway, port, socketPath } = await start(t, 'idle');
  const silent = connect({ port });
  await once(silent, 'connect');
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const kept = connect({ port });
  await once(kept, 'connect');
  const idle = text(kept);
  kept.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await call({ port, path: '/healthz', headers: { host: 'localhost' } });
  const started = performance.now();
  await Promise.all([gateway.close(), gateway.close()]);
  t.ok(performance.now() - started < 1000, 'without waiting');
  t.equal(await text(silent), '');
  t.match(await idle, /"state":"operational"/);
  t.notOk(existsSync(socketPath));
  await t.rejects(call({ port, ...awsCall }), { code: 'ECONNREFUSED' });
});

t.test('close lets a running request finish', async (t) => {
  let asked = () => {};
  const running = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const client = fakeSource({
    async random(size) {
      asked();
      await released;
      return new Uint8Array(size);
    },
  });
  const { gateway, port } = await start(t, 'finish', { client });
  const answer = call({
    port,
    ...awsCall,
    headers: { ...awsCall.headers, connection: 'keep-alive' },
  });
  await running;
  const closed = gateway.close();
  release();
  t.match(await answer, { status: 200, headers: { connection: 'close' } });
  await closed;
});

t.test('close waits at most 5 s for a daemon that does not answer', async (t) => {
  let asked = () => {};
  const running = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const client = fakeSource({
    random() {
      asked();
      return new Promise(() => {});
    },
  });
  const { gateway, port } = await start(t, 'hang', { client });
  const answer = call({ port, ...awsCall });
  const cut = t.rejects(answer, { code: 'ECONNRESET' });
  await running;
  const started = performance.now();
  await gateway.close();
  const elapsedMs = performance.now() - started;
  t.ok(elapsedMs > 4900 && elapsedMs < 7000, `${elapsedMs} ms`);
  await cut;
});
