import t from 'tap';
import { EntropyError } from '../../src/errors.js';
import { createAccess } from '../../src/gateway/access.js';
import { isPage, pagesRoute } from '../../src/gateway/pages.js';
import { accessOf, answerOf, failingSource, fakeSource, gatewayRequest } from './support.js';

function ask(
  path: string,
  client = fakeSource(),
  host: string | undefined = 'localhost:8478',
  access = createAccess(),
  isTls = false,
) {
  const route = pagesRoute({
    client,
    access,
    dialect: 'otc',
    pageHosts: ['entropy.example'],
    isTls,
  });
  const headers = host === undefined ? {} : { host };
  return answerOf(route, gatewayRequest({ method: 'GET', path, headers }));
}

const unhealthy = fakeSource({
  health: async () => ({ state: 'error', healthy: false, reason: 'repetition count' }),
});

t.test('pages are three paths, by GET and HEAD', async (t) => {
  for (const [method, path, expected] of [
    ['GET', '/', true],
    ['HEAD', '/metrics', true],
    ['GET', '/healthz', true],
    ['POST', '/', false],
    ['OPTIONS', '/healthz', false],
    ['GET', '/x', false],
    ['GET', '/healthz/', false],
  ] as const)
    t.equal(isPage(method, path), expected, `${method} ${path}`);
});

t.test('/healthz answers 200 or 503 with state and reason', async (t) => {
  for (const [name, client, status, body] of [
    ['healthy', fakeSource(), 200, { state: 'operational', reason: '' }],
    [
      'degraded, but serving',
      { ...fakeSource(), health: async () => ({ state: 'degraded', healthy: false, reason: 'x' }) },
      200,
      { state: 'degraded', reason: 'x' },
    ],
    ['unhealthy', unhealthy, 503, { state: 'error', reason: 'repetition count' }],
    [
      'no daemon',
      failingSource(new EntropyError('ERR_CONNECT', 'no daemon at /x')),
      503,
      { state: 'unreachable', reason: 'no daemon at /x' },
    ],
    [
      'a defect',
      failingSource(new TypeError('x is undefined')),
      503,
      { state: 'unreachable', reason: 'internal error' },
    ],
  ] as const) {
    const answer = await ask('/healthz', client);
    t.equal(answer.status, status, name);
    t.strictSame(answer.headers, { 'Content-Type': 'application/json' });
    t.strictSame(JSON.parse(answer.body), body, name);
  }
});

t.test('/metrics is the exposition of the daemon', async (t) => {
  const { status, headers, body } = await ask('/metrics');
  t.strictSame([status, body], [200, 'entropyd_up 1\n']);
  t.match(headers['Content-Type'], 'text/plain; version=0.0.4');
});

t.test('/ says the state and how to call each API', async (t) => {
  const { status, headers, body } = await ask('/');
  t.equal(status, 200);
  t.match(headers['Content-Type'], 'text/plain');
  for (const line of [
    /^state: operational$/m,
    /^ {2}aws kms generate-random .*--endpoint-url http:\/\/localhost:8478$/m,
    /http:\/\/localhost:8478\/v1\.0\/PROJECT_ID\/kms\/gen-random$/m,
    /dialect otc/,
    /^ {2}curl .* http:\/\/localhost:8478\/v1\/sys\/tools\/random\/32$/m,
  ])
    t.match(body, line);
  t.match(body, 'any well-formed signature or token is accepted');
  t.match((await ask('/', unhealthy)).body, /^state: error: repetition count$/m);
  const verified = await ask('/', fakeSource(), 'localhost', accessOf(''), true);
  t.match(verified.body, 'signatures and tokens are verified');
  t.match(verified.body, /--endpoint-url https:\/\/localhost$/m, 'with TLS');
});

t.test('pages answer only under names of this host', async (t) => {
  for (const [host, status] of [
    ['localhost:8478', 200],
    ['127.0.0.1', 200],
    ['entropy.example', 200],
    ['evil.example', 403],
  ] as const)
    for (const path of ['/', '/metrics', '/healthz'])
      t.equal((await ask(path, fakeSource(), host)).status, status, `${path} under ${host}`);
  const route = pagesRoute({ client: fakeSource(), access: createAccess(), dialect: 'otc' });
  t.equal((await route.answer(gatewayRequest({ method: 'GET' }))).status, 403, 'without a Host');
});

t.test('failures are plain text, and defects stay inside', async (t) => {
  for (const [error, status, body] of [
    [new EntropyError('ERR_CONNECT', 'no daemon'), 503, 'ERR_CONNECT: no daemon\n'],
    [new EntropyError('ERR_TOO_LARGE', 'over'), 413, 'ERR_TOO_LARGE: over\n'],
    [new TypeError('x is undefined'), 500, 'internal error\n'],
  ] as const) {
    const answer = await ask('/metrics', failingSource(error));
    t.match(answer, { status, body, headers: { 'Content-Type': /^text\/plain/ } });
  }
});
