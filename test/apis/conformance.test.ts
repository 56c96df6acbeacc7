/** What holds for every API in the list, and for one that nobody has: it touches no file but its folder. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type ApiEntry, errorReasons, type RandomSource } from '../../src/apis/api.js';
import { apis, defaultOperations, isOperation, operationsOf } from '../../src/apis/list.js';
import { EntropyError } from '../../src/common/errors.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import { startGateway } from '../../src/gateway/gateway.js';
import type { ApiClient, ClientRequest, Outcome } from '../support/api-client.js';
import { accessOf, credentials, writePrivate } from '../support/credentials.js';
import {
  apiRequest,
  call,
  exchange,
  failingSource,
  fakeSource,
  memoryAudit,
  memoryLog,
  serveApis,
  settings,
} from '../support/gateway.js';
import { samplesOf } from '../support/metrics-page.js';
import { until } from '../support/until.js';
import { clients as listed } from './clients.js';
import { invented } from './invented/api.js';
import { inventedClient } from './invented/client.js';

const clients: readonly ApiClient[] = [...listed, inventedClient];
const entries: readonly ApiEntry[] = [...apis, invented];
const operations = operationsOf(entries);

/** How requests are sent in the test that runs. */
let http2 = false;

/** Two tests for each API: over HTTP/1.1, and over HTTP/2. */
function forEach(title: string, run: (t: Test, client: ApiClient) => Promise<void>): void {
  for (const isHttp2 of [false, true])
    for (const client of clients)
      t.test(`${client.entry.name}${isHttp2 ? ' over HTTP/2' : ''}: ${title}`, (t) => {
        http2 = isHttp2;
        return run(t, client);
      });
}

const access = () => accessOf(credentials, { operations });

/** A gateway of all APIs that knows the test's credentials, and a way to ask it. */
async function start(
  t: Test,
  options: { source?: RandomSource; open?: boolean; audit?: ReturnType<typeof memoryAudit> } = {},
) {
  const { source = fakeSource(), open = false, audit = memoryAudit() } = options;
  const known = access();
  const served = await serveApis(t, entries, { source, audit, ...(open ? {} : { access: known }) });
  return {
    ...served,
    access: known,
    ask: (request: ClientRequest) => call({ port: served.port, http2, ...request }),
  };
}

/** What node:http hands to the sockets of servers in this process, until the test ends. */
function writtenByServers(t: Test) {
  const written = { strings: [] as string[], buffers: [] as Uint8Array[] };
  const { write } = Socket.prototype;
  t.teardown(() => {
    Socket.prototype.write = write;
  });
  Socket.prototype.write = function (this: Socket & { server?: unknown }, ...args) {
    const [data] = args as unknown[];
    if (this.server != null)
      if (typeof data === 'string') written.strings.push(data);
      else written.buffers.push(data as Uint8Array);
    return write.apply(this, args as Parameters<typeof write>);
  };
  return written;
}

/** What a client gets of these bytes of the source, and of as many more as it takes. */
function received({ size, received }: ApiClient, byteAt: (i: number) => number): Buffer {
  const bytes = Uint8Array.from({ length: 4 * size }, (_, i) => byteAt(i));
  return Buffer.from((received?.(bytes) ?? bytes).subarray(0, size));
}

/** Whether a response is an error in the API's own form, told to log and client alike. */
function checkError(
  t: Test,
  client: ApiClient,
  response: { status: number; headers: IncomingHttpHeaders; body: string },
  entry: object | undefined,
  [code, status]: Outcome,
  name: string,
): void {
  t.equal(response.status, status, name);
  t.equal(response.headers['content-type'], client.contentTypes[1], name);
  t.type(client.errorOf(response.body), 'string', `${name}: in the API's form`);
  t.match(entry, { api: client.entry.name, outcome: code, status }, name);
}

const errorsOf = (served: Awaited<ReturnType<typeof start>>, { entry: { name } }: ApiClient) =>
  Object.entries(served.counters.of(name).errors).filter(([, count]) => count > 0);

t.test('the suite has a client for every API in the list', async (t) => {
  t.strictSame(
    clients.map(({ entry }) => entry),
    entries,
  );
});

t.test('names and operations are unique, and a name is that of the folder', async (t) => {
  const names = entries.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  t.equal(new Set(operations.map(({ name }) => name)).size, operations.length);
  const root = fileURLToPath(new URL('../..', import.meta.url));
  for (const { name } of apis) t.ok(existsSync(join(root, 'src/apis', name, 'api.ts')), name);
});

t.test('allow takes the operations of the list, and those of a pattern', async (t) => {
  const listed = operationsOf();
  for (const { name } of listed) t.ok(isOperation(name, listed), name);
  for (const [name, known] of [
    ['upstream:CreateKey', true],
    ['upstream:', false],
    ['upstream:*', false],
    [`upstream:${'a'.repeat(65)}`, false],
    ['huawei-upstream:create-key', true],
    ['huawei-upstream:', false],
    ['huawei-upstream:gen-random', false],
    ['huawei-upstream:Create-Key', false],
    [`huawei-upstream:${'a'.repeat(65)}`, false],
    ['upstream:create-key', false],
    ['CreateKey', false],
    ['roll', false],
    ['', false],
  ] as const)
    t.equal(isOperation(name, listed), known, name);
  t.ok(isOperation('roll', operations), 'of one list more');
  t.strictSame(defaultOperations(listed), [
    ...['GenerateRandom', 'GetRandomPassword', 'gen-random'],
    ...['GenerateRandomBytes', 'vault-random', 'azure-random'],
  ]);
});

forEach(
  'an open gateway answers its sample, and takes any proof, or needs none',
  async (t, client) => {
    // The sample may need bytes of all kinds.
    let draw = async (size: number): Promise<Uint8Array> => randomBytes(size);
    const source = fakeSource({ random: (size) => draw(size) });
    const served = await start(t, { open: true, source });
    const { sample } = client.entry;
    const sampled = await served.ask(sample);
    t.equal(sampled.status, 200);
    t.ok(client.bytesOf(sampled.body).length > 0);
    draw = fakeSource().random;
    const answer = await served.ask(client.request('denied'));
    t.equal(answer.status, 200);
    t.strictSame(
      client.bytesOf(answer.body),
      received(client, (i) => i),
    );
    t.equal(answer.headers['content-type'], client.contentTypes[0]);
    t.match(answer.headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    t.notMatch(Object.keys(answer.headers).join(), /access-control/);
    const { operation, size, entry } = client;
    t.match(served.audit[1], { api: entry.name, key: null, operation, size, outcome: 'ok' });
    t.match(served.counters.of(entry.name), { responses: { '2xx': 2 } });
    const anonymous = await served.ask(client.anonymous);
    if (client.needsNoProof) t.equal(client.bytesOf(anonymous.body).length, size, 'no proof');
    else checkError(t, client, anonymous, served.audit[2], client.outcomes.anonymous, 'no proof');
  },
);

forEach('with credentials it serves whom they name, and notes who asked', async (t, client) => {
  const served = await start(t);
  const { operation, size, entry, outcomes } = client;
  const answer = await served.ask(client.request('default'));
  t.equal(client.bytesOf(answer.body).length, size);
  t.match(served.audit[0], { api: entry.name, key: /^default-/, operation, size, outcome: 'ok' });
  for (const [at, name] of [
    [1, 'stranger'],
    [2, 'anonymous'],
  ] as const) {
    const refused = await served.ask(client[name]);
    checkError(t, client, refused, served.audit[at], outcomes[name], name);
    t.match(served.audit[at], { key: null, operation, size: null }, 'as far as it got');
  }
  t.strictSame(errorsOf(served, client), [['authentication', 2]]);
  t.match(served.counters.of(entry.name), { randomBytes: size, responses: { '2xx': 1, '4xx': 2 } });
});

forEach('a credential may do what allow grants', async (t, client) => {
  const { operation, outcomes, request } = client;
  const denied = await start(t);
  const refused = await denied.ask(request('denied'));
  checkError(t, client, refused, denied.audit[0], outcomes.denied, 'allow = []');
  t.match(denied.audit[0], { key: /^denied-/, operation, size: null });
  t.strictSame(errorsOf(denied, client), [['forbidden', 1]]);
  for (const [grant, allowed] of [
    [operation, true],
    ...operations.map(({ name }) => [name, name === operation] as const),
  ] as const) {
    const toml = credentials.replaceAll('allow = []', `allow = ["${grant}"]`);
    const granted = accessOf(toml, { operations });
    const { port } = await serveApis(t, entries, { access: granted });
    t.equal((await call({ port, http2, ...request('denied') })).status === 200, allowed, grant);
  }
});

forEach('a credential asks as often as allowed; refusals cost nothing', async (t, client) => {
  const served = await start(t);
  const { outcomes, request } = client;
  const outcome = async () => (await served.ask(request('limited'))).status;
  t.strictSame([await outcome(), await outcome()], [200, 200]);
  const refused = await served.ask(request('limited'));
  checkError(t, client, refused, served.audit[2], outcomes.throttled, 'the third');
  t.strictSame(errorsOf(served, client), [['throttled', 1]]);
  t.equal((await served.ask(request('default'))).status, 200, 'another has its own rate');
  served.access.clock += 500;
  t.equal(await outcome(), 200, 'half a second later');
});

forEach('a rate may be kept elsewhere: the answer is waited for', async (t, client) => {
  const access = accessOf(credentials, { operations });
  let isLeft = true;
  const { port } = await serveApis(t, entries, {
    access: Object.assign(Object.create(access), { take: async () => isLeft }),
  });
  const status = async () => (await call({ port, http2, ...client.request('limited') })).status;
  const allowed = await status();
  t.equal(allowed, 200);
  isLeft = false;
  t.not(await status(), allowed);
});

forEach('a body over the limit is refused, declared or chunked', async (t, client) => {
  const served = await start(t);
  const { bodyLimitBytes } = client.entry.create(settings, memoryLog());
  const request = client.request('default');
  const body = 'x'.repeat(bodyLimitBytes + 1);
  for (const [at, [name, headers]] of (
    [
      ['declared', {}],
      ['chunked', { 'transfer-encoding': 'chunked' }],
    ] as const
  ).entries()) {
    const sent = { ...request, headers: { ...request.headers, ...headers }, body };
    const refused = await served.ask(sent);
    checkError(t, client, refused, served.audit[at], client.outcomes.tooLarge, name);
  }
  t.strictSame(errorsOf(served, client), [['request', 2]]);
});

forEach('nothing of it is for web pages, not even its other errors', async (t, client) => {
  let calls = 0;
  const served = await start(t, {
    source: fakeSource({
      async random(size) {
        calls++;
        return new Uint8Array(size).fill(0x61);
      },
    }),
  });
  for (const [method, extra] of [
    [undefined, { origin: 'http://localhost:8478' }],
    [undefined, { origin: 'null' }],
    ['OPTIONS', { origin: 'https://example.com' }],
    [undefined, { 'sec-fetch-site': 'cross-site' }],
    [undefined, { 'sec-fetch-site': 'same-site' }],
  ] as const)
    for (const request of [client.request('default'), client.anonymous]) {
      const headers = { ...request.headers, ...extra };
      const sent = { ...request, method: method ?? request.method, headers };
      const refused = await served.ask(sent);
      checkError(t, client, refused, served.audit.at(-1), client.outcomes.webPage, `${method}`);
      t.notMatch(Object.keys(refused.headers).join(), /access-control/);
    }
  t.equal(calls, 0);
  t.strictSame(errorsOf(served, client), [['forbidden', 10]]);
  const { headers, ...request } = client.request('default');
  const own = { ...request, headers: { ...headers, 'sec-fetch-site': 'none' } };
  t.equal((await served.ask(own)).status, 200, 'what a user typed is not a page');
});

forEach('whatever the daemon does, errors have its form and a reason', async (t, client) => {
  for (const [error, name, reason] of [
    [new EntropyError('ERR_CONNECT', 'a secret path'), 'unavailable', 'unavailable'],
    [new EntropyError('ERR_HEALTH', 'a secret path'), 'error', 'fault'],
  ] as const) {
    const served = await start(t, { source: failingSource(error) });
    const refused = await served.ask(client.request('default'));
    const { fault, ...outcomes } = client.outcomes;
    const outcome = { fault, error: fault, ...outcomes }[name];
    checkError(t, client, refused, served.audit[0], outcome, error.code);
    t.notMatch(refused.body, 'secret');
    t.strictSame(errorsOf(served, client), [[reason, 1]]);
    t.match(served.counters.of(client.entry.name), { randomBytes: 0 });
  }
  const api = client.entry.create(settings, memoryLog());
  const head = apiRequest(client.request('default') as never);
  for (const [failure, reason] of [
    [{ kind: 'webPage' }, 'forbidden'],
    [{ kind: 'tooLarge' }, 'request'],
    [{ kind: 'busy' }, 'overload'],
    [{ kind: 'unrecorded' }, 'unavailable'],
    ...(
      [
        ['ERR_BUSY', 'overload'],
        ['ERR_RATE', 'overload'],
        ['ERR_CLOSED', 'unavailable'],
        ['ERR_TIMEOUT', 'unavailable'],
        ['ERR_NOT_SEEDED', 'unavailable'],
        ['ERR_AUDIT', 'unavailable'],
        ['ERR_TOO_LARGE', 'request'],
        ['ERR_UPSTREAM', 'upstream'],
        ['ERR_INTERNAL', 'fault'],
      ] as const
    ).map(
      ([code, reason]) => [{ kind: 'thrown', error: new EntropyError(code, 'x') }, reason] as const,
    ),
    [{ kind: 'thrown', error: new TypeError('x is undefined') }, 'fault'],
    [{ kind: 'thrown', error: 'a string' }, 'fault'],
    [{ kind: 'thrown', error: undefined }, 'fault'],
  ] as const) {
    const { status, body, error } = api.refuse(failure, head);
    const name = JSON.stringify(failure);
    t.equal(error?.reason, reason, name);
    t.ok(errorReasons.includes(reason));
    t.ok(status >= 400 && status < 600, name);
    t.ok(client.errorOf(String(body)), name);
    t.notMatch(String(body), /x is undefined|a string/, name);
  }
  const [code, status] = client.outcomes.overload;
  t.match(api.refuse({ kind: 'busy' }, head), { status, error: { code } }, 'too many at once');
});

forEach('where a request must be recorded and cannot be, it is not answered', async (t, client) => {
  const given: Uint8Array[] = [];
  const source = fakeSource({
    async random(size) {
      const bytes = new Uint8Array(size).fill(7);
      given.push(bytes);
      return bytes;
    },
  });
  let isWritable = false;
  const audit = memoryAudit(async () => isWritable);
  const served = await start(t, { source, audit });
  const { operation, size, outcomes, request, stranger } = client;
  const refused = await served.ask(request('default'));
  const api = client.entry.create(settings, memoryLog());
  const { error } = api.refuse({ kind: 'unrecorded' }, apiRequest());
  const outcome = [error?.code ?? '', outcomes.unavailable[1]] as const;
  t.equal(outcome[1], 503, 'clients try again');
  checkError(t, client, refused, served.audit[1], outcome, 'bytes');
  t.match(served.audit[0], { operation, size, outcome: 'ok', status: 200 });
  t.equal(served.audit[1]?.requestId, served.audit[0]?.requestId, 'the later line counts');
  t.equal(given.length, 1);
  t.ok(
    given[0]?.every((byte) => byte === 0),
    'the bytes are wiped',
  );
  const unknown = await served.ask(stranger);
  checkError(t, client, unknown, served.audit[3], outcome, 'an error of its own');
  t.strictSame(errorsOf(served, client), [['unavailable', 2]]);
  t.match(served.counters.of(client.entry.name), { randomBytes: 0, responses: { '5xx': 2 } });
  t.match(served.log.records, [{ message: 'request failed', code: 'ERR_AUDIT' }]);
  isWritable = true;
  const answer = await served.ask(request('default'));
  t.equal(client.bytesOf(answer.body).length, size, 'as soon as it can be recorded');
  t.equal(served.audit.at(-1)?.outcome, 'ok');
});

forEach('who asks whether it serves is told, and leaves no line', async (t, client) => {
  const { probe } = client;
  if (probe === undefined) return;
  const random = async () => t.fail('no bytes are asked for');
  const serving = fakeSource({ random: random as never });
  const inState = (state: string) =>
    fakeSource({ health: async () => ({ state, healthy: false, reason: '' }) });
  for (const [source, status] of [
    [serving, 200],
    [inState('degraded'), 200],
    [inState('seeding'), 503],
    [inState('error'), 503],
    [failingSource(new EntropyError('ERR_CONNECT', 'a secret path')), 503],
  ] as const) {
    const served = await start(t, { source, audit: memoryAudit(async () => false) });
    const answer = await served.ask(probe);
    t.equal(answer.status, status);
    t.equal(answer.headers['content-type'], client.contentTypes[0]);
    t.ok(client.isBare?.(answer.body), 'in a form of its own');
    t.notMatch(answer.body, 'secret');
    t.strictSame(served.audit, [], 'not even one that is required');
    t.strictSame(served.log.records, []);
    t.strictSame(errorsOf(served, client), []);
    const { responses } = served.counters.of(client.entry.name);
    t.match(responses, status === 200 ? { '2xx': 1 } : { '5xx': 1 }, 'but it is counted');
    const page = { ...probe, headers: { ...probe.headers, origin: 'http://localhost' } };
    t.equal((await served.ask(page)).status, 503, 'a web page is recorded, or told to come again');
    t.equal(served.audit[0]?.outcome, client.outcomes.webPage[0]);
  }
});

forEach('whatever is sent, the answer is bytes as asked or an error', async (t, client) => {
  const api = client.entry.create(settings, memoryLog());
  const good = client.request('default');
  const known = access();
  const members = Object.keys(good.body === '' ? {} : JSON.parse(good.body));
  const changedMembers = fc
    .record(Object.fromEntries(members.map((name) => [name, fc.jsonValue()])))
    .map((value) => JSON.stringify(value));
  const text = fc.oneof(fc.string(), fc.json(), changedMembers, fc.constant(good.body));
  const name = fc.constantFrom(...Object.keys(good.headers));
  const value = fc.oneof(fc.constant(undefined), fc.string());
  await t.resolves(
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(good.method, good.method, 'GET', 'POST', 'M-SEARCH'),
        fc.oneof(
          { weight: 3, arbitrary: fc.constant(good.path) },
          fc.string().map((rest) => good.path + rest),
          fc.string(),
        ),
        fc.oneof(fc.constant({}), fc.dictionary(name, value, { noNullPrototype: true })),
        text,
        async (method, target, changed, body) => {
          const [path = '', query] = target.split(/\?(.*)/s, 2);
          const headers = { ...good.headers, ...changed };
          for (const each of Object.keys(headers))
            if (headers[each] === undefined) delete headers[each];
          const request = apiRequest({
            method,
            path,
            query: query ?? '',
            headers: headers as never,
            body: Buffer.from(body),
          });
          const served = await api
            .answer(request, { ...fakeSource(), access: known })
            .catch((error) => api.refuse({ kind: 'thrown', error }, request));
          if (served.status >= 400)
            return served.error !== undefined && client.errorOf(String(served.body)) !== '';
          const bytes = client.bytesOf(Buffer.from(served.body as Uint8Array).toString('latin1'));
          return served.status === 200 && bytes.length === request.audit.size;
        },
      ),
      { numRuns: 500 },
    ),
  );
});

forEach('what is not a request gets a member that its clients read', async (t, client) => {
  const { port } = await start(t);
  const answer = await exchange({ port }, 'nonsense\r\n\r\n');
  t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  const { headers = {}, members = {} } =
    client.entry.create(settings, memoryLog()).malformed?.('Bad Request', 'ID') ?? {};
  const id = /x-request-id: (\S+)/.exec(answer)?.[1] ?? '';
  const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
  for (const [name, value] of Object.entries(members))
    t.strictSame(body[name], value === 'ID' ? id : value, name);
  for (const [name, value] of Object.entries(headers))
    t.match(answer, `${name}: ${String(value).replace('ID', id)}\r\n`);
});

t.test('of members with the same name the first in the list wins', async (t) => {
  const api = (text: string) => ({
    ...invented.create(),
    malformed: () => ({ headers: { a: text }, members: { b: text } }),
  });
  const made = createMalformedResponse([invented.create(), api('1'), api('2')])(400);
  t.match(made, { headers: { a: '1' }, body: '{"dice":"Bad Request","b":"1"}' });
});

forEach(
  'a client that goes is nobody’s error, and nothing is left in flight',
  async (t, client) => {
    let release = () => {};
    let bytes = new Uint8Array();
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const source = fakeSource({
      random: (size) =>
        new Promise((resolve) => {
          bytes = new Uint8Array(size).fill(1);
          release = () => resolve(bytes);
          asked();
        }),
    });
    const served = await start(t, { source });
    const { method, path, headers, body } = client.request('default');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const host = headers.host === undefined ? 'Host: x\r\n' : '';
    const socket = connect({ port: served.port });
    socket.write(
      `${method} ${path} HTTP/1.1\r\n${host}${lines.join('')}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    await isAsked;
    socket.destroy();
    await once(socket, 'close');
    t.equal(served.counters.inFlight, 1);
    release();
    await until(() => served.counters.inFlight === 0, 'the request ends');
    await until(() => bytes.every((byte) => byte === 0), 'its bytes are wiped');
    t.strictSame(served.log.records, []);
    t.equal((await served.ask(client.anonymous)).status, client.outcomes.anonymous[1], 'serves on');
  },
);

forEach('the bytes of a response are zero once it is sent', async (t, client) => {
  const given: Uint8Array[] = [];
  const source = fakeSource({
    async random(size) {
      const bytes = new Uint8Array(size).fill(0x61);
      given.push(bytes);
      return bytes;
    },
  });
  const { ask } = await start(t, { source });
  const { body } = await ask(client.request('default'));
  t.strictSame(
    client.bytesOf(body),
    received(client, () => 0x61),
  );
  t.equal(given.length, 1);
  await until(() => given[0]?.every((byte) => byte === 0), 'the array is wiped');
});

forEach('random bytes leave in buffers only, which are zero afterwards', async (t, client) => {
  const source = fakeSource({ random: async (size) => new Uint8Array(size).fill(0x61) });
  const { ask } = await start(t, { source });
  const written = writtenByServers(t);
  const { body } = await ask(client.request('default'));
  t.equal(client.bytesOf(body).length, client.size);
  t.notOk(written.strings.join('').includes(body), 'no string has them: it could not be wiped');
  t.ok(written.buffers.some(({ length }) => length > 0));
  const bytes = () => Buffer.concat(written.buffers);
  await until(() => bytes().every((byte) => byte === 0), 'what was written is wiped');
});

forEach('its examples are commands that say what they need', async (t, client) => {
  const { examples } = client.entry.create(settings, memoryLog());
  const url = 'http://127.0.0.1:8478';
  for (const verifies of [false, true])
    for (const socketPath of [undefined, '/run/a b']) {
      const all = examples({ url, verifies, socketPath });
      t.ok(all.length > 0);
      for (const { title, note, command, hasUrl } of all) {
        t.match(title, /./);
        t.notMatch(command, /\n/, title);
        t.equal(command.includes(url), hasUrl, title);
        const variables = [...command.matchAll(/\$(\w+)/g)].map(([, name = '']) => name);
        for (const name of variables) t.match(note, name, title);
        t.equal(variables.length > 0 || !/\bany\b/.test(command), verifies, title);
      }
    }
});

t.test(
  'an API more is a folder and a line: routed, granted, counted, audited, explained',
  async (t) => {
    const dir = t.testdir();
    const audit = join(dir, 'audit');
    const toml = '[[token]]\nname = "player"\ntoken = "abc"\nallow = ["roll"]\n';
    const gateway = await startGateway(
      {
        ...{ listen: ['127.0.0.1:0'], client: fakeSource(), dialect: 'otc', log: memoryLog() },
        ...{ audit, credentials: writePrivate(dir, 'credentials.toml', toml) },
      },
      entries,
    );
    t.teardown(() => gateway.close());
    const port = Number(gateway.addresses[0]?.split(':')[1]);
    const page = async (path: string, headers = {}) => {
      const { status, body } = await call({
        port,
        path,
        headers: { host: 'localhost', ...headers },
      });
      t.equal(status, 200, path);
      return body;
    };
    const dice = { port, method: 'PUT', path: '/dice' };
    t.match(
      await call({ ...dice, headers: { 'x-dice': 'abc' } }),
      { status: 200 },
      'routed, granted',
    );
    t.match(await call({ ...dice, headers: { 'x-dice': 'x' } }), { status: 401 });
    const other = {
      port,
      method: 'POST',
      path: '/v1/sys/tools/random',
      headers: { 'x-vault-token': 'abc' },
    };
    t.match(await call(other), { status: 403 }, 'and granted nothing else');
    const found = samplesOf(await page('/metrics'));
    for (const [name, value] of [
      ['requests_total{api="invented",status="2xx"}', 1],
      ['errors_total{api="invented",reason="authentication"}', 1],
      ['random_bytes_total{api="invented"}', 16],
      ['dice_faces', 6],
    ] as const)
      t.equal(found.get(`entropyd_gateway_${name}`), value, name);
    t.match(JSON.parse(await page('/status')).gateway, {
      faces: 6,
      dialect: 'otc',
      verifies: true,
    });
    const command = `curl -X PUT -H "X-Dice: $TOKEN" http://localhost/dice`;
    t.match(await page('/'), `Dice: A token in TOKEN.\n  ${command}\n`, 'as npm start prints it');
    t.match(await page('/', { accept: 'text/html' }), '<h3>Dice</h3>', 'and as a browser shows it');
    t.match(await exchange({ port }, 'x\r\n\r\n'), /"dice":"Bad Request"/);
    await gateway.close();
    const lines = readFileSync(audit, 'utf8').trim().split('\n');
    t.match(
      lines.map((line) => JSON.parse(line)),
      [
        { api: 'invented', key: 'player', operation: 'roll', size: 16, outcome: 'ok' },
        { api: 'invented', key: null, operation: 'roll', outcome: 'stranger', status: 401 },
        { api: 'vault', outcome: 'permission denied' },
      ],
    );
  },
);

t.test('without it in the list, its requests and its operation are unknown', async (t) => {
  const credentialsPath = writePrivate(
    t.testdir(),
    'credentials.toml',
    '[[token]]\nname = "player"\ntoken = "abc"\nallow = ["roll"]\n',
  );
  const options = { client: fakeSource(), dialect: 'otc', log: memoryLog() } as const;
  await t.rejects(
    startGateway({ ...options, listen: ['127.0.0.1:0'], credentials: credentialsPath }),
    { code: 'ERR_CONFIG', message: /allow\[0\]: unknown operation/ },
  );
  const { port } = await serveApis(t, [invented]);
  t.match(await call({ port, path: '/elsewhere' }), { status: 404, body: '{"dice":"Not Found"}' });
});
