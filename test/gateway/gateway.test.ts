import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { Agent } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { type GatewayOptions, startGateway } from '../../src/gateway/gateway.js';
import { makeCertificate } from '../support/certificates.js';
import { writePrivate } from '../support/credentials.js';
import { call, failingSource, fakeSource, memoryLog } from '../support/gateway.js';
import { samplesOf } from '../support/metrics-page.js';
import { writeSecret } from '../support/secret-volume.js';
import { signAws, signSdkHmac, unverifiable } from '../support/signing/signed-calls.js';
import { until } from '../support/until.js';

// One directory for all: below a test's own name a path can pass the 107 bytes that a socket may have.
const dir = t.testdir();

const awsCall = {
  method: 'POST',
  path: '/',
  headers: unverifiable,
  body: '{"NumberOfBytes": 32}',
};
const genRandomCall = {
  method: 'POST',
  path: '/v1.0/project/kms/gen-random',
  headers: { 'content-type': 'application/json', 'x-auth-token': 'any' },
  body: '{"random_data_length":"512"}',
};
const vaultCall = {
  method: 'POST',
  path: '/v1/sys/tools/random/64',
  headers: { 'x-vault-token': 'any' },
  body: '{"format":"hex"}',
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

t.test('serves all APIs and the pages on every listener', async (t) => {
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
      headers: { 'content-type': 'application/json', 'x-request-id': /^[0-9a-f]{32}$/ },
      body: /^\{"random_data":"[0-9A-F]{128}"\}$/,
    });
    t.match(await call({ ...where, ...vaultCall }), {
      status: 200,
      headers: { 'content-type': 'application/json', 'x-request-id': /^[0-9a-f-]{36}$/ },
      body: /"data":\{"random_bytes":"[0-9a-f]{128}"\}/,
    });
    const host = { host: 'localhost' };
    t.match(await call({ ...where, path: '/healthz', headers: host }), { status: 200 });
    for (const path of ['/', '/healthz', '/status', '/history', '/page/page.js'])
      t.match(await call({ ...where, method: 'HEAD', path, headers: host }), { body: '' });
    t.equal((await call({ ...where, path: '/nothing' })).status, 404);
  }
  t.strictSame(log.records, [
    { level: 'info', message: 'gateway listening', addresses: gateway.addresses },
    {
      level: 'warn',
      message:
        'open: any well-formed signature or token is accepted; to verify them: --credentials FILE',
    },
  ]);
});

/** The TOML of a credentials file with one key and one token. */
const credentialsOf = (secret: string, token: string) =>
  `[[key]]\nname = "k"\naccess_key = "AKID"\nsecret_key = "${secret}"\n` +
  `[[token]]\nname = "t"\ntoken = "${token}"\n`;

/** The status of a request that is signed with `secretKey`. */
async function signedStatus(where: { port: number }, secretKey: string): Promise<number> {
  const headers = signAws({ accessKey: 'AKID', secretKey }, awsCall.body);
  return (await call({ ...where, ...awsCall, headers })).status;
}

t.test('serves only the APIs that are named, and nobody else shows', async (t) => {
  const { port } = await start(t, 'apis', { apis: ['vault'] });
  t.match(await call({ port, ...vaultCall }), { status: 200 });
  for (const refused of [awsCall, genRandomCall])
    t.match(await call({ port, ...refused }), { status: 404, body: '{"errors":["Not Found"]}' });
  const headers = { host: 'localhost', accept: 'text/plain' };
  const page = await call({ port, path: '/', headers });
  t.match(page.body, /X-Vault-Token/);
  t.notMatch(page.body, /gen-random|TrentService/);
  t.notMatch((await call({ port, path: '/metrics', headers })).body, /aws-kms|huawei-kms/);
  await t.rejects(start(t, 'no api', { apis: ['vault', 'aws'] }), {
    code: 'ERR_CONFIG',
    key: 'gateway.apis',
    message: /^no API "aws": want some of aws-kms, /,
  });
});

t.test('with a credentials file only its keys and tokens are served', async (t) => {
  const log = memoryLog();
  const credentials = writePrivate(dir, 'verified.toml', credentialsOf('secret', 'abc'));
  const { port } = await start(t, 'verified', { credentials, requireSignatures: true, log });
  t.match(log.records[1], { level: 'info', keys: 1, tokens: 1 });
  t.equal(await signedStatus({ port }, 'secret'), 200);
  t.equal(await signedStatus({ port }, 'other'), 400);
  const key = { accessKey: 'AKID', secretKey: 'secret' };
  const hmac = signSdkHmac(key, genRandomCall.path, genRandomCall.body);
  for (const [headers, status] of [
    [hmac, 200],
    [{ ...hmac, host: 'elsewhere' }, 401],
    [{ 'x-auth-token': 'abc' }, 200],
    [{ 'x-auth-token': 'any' }, 401],
    [{}, 401],
  ] as const)
    t.equal((await call({ port, ...genRandomCall, headers })).status, status);
  for (const [headers, status] of [
    [{ 'x-vault-token': 'abc' }, 200],
    [{ authorization: 'Bearer abc' }, 200],
    [{ 'x-vault-token': 'any' }, 403],
    [{}, 403],
  ] as const)
    t.equal((await call({ port, ...vaultCall, headers })).status, status);
  t.notMatch(JSON.stringify(log.records), /secret|abc/);
});

t.test('a reload takes new files over, or keeps the old ones and says why', async (t) => {
  const log = memoryLog();
  const credentials = writePrivate(dir, 'reload.toml', credentialsOf('first', 'abc'));
  const [one, two] = [makeCertificate(dir, 'reload'), makeCertificate(dir, 'reload-two')];
  const audit = join(dir, 'reload.audit');
  const { certificate, key } = one;
  const { gateway, port } = await start(t, 'reload', {
    credentials,
    tls: { certificate, key },
    audit,
    log,
  });
  const ask = async (secretKey: string, ca = one.ca) => {
    const headers = signAws({ accessKey: 'AKID', secretKey }, awsCall.body);
    return (await call({ port, ...awsCall, headers, ca })).status;
  };
  t.strictSame([await ask('first'), await ask('second')], [200, 400]);
  log.records.length = 0;

  for (const [title, spoil, message] of [
    [
      'credentials at fault',
      () => writePrivate(dir, 'reload.toml', '[[key]]\nname = "WonderfulSecret"\n'),
      /reload\.toml:1: key\[0\]\.access_key: is missing$/,
    ],
    ['credentials that others read', () => chmodSync(credentials, 0o644), /mode 0644/],
    ['no credentials', () => rmSync(credentials), /ENOENT/],
    [
      'credentials without an entry',
      () => writePrivate(dir, 'reload.toml', '# all revoked\n'),
      /reload\.toml:1: key: want at least one \[\[key\]\] or \[\[token\]\]$/,
    ],
    [
      'a key of another certificate, and good credentials',
      () => {
        writePrivate(dir, 'reload.toml', credentialsOf('second', 'abc'));
        copyFileSync(two.key, key);
      },
      /mismatch/,
    ],
    [
      'an audit file that is a link, and all else good',
      () => {
        copyFileSync(two.certificate, certificate);
        renameSync(audit, `${audit}.1`);
        symlinkSync(`${audit}.1`, audit);
      },
      /symbolic link/,
    ],
  ] as const) {
    spoil();
    await gateway.reload();
    t.match(log.records.splice(0), [{ level: 'error', code: 'ERR_CONFIG', message }], title);
    t.strictSame([await ask('first'), await ask('second')], [200, 400], title);
  }
  t.notOk(log.records.some((record) => JSON.stringify(record).includes('Wonderful')));

  rmSync(audit);
  await Promise.all([gateway.reload(), gateway.reload()]);
  t.match(log.records, [
    { level: 'info', message: 'gateway reloaded', keys: 1, tokens: 1 },
    { level: 'info', message: 'gateway reloaded' },
  ]);
  t.strictSame([await ask('first', two.ca), await ask('second', two.ca)], [400, 200]);
  await t.rejects(ask('second'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  await gateway.close();
  await gateway.reload();
  const [before, after] = [`${audit}.1`, audit].map((path) => linesOf(path).length);
  t.strictSame([before, after], [14, 2], 'a line for each request, in the file of its time');
});

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

t.test(
  'a renewed Secret is in force by itself, all of it or nothing, and no request fails',
  async (t) => {
    const log = memoryLog();
    const folder = join(dir, 'secret');
    const [one, two] = [makeCertificate(dir, 'secret-one'), makeCertificate(dir, 'secret-two')];
    const data = (token: string, certificate: string, key: string) => ({
      'credentials.toml': credentialsOf('secret', token),
      'tls.crt': readFileSync(certificate),
      'tls.key': readFileSync(key),
    });
    writeSecret(folder, 1, data('first', one.certificate, one.key));
    const { port } = await start(t, 'secret.sock', {
      credentials: join(folder, 'credentials.toml'),
      tls: { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') },
      log,
    });
    const faults = () =>
      log.records.filter((record) => 'level' in record && record.level === 'error');
    const said = (message: string) =>
      until(
        () => log.records.some((record) => 'message' in record && record.message === message),
        message,
      );
    const ask = async (token: string, ca: Buffer) =>
      (await call({ port, ...vaultCall, headers: { 'x-vault-token': token }, ca })).status;
    // One connection is kept; others are made all the time. Each trusts both certificates.
    const kept = new SecureAgent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => kept.destroy());
    const statuses = new Set<number>();
    const sockets = new Set<unknown>();
    let isOver = false;
    const load = [kept, undefined].map(async (agent) => {
      while (!isOver) {
        const options = {
          host: '127.0.0.1',
          port,
          path: '/healthz',
          headers: { host: 'localhost' },
        };
        const outgoing = secureRequest({ ...options, agent: agent ?? false, ca: [one.ca, two.ca] });
        outgoing.end();
        const [incoming] = await once(outgoing, 'response');
        statuses.add(incoming.statusCode);
        if (agent !== undefined) sockets.add(incoming.socket);
        await text(incoming);
      }
    });

    writeSecret(folder, 2, data('second', two.certificate, one.key));
    await until(() => faults().length > 0, 'the mismatch');
    t.match(faults(), [{ message: /^gateway kept as it was: .*mismatch/ }]);
    t.strictSame([await ask('first', one.ca), await ask('second', one.ca)], [200, 403]);
    writeSecret(folder, 3, data('second', two.certificate, two.key));
    await said('gateway reloaded');
    t.strictSame([await ask('first', two.ca), await ask('second', two.ca)], [403, 200]);
    await t.rejects(ask('second', one.ca), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    isOver = true;
    await Promise.all(load);
    t.strictSame([...statuses], [200]);
    t.equal(sockets.size, 1, 'the kept connection is still the first one');
    t.equal(faults().length, 1, 'the fault is logged once');
  },
);

t.test('a connection outlives a reload', async (t) => {
  const credentials = writePrivate(dir, 'kept.toml', credentialsOf('secret', 'abc'));
  const { gateway, port } = await start(t, 'kept', { credentials });
  const socket = connect({ port });
  t.teardown(() => socket.destroy());
  const head = (connection: string) =>
    `GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\n\r\n`;
  socket.write(head('keep-alive'));
  await once(socket, 'data');
  await gateway.reload();
  socket.write(head('close'));
  t.match(await text(socket), /^HTTP\/1\.1 200 /);
});

t.test('/metrics counts what all listeners served, and follows a new certificate', async (t) => {
  const { certificate, key, ca } = makeCertificate(dir, 'counted');
  const credentials = writePrivate(dir, 'counted.toml', credentialsOf('secret', 'abc'));
  const given = { tls: { certificate, key }, credentials, audit: join(dir, 'counted') };
  const { gateway, port, socketPath } = await start(t, 'metrics', given);
  const page = async () => {
    const { status, body } = await call({
      socketPath,
      path: '/metrics',
      headers: { host: 'localhost' },
    });
    t.equal(status, 200);
    return samplesOf(body);
  };
  t.equal((await page()).get('entropyd_up'), 1, "the daemon's page");
  const signed = signAws({ accessKey: 'AKID', secretKey: 'secret' }, awsCall.body);
  await call({ port, ca, ...awsCall, headers: signed });
  await call({ socketPath, ...awsCall });
  await call({ socketPath, ...genRandomCall, headers: { 'x-auth-token': 'abc' } });
  await call({ socketPath, ...vaultCall, headers: { 'x-vault-token': 'wrong' } });
  const figure = (name: string) => `entropyd_gateway_${name}`;
  // The page is made once a second.
  const found = await until(async () => {
    const samples = await page();
    return (samples.get(figure('requests_total{api="vault",status="4xx"}')) ?? 0) > 0 && samples;
  }, 'the page is made again');
  for (const [name, value] of [
    ['requests_total{api="aws-kms",status="2xx"}', 1],
    ['requests_total{api="aws-kms",status="4xx"}', 1],
    ['requests_total{api="huawei-kms",status="2xx"}', 1],
    ['requests_total{api="vault",status="4xx"}', 1],
    ['errors_total{api="aws-kms",reason="authentication"}', 1],
    ['errors_total{api="vault",reason="authentication"}', 1],
    ['random_bytes_total{api="aws-kms"}', 32],
    ['random_bytes_total{api="huawei-kms"}', 64],
    ['request_duration_seconds_count{api="huawei-kms"}', 1],
    ['requests_in_flight', 1],
    ['audit_dropped_total', 0],
  ] as const)
    t.equal(found.get(figure(name)), value, name);
  t.ok((found.get(figure('requests_total{api="other",status="2xx"}')) ?? 0) > 0, 'pages');
  t.ok((found.get(figure('connections_total')) ?? 0) >= 6);
  const expiry = 'entropyd_gateway_certificate_expiry_timestamp_seconds';
  const before = found.get(expiry) ?? 0;
  const days = (before - Date.now() / 1000) / 86_400;
  t.ok(days > 1.9 && days < 2.1, `${days} days`);
  const next = makeCertificate(dir, 'longer', 30);
  copyFileSync(next.certificate, certificate);
  copyFileSync(next.key, key);
  await gateway.reload();
  await until(
    async () => ((await page()).get(expiry) ?? 0) > before + 86_400,
    'the new certificate',
  );
});

t.test('/metrics answers without the daemon, and says so', async (t) => {
  const client = failingSource(new EntropyError('ERR_CONNECT', 'no daemon'));
  const { port } = await start(t, 'alone', { client });
  const { status, body } = await call({ port, path: '/metrics', headers: { host: 'localhost' } });
  t.equal(status, 200);
  const found = samplesOf(body);
  t.equal(found.get('entropyd_gateway_daemon_up'), 0);
  t.notOk(found.has('entropyd_gateway_audit_dropped_total'), 'there is no audit log');
});

t.test('an audit log that is required and not configured stops the start', async (t) => {
  await t.rejects(start(t, 'unaudited', { auditRequired: true }), {
    code: 'ERR_CONFIG',
    message:
      'an audit log is required, and none is configured: audit = "FILE", "journal" or "syslog" in [gateway]',
  });
  await t.rejects(start(t, 'unaudited', { audit: 'syslog' }), {
    code: 'ERR_CONFIG',
    message: /^audit log syslog: only the addon/,
  });
});

t.test('/status says whether the audit log is required, and what it dropped', async (t) => {
  const { port } = await start(t, 'required', {
    audit: join(dir, 'required.audit'),
    auditRequired: true,
  });
  t.equal((await call({ port, ...awsCall })).status, 200);
  const { body } = await call({ port, path: '/status', headers: { host: 'localhost' } });
  t.strictSame(JSON.parse(body).gateway.audit, { required: true, dropped: 0 });
});

t.test('writes an audit line for each request, with no bytes and no secrets', async (t) => {
  const audit = join(dir, 'audit');
  const credentials = writePrivate(
    dir,
    'audit.toml',
    credentialsOf('WonderfulSecret', 'WonderfulToken'),
  );
  const { gateway, port, socketPath } = await start(t, 'audited', { credentials, audit });
  const signed = (secretKey: string, body = awsCall.body) => ({
    ...awsCall,
    headers: signAws({ accessKey: 'AKID', secretKey }, body),
    body,
  });
  const aws = { api: 'aws-kms', operation: 'GenerateRandom', size: null, client: '127.0.0.1' };
  const other = { api: 'huawei-kms', operation: null, key: null, size: null };
  const tokened = (token: string) => ({ ...genRandomCall, headers: { 'x-auth-token': token } });
  const table = [
    [
      { port, ...signed('WonderfulSecret') },
      { ...aws, key: 'k', size: 32, outcome: 'ok' },
    ],
    [
      { port, ...signed('WonderfulSecret', '{}') },
      { ...aws, key: 'k', outcome: 'ValidationException', status: 400 },
    ],
    [
      { port, ...signed('WonderfulGuess') },
      { ...aws, key: null, outcome: 'InvalidSignatureException', status: 400 },
    ],
    [
      { socketPath, ...tokened('WonderfulToken') },
      { ...other, operation: 'gen-random', key: 't', size: 64, outcome: 'ok', client: 'unix' },
    ],
    [
      { socketPath, ...tokened('WonderfulGuess') },
      { ...other, operation: 'gen-random', outcome: 'APIGW.0301', status: 401, client: 'unix' },
    ],
    [
      { socketPath, ...vaultCall, headers: { 'x-vault-token': 'WonderfulToken' } },
      {
        ...other,
        api: 'vault',
        operation: 'vault-random',
        key: 't',
        size: 64,
        outcome: 'ok',
        client: 'unix',
      },
    ],
    [
      { port, path: '/nothing' },
      { ...other, outcome: 'APIGW.0101', status: 404 },
    ],
    [
      { port, ...awsCall, body: 'x'.repeat(600_000) },
      { ...aws, operation: null, outcome: 'RequestEntityTooLargeException', status: 413 },
    ],
  ] as const;
  for (const [request] of table) await call(request);
  await call({ port, path: '/healthz', headers: { host: 'localhost' } });
  await gateway.close();
  const lines = linesOf(audit);
  t.equal(lines.length, table.length, 'and none for a page');
  for (const [i, [, wanted]] of table.entries()) {
    t.match(lines[i], wanted);
    t.strictSame(Object.keys(lines[i]), [
      ...[
        'time',
        'seq',
        'requestId',
        'api',
        'key',
        'operation',
        'size',
        'outcome',
        'status',
        'client',
      ],
    ]);
  }
  t.notMatch(readFileSync(audit, 'utf8'), /Wonderful|AAECAw|000102/);
});

t.test('other hosts need TLS and credentials; TLS covers TCP and not Unix', async (t) => {
  const { ca, ...tls } = makeCertificate(dir, 'safe');
  const credentials = writePrivate(dir, 'safe.toml', credentialsOf('secret', 'abc'));
  const listen = ['0.0.0.0:0'];
  const [noTls, noCredentials] = [
    'TLS (--tls-cert and --tls-key)',
    'a credentials file (--credentials)',
  ];
  for (const [options, missing] of [
    [{}, `${noTls} and ${noCredentials}`],
    [{ tls }, noCredentials],
    [{ credentials }, noTls],
    [{ tls, credentials, hostOnly: true }, 'a gateway of its own (entropyd gateway)'],
    [{ insecureNetwork: true, hostOnly: true }, 'a gateway of its own (entropyd gateway)'],
  ] as const)
    await t.rejects(start(t, 'refused', { listen, ...options }), {
      code: 'ERR_LISTEN',
      message: `other hosts can reach it, which takes ${missing}; otherwise`,
    });
  const socketPath = join(dir, 'safe');
  const { gateway } = await start(t, 'safe', {
    listen: [...listen, '127.0.0.1:0', `unix:${socketPath}`],
    tls,
    credentials,
  });
  for (const address of gateway.addresses.slice(0, 2)) {
    const port = Number(address.split(':')[1]);
    const headers = { 'x-auth-token': 'abc' };
    t.equal((await call({ port, ca, ...genRandomCall, headers })).status, 200, address);
    await t.rejects(call({ port, ...genRandomCall, headers }), { code: 'ECONNRESET' }, 'no TLS');
    const page = await call({ port, ca, path: '/', headers: { host: 'localhost' } });
    t.match(page.body, 'https://localhost');
  }
  t.equal((await call({ socketPath, ...genRandomCall, headers: {} })).status, 401, 'plain');
});

/** An address of this host that is not loopback. */
const reachable = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

t.test(
  'where other hosts can connect, pages answer under configured names only',
  { skip: reachable === undefined && 'this host has no address but loopback' },
  async (t) => {
    const { ca, ...tls } = makeCertificate(dir, 'pages');
    const credentials = writePrivate(dir, 'pages.toml', credentialsOf('secret', 'abc'));
    const pageHosts = ['entropy.example'];
    const options = { listen: ['0.0.0.0:0'], tls, credentials, pageHosts };
    const { port } = await start(t, 'pages', options);
    for (const path of ['/', '/status', '/history', '/metrics', '/healthz', '/page/page.js'])
      for (const [to, host, status] of [
        [reachable, 'localhost', 403],
        [reachable, `127.0.0.1:${port}`, 403],
        [reachable, `${reachable}:${port}`, 403],
        [reachable, 'entropy.example', 200],
        ['127.0.0.1', 'localhost', 200],
      ] as const) {
        const { status: actual } = await call({
          port,
          ca,
          path,
          headers: { host },
          ...(to === undefined ? {} : { host: to }),
          servername: 'localhost',
        });
        t.equal(actual, status, `${path} under ${host} at ${to}`);
      }
  },
);

t.test('signatures that are required and cannot be verified stop the start', async (t) => {
  await t.rejects(start(t, 'required', { requireSignatures: true }), {
    code: 'ERR_CONFIG',
    message: /signatures are required.*--credentials FILE/,
  });
  const audit = join(dir, 'never');
  const credentials = join(dir, 'never.toml');
  await t.rejects(start(t, 'required', { credentials, audit }), { code: 'ERR_CONFIG' });
  t.notOk(existsSync(audit));
});

t.test('a credentials file without an entry stops the start', async (t) => {
  const credentials = writePrivate(dir, 'empty.toml', '');
  await t.rejects(start(t, 'empty', { credentials }), {
    code: 'ERR_CONFIG',
    message: /empty\.toml:1: key: want at least one/,
  });
});

t.test('with --no-open it starts if the configuration says who may ask', async (t) => {
  const credentials = writePrivate(dir, 'chosen.toml', credentialsOf('secret', 'abc'));
  const both = /credentials = "FILE" in \[gateway\], or access = "open"/;
  await t.rejects(start(t, 'no-open', { noOpen: true }), { code: 'ERR_CONFIG', message: both });
  await t.rejects(
    start(t, 'no-open', { noOpen: true, insecureNetwork: true }),
    { code: 'ERR_CONFIG', message: both },
    'the network is another question',
  );
  for (const given of [{ access: 'open' }, { credentials }] as const)
    await start(t, 'no-open', { noOpen: true, ...given }).then(({ gateway }) => gateway.close());
});

t.test('access = "open" is refused where it is not true', async (t) => {
  const credentials = writePrivate(dir, 'both.toml', credentialsOf('secret', 'abc'));
  for (const given of [{ credentials }, { requireSignatures: true }])
    await t.rejects(start(t, 'both', { access: 'open', ...given }), {
      code: 'ERR_CONFIG',
      message: /^access = "open" contradicts credentials and require_signatures/,
    });
  await t.rejects(start(t, 'both', { access: 'open', listen: ['0.0.0.0:0'] }), {
    code: 'ERR_LISTEN',
  });
});

t.test('that it is open, or on an insecure network, is said wherever somebody looks', async (t) => {
  const credentials = writePrivate(dir, 'told.toml', credentialsOf('secret', 'abc'));
  const [open, insecure] = [/^open: any well-formed/, /^insecure network: other hosts may/];
  for (const [name, options, isOpen, wanted] of [
    ['told-open', {}, 1, [open]],
    ['told-choice', { access: 'open', noOpen: true }, 1, [open]],
    ['told-verified', { credentials }, 0, []],
    ['told-both', { insecureNetwork: true }, 1, [open, insecure]],
    ['told-insecure', { insecureNetwork: true, credentials }, 0, [insecure]],
  ] as const) {
    const log = memoryLog();
    const { socketPath } = await start(t, name, { log, ...options });
    const ask = async (path: string) =>
      (await call({ socketPath, path, headers: { host: 'localhost' } })).body;
    const { warnings } = JSON.parse(await ask('/healthz'));
    t.equal(warnings.length, wanted.length, name);
    t.match(warnings, wanted, name);
    t.strictSame(JSON.parse(await ask('/status')).gateway.warnings, warnings, name);
    t.strictSame(
      (log.records as { level: string; message: string }[])
        .filter(({ level }) => level === 'warn')
        .map(({ message }) => message),
      warnings,
      name,
    );
    const page = await ask('/');
    for (const warning of warnings) t.match(page, `warning: ${warning}\n`, name);
    t.equal(samplesOf(await ask('/metrics')).get('entropyd_gateway_open'), isOpen, name);
  }
});

t.test(
  '--insecure-network serves other hosts without TLS and credentials, and never a rebound name',
  { skip: reachable === undefined && 'this host has no address but loopback' },
  async (t) => {
    const credentials = writePrivate(dir, 'mapped.toml', credentialsOf('secret', 'abc'));
    const listen = ['0.0.0.0:0'];
    const insecureNetwork = true;
    const host = reachable as string;
    for (const [given, status] of [
      [{}, 200],
      [{ credentials }, 401],
    ] as const) {
      const { port } = await start(t, 'mapped', { listen, insecureNetwork, ...given });
      t.equal((await call({ port, host, ...genRandomCall })).status, status);
      for (const [name, expected] of [
        ['localhost:9000', 200],
        ['127.0.0.1:9000', 200],
        ['evil.example:9000', 403],
        [`${reachable}:${port}`, 200],
      ] as const)
        for (const path of ['/', '/status', '/history', '/metrics', '/healthz'])
          t.equal(
            (await call({ port, host, path, headers: { host: name } })).status,
            expected,
            `${path} under ${name}`,
          );
    }
  },
);

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

t.test(
  'a failing daemon is told to the log once, however many APIs ask, and no bytes',
  async (t) => {
    const log = memoryLog();
    const client = failingSource(new EntropyError('ERR_HEALTH', 'in its error state'));
    const { port } = await start(t, 'error', { client, log });
    for (const request of [awsCall, genRandomCall, vaultCall])
      t.equal((await call({ port, ...request })).status, 500);
    t.match(log.records.slice(2), [{ level: 'warn', code: 'ERR_HEALTH' }]);
    t.equal(log.records.length, 3);
  },
);

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

t.test('closes idle and silent connections and removes its socket file', async (t) => {
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
  await Promise.all([gateway.close(), gateway.close()]);
  t.equal(await text(silent), '');
  t.match(await idle, /"state":"operational"/);
  t.notOk(existsSync(socketPath));
  await t.rejects(call({ port, ...awsCall }), { code: 'ECONNREFUSED' });
});

t.test('close ends connections that never finish their TLS handshake', async (t) => {
  const { ca: _, ...tls } = makeCertificate(dir, 'handshake');
  const { gateway, port } = await start(t, 'handshake', { tls });
  const silent = connect({ port });
  await once(silent, 'connect');
  const ended = text(silent);
  silent.write('\x16\x03');
  await call({ port }).catch(() => {});
  await gateway.close();
  t.equal(await ended, '');
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
  let isClosed = false;
  const closed = gateway.close().then(() => {
    isClosed = true;
  });
  const idle = await start(t, 'not hanging');
  await idle.gateway.close();
  t.notOk(isClosed, 'a gateway without requests does not wait');
  await closed;
  await cut;
});
