import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { clients } from '../apis/clients.js';
import { makeCertificate } from '../support/certificates.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { call } from '../support/gateway.js';
import { samplesOf } from '../support/metrics-page.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { built, count, lines, Program, startActivated } from '../support/program.js';
import { writeSecret } from '../support/secret-volume.js';
import { gate, until } from '../support/until.js';

const started = /gateway worker started/g;
let files = 0;

/** A file of this test's folder, for its user alone. */
function write(text: string, path = join(temporaryFolder(), `${++files}.toml`)): string {
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const tokens = (...names: string[]) =>
  names.map((name) => `[[token]]\nname = "${name}"\ntoken = "${name}"\n`).join('');

/** The built gateway with two workers and an audit log, on a Unix socket. */
async function start(t: Test, { credentials, more = '' }: { credentials?: string; more?: string }) {
  const { path } = await startServer(t, fakeGenerator());
  const socketPath = freePath();
  const audit = join(temporaryFolder(), `${++files}.jsonl`);
  const config = write(`[gateway]
listen = ["unix:${socketPath}"]
workers = 2
audit = "${audit}"
${credentials === undefined ? '' : `credentials = "${credentials}"`}
${more}
`);
  const args = ['gateway', '--config', config, '--socket', path];
  const program = new Program(t, [built('entropyd'), ...args]);
  await program.says('gateway listening');
  const entries = () =>
    lines(readFileSync(audit, 'utf8'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { seq: number; requestId: string; status: number });
  return { program, socketPath, entries };
}

const random = (token: string) =>
  `POST /v1/sys/tools/random/16 HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: ${token}\r\nContent-Length: 2\r\n\r\n`;

/** A connection for one request after the other. */
class Client {
  readonly socket: Socket;
  #received = '';
  isClosed = false;

  constructor(t: Test, socketPath: string) {
    this.socket = connect(socketPath);
    this.socket.on('data', (data) => {
      this.#received += data;
    });
    this.socket
      .on('error', () => {})
      .once('close', () => {
        this.isClosed = true;
      });
    t.teardown(() => this.socket.destroy());
  }

  /**
   * The status of an answer; undefined: the connection has ended instead. Asks again where a starved
   * machine has not written a required audit line in time.
   */
  async ask(token = 'any', body = '{}'): Promise<number | undefined> {
    for (;;) {
      this.#received = '';
      this.socket.write(random(token) + body);
      const status = await this.answer();
      if (status !== 503 || !this.#received.includes('audit')) return status;
    }
  }

  async answer(): Promise<number | undefined> {
    const isThere = () => /\r\n\r\n.*\}\s*$/s.test(this.#received);
    await until(() => isThere() || this.isClosed, 'an answer, or the end');
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(this.#received) ?? [];
    return status === undefined ? undefined : Number(status);
  }
}

/** One after the other, so that the workers get them in turn. */
async function clientsOf(t: Test, socketPath: string, wanted: number, token = 'any') {
  const all: Client[] = [];
  for (let i = 0; i < wanted; i++) {
    const client = new Client(t, socketPath);
    all.push(client);
    t.equal(await client.ask(token), 200);
  }
  return all;
}

const page = async (socketPath: string, path: string) =>
  (await call({ socketPath, path, headers: { host: 'localhost' } })).body;

const metricsOf = async (socketPath: string) => samplesOf(await page(socketPath, '/metrics'));

/** Metrics with this one among them: a worker that is slow to answer has its last figures there. */
const metricsWith = (socketPath: string, name: string, value: number) =>
  until(
    async () => {
      const metrics = await metricsOf(socketPath);
      return metrics.get(name) === value && metrics;
    },
    `${name} ${value}`,
    // A page is kept for a second.
    { pollMs: 500 },
  );

t.test('every API answers; audit log and metrics are those of all workers', async (t) => {
  const { socketPath, entries, program } = await start(t, {});
  const ids: string[] = [];
  for (const { entry, http2 = false } of clients as readonly {
    entry: (typeof clients)[number]['entry'];
    http2?: boolean;
  }[])
    for (let i = 0; i < 4; i++) {
      const answer = await call({ socketPath, http2, ...entry.sample });
      t.equal(answer.status, 200, entry.name);
      const { headers } = answer;
      ids.push(
        String(
          headers['x-amzn-requestid'] ??
            headers['x-ms-request-id'] ??
            headers['x-request-id'] ??
            JSON.parse(answer.body).request_id,
        ),
      );
    }
  const written = await until(() => entries().length >= ids.length && entries(), 'all lines');
  t.strictSame(
    written.map(({ seq }) => seq),
    ids.map((_, i) => i + 1),
    'numbered in order, without a gap',
  );
  t.strictSame(
    written.map(({ requestId }) => requestId),
    ids,
  );
  for (const { entry } of clients) {
    const name = `entropyd_gateway_requests_total{api="${entry.name}",status="2xx"}`;
    t.ok(await metricsWith(socketPath, name, 4));
  }
  const metrics = await metricsOf(socketPath);
  t.equal(metrics.get('entropyd_gateway_workers'), 2);
  t.equal(metrics.get('entropyd_gateway_worker_restarts_total'), 0);
  t.match(JSON.parse(await page(socketPath, '/status')), {
    gateway: {
      workers: { running: 2, restarts: 0 },
      audit: { required: false, dropped: 0 },
      listen: [`unix:${socketPath}`],
    },
  });
  // As many as there are workers, in turn.
  for (const _ of [1, 2])
    t.match(JSON.parse(await page(socketPath, '/history')), {
      intervalSeconds: 300,
      records: [],
      transitions: Array,
    });
  t.equal(count(program.stderr, started), 2);
  t.match(await program.kill('SIGTERM'), { status: 0 });
});

t.test('a rate is of all workers together', async (t) => {
  const perSecond = 20;
  const credentials = write(
    `${tokens('limited')}requests_per_second = ${perSecond}\n${tokens('free')}`,
  );
  const { socketPath, entries } = await start(t, { credentials });
  const all = await clientsOf(t, socketPath, 8, 'free');
  const before = performance.now();
  const statuses = await Promise.all(
    all.map(async (client) => {
      const own = [];
      for (let i = 0; i < 20; i++) own.push(await client.ask('limited'));
      return own;
    }),
  );
  const seconds = (performance.now() - before) / 1000;
  const granted = statuses.flat().filter((status) => status === 200).length;
  t.ok(granted >= perSecond, `${granted}: a second's worth at once`);
  t.ok(granted <= perSecond * (1 + seconds), `${granted} in ${seconds} s`);
  t.ok(statuses.flat().every((status) => status === 200 || status === 429));
  await until(() => entries().length >= 8 + 160, 'a line for every answer');
  t.strictSame(
    entries().map(({ seq }) => seq),
    Array.from({ length: 8 + 160 }, (_, i) => i + 1),
  );
});

t.test('connections are limited in all', async (t) => {
  const { socketPath } = await start(t, { more: 'connections = 16' });
  const all = await clientsOf(t, socketPath, 16);
  t.notOk(all.some(({ isClosed }) => isClosed));
  t.equal(await new Client(t, socketPath).ask(), 200, 'one more');
  await until(() => all.some(({ isClosed }) => isClosed), 'one has ended for it');
  for (const client of all) if (!client.isClosed) t.equal(await client.ask(), 200);
  t.equal(all.filter(({ isClosed }) => isClosed).length, 1);
});

t.test('who dies under load takes its own connections only, and is replaced', async (t) => {
  const { socketPath, program, entries } = await start(t, { more: 'audit_required = true' });
  const all = await clientsOf(t, socketPath, 6);
  const before = await metricsOf(socketPath);
  const [, pid] = /"pid":(\d+),"msg":"gateway worker started"/.exec(program.stderr) ?? [];
  let answered = 0;
  const { opened, open } = gate();
  const loads = all.map(async (client) => {
    while (!client.isClosed) {
      const status = await client.ask();
      if (status === undefined) break;
      if (status !== 200) t.fail(`status ${status}`);
      if (++answered === 30) open();
      if (client.isClosed || (answered > 200 && count(program.stderr, started) === 3)) break;
    }
  });
  await opened;
  process.kill(Number(pid), 'SIGKILL');
  await Promise.all(loads);
  await until(() => count(program.stderr, started) === 3, 'a replacement');
  t.equal(all.filter(({ isClosed }) => isClosed).length, 3, 'half of the connections');
  for (const client of all) if (!client.isClosed) t.equal(await client.ask(), 200);
  for (let i = 0; i < 4; i++) t.equal(await new Client(t, socketPath).ask(), 200);
  const after = await metricsOf(socketPath);
  for (const [name, value] of before)
    if (name.endsWith('_total') || name.includes('_total{') || name.includes('_bucket'))
      t.ok((after.get(name) ?? 0) >= value, name);
  t.equal(after.get('entropyd_gateway_worker_restarts_total'), 1);
  t.equal(after.get('entropyd_gateway_workers'), 2);
  const numbers = entries().map(({ seq }) => seq);
  t.strictSame(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
  t.equal(numbers.at(-1), numbers.length, 'without a gap');
  t.ok(numbers.length >= answered, 'who was answered has a line');
  t.match(program.stderr, /"pid":\d+,"reason":"SIGKILL","delayMs":100,"msg":"gateway worker ended/);
});

t.test('a reload is of all workers or of none', async (t) => {
  const credentials = write(tokens('old'));
  const { socketPath, program } = await start(t, { credentials });
  const all = await clientsOf(t, socketPath, 4, 'old');
  const statuses = async (token: string) => {
    const found = [];
    for (const client of all) found.push(await client.ask(token));
    return found;
  };
  t.strictSame(await statuses('old'), [200, 200, 200, 200]);
  write('nonsense', credentials);
  program.child.kill('SIGHUP');
  await program.says('gateway kept as it was');
  t.strictSame(await statuses('old'), [200, 200, 200, 200]);
  write(tokens('new'), credentials);
  program.child.kill('SIGHUP');
  await program.says('gateway reloaded');
  t.strictSame(await statuses('old'), [403, 403, 403, 403]);
  t.strictSame(await statuses('new'), [200, 200, 200, 200]);
  const [, pid] = /"pid":(\d+),"msg":"gateway worker started"/.exec(program.stderr) ?? [];
  process.kill(Number(pid), 'SIGKILL');
  await until(() => count(program.stderr, started) === 3, 'a replacement');
  for (let i = 0; i < 4; i++) t.equal(await new Client(t, socketPath).ask('new'), 200);
});

t.test('all workers use renewed files without being told', async (t) => {
  const folder = join(temporaryFolder(), 'secret');
  const renew = (version: number, text: string) =>
    writeSecret(folder, version, { 'credentials.toml': text });
  renew(1, tokens('old'));
  const credentials = join(folder, 'credentials.toml');
  const { socketPath, program } = await start(t, { credentials });
  const all = await clientsOf(t, socketPath, 4, 'old');
  renew(2, 'nonsense');
  await program.says('gateway kept as it was');
  for (const client of all) t.equal(await client.ask('old'), 200);
  renew(3, tokens('new'));
  await program.says('gateway reloaded');
  for (const client of all) t.equal(await client.ask('old'), 403);
  for (const client of all) t.equal(await client.ask('new'), 200);
  t.equal(count(program.stderr, /gateway kept as it was/g), 1);
});

t.test('SIGTERM answers what is under way, and ends all processes', async (t) => {
  const { socketPath, program } = await start(t, {});
  const all = await clientsOf(t, socketPath, 4);
  for (const client of all) client.socket.write(`${random('any')}{`);
  await until(
    async () => (await metricsOf(socketPath)).get('entropyd_gateway_requests_in_flight') === 5,
    'they are under way, and the page itself',
    { pollMs: 1100 },
  );
  const pids = [...program.stderr.matchAll(/"pid":(\d+),"msg":"gateway worker started"/g)];
  program.child.kill('SIGTERM');
  await until(() => connects(socketPath).then((isOpen) => !isOpen), 'it listens no more');
  for (const client of all) {
    client.socket.write('}');
    await until(() => client.isClosed, 'its answer');
    t.equal(await client.answer(), 200);
  }
  t.match(await program.ended, { status: 0, stderr: /gateway closed/ });
  for (const [, pid] of pids) t.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
});

async function connects(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  const isOpen = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isOpen;
}

t.test('passed sockets are served, and a fault is that of the gateway', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const config = write('[gateway]\nworkers = 2\n');
  const args = ['gateway', '--config', config, '--socket', path];
  const tcp = { host: '127.0.0.1', port: 0 };
  const { program, port } = await startActivated(t, tcp, 'entropyd-gateway', args);
  await program.says(`"addresses":["127.0.0.1:${port}"]`);
  t.equal((await call({ port, path: '/healthz', headers: { host: 'localhost' } })).status, 200);
  t.match(await program.kill('SIGTERM'), { status: 0 });
  for (const [text, message] of [
    ['workers = 2\napis = ["nobody"]', /:3: no API "nobody"/],
    ['workers = 3\nrequests = 2', /:2: workers: want at most 2/],
    ['workers = 2\nlisten = ["0.0.0.0:0"]', /refusing to listen on 0\.0\.0\.0/],
  ] as const) {
    const file = write(`[gateway]\n${text}\n`);
    const refused = new Program(t, [built('entropyd'), 'gateway', '--config', file]);
    t.match(await refused.ended, { status: 1, stderr: message });
  }
});

t.test('TLS, HTTP/2 and a client that ends its side first are as with one process', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const { certificate, key, ca } = makeCertificate(temporaryFolder(), 'tls');
  const socketPath = freePath();
  const config = write(`[gateway]
listen = ["127.0.0.1:0", "unix:${socketPath}"]
workers = 2
tls_cert = "${certificate}"
tls_key = "${key}"
`);
  const args = ['gateway', '--config', config, '--socket', path];
  const program = new Program(t, [built('entropyd'), ...args]);
  const said = await program.says('gateway listening');
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
  const headers = { 'x-vault-token': 'any' };
  const asked = { method: 'POST', path: '/v1/sys/tools/random/16', headers, body: '{}' };
  for (const http2 of [false, true])
    for (let i = 0; i < 4; i++) {
      t.equal((await call({ port, ca, servername: 'localhost', http2, ...asked })).status, 200);
      t.equal((await call({ socketPath, http2, ...asked })).status, 200);
    }
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  socket.end(`${random('any')}{}`);
  t.match(await text(socket), /^HTTP\/1\.1 200 /);
  const slow = new Client(t, socketPath);
  slow.socket.write('nonsense\r\n\r\n');
  t.equal(await slow.answer(), 400);
  t.match(await program.kill('SIGTERM'), { status: 0 });
});

t.test('a worker is started by the gateway only', async (t) => {
  const { ended } = new Program(t, [built('entropyd'), 'gateway-worker']);
  t.match(await ended, { status: 64, stderr: /entropyd gateway starts it/ });
});
