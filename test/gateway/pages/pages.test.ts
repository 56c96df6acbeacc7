import t from 'tap';
import type { RandomSource } from '../../../src/apis/api.js';
import { apis } from '../../../src/apis/list.js';
import { EntropyError } from '../../../src/common/errors.js';
import { version } from '../../../src/common/package.js';
import { printablePage } from '../../../src/common/terminal.js';
import { defaultGatewayLimits } from '../../../src/config/config.js';
import { pageHeaders } from '../../../src/gateway/pages/front-page.js';
import { claimPage, createPages, type PagesOptions } from '../../../src/gateway/pages/pages.js';
import { answerOf, apiRequest, failingSource, fakeSource } from '../../support/gateway.js';

interface Asked {
  client?: RandomSource;
  host?: string;
  accept?: string;
  local?: string;
  options?: Partial<PagesOptions>;
}

const created = (regions: string[] = [], dialect: 'otc' | 'hwc' = 'otc') =>
  apis.map((entry) => entry.create({ regions, dialect }));

/** Of an open gateway of all APIs. */
const openPages = (client: RandomSource): PagesOptions => ({
  client,
  metrics: () => client.metrics(),
  apis: created(),
  pageHosts: ['entropy.example'],
  isTls: false,
  access: { verifies: false },
  warnings: () => ['open to all'],
  listen: () => [],
  limits: defaultGatewayLimits,
  hostname: 'a-host',
});

function ask(path: string, asked: Asked = {}) {
  const { client = fakeSource(), host = 'localhost:8478', accept, local = 'unix' } = asked;
  const pages = createPages({ ...openPages(client), ...asked.options });
  const headers = accept === undefined ? { host } : { host, accept };
  return answerOf(pages, apiRequest({ method: 'GET', path, headers, local }));
}

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

const unhealthy = fakeSource({
  health: async () => ({ state: 'error', healthy: false, reason: 'not serving: an alarm' }),
  status: async () => ({ state: 'error', reason: 'not serving: an alarm' }),
});

const away = failingSource(new EntropyError('ERR_CONNECT', 'no daemon at /x'));
const defect = failingSource(new TypeError('x is undefined'));

t.test(
  'pages are five paths, the files of one and the documentation, by GET and HEAD',
  async (t) => {
    for (const [method, path, expected] of [
      ['GET', '/', true],
      ['HEAD', '/metrics', true],
      ['GET', '/healthz', true],
      ['GET', '/status', true],
      ['GET', '/history', true],
      ['GET', '/page/style.css', true],
      ['GET', '/page/', true],
      ['GET', '/docs/clients.md', true],
      ['GET', '/page', false],
      ['POST', '/status', false],
      ['POST', '/history', false],
      ['POST', '/page/style.css', false],
      ['POST', '/', false],
      ['OPTIONS', '/healthz', false],
      ['GET', '/x', false],
      ['GET', '/healthz/', false],
    ] as const)
      t.equal(claimPage({ method, path }) === 'path', expected, `${method} ${path}`);
  },
);

t.test('/healthz answers 200 or 503 with state, reason and warnings', async (t) => {
  const inState = (state: string, reason: string) =>
    fakeSource({ health: async () => ({ state, healthy: false, reason }) });
  for (const [name, client, status, body] of [
    ['healthy', fakeSource(), 200, { state: 'operational', reason: '' }],
    ['degraded', inState('degraded', 'x'), 200, { state: 'degraded', reason: 'x' }],
    ['fallback', inState('fallback', 'x'), 200, { state: 'fallback', reason: 'x' }],
    ['error', unhealthy, 503, { state: 'error', reason: 'not serving: an alarm' }],
    ['seeding', inState('seeding', 'x'), 503, { state: 'seeding', reason: 'x' }],
    ['no daemon', away, 503, { state: 'unreachable', reason: 'no daemon at /x' }],
    ['a defect', defect, 503, { state: 'unreachable', reason: 'internal error' }],
  ] as const) {
    const answer = await ask('/healthz', { client });
    t.equal(answer.status, status, name);
    t.equal(answer.headers['Content-Type'], 'application/json');
    t.strictSame(JSON.parse(answer.body), { ...body, warnings: ['open to all'] }, name);
  }
  const none = await ask('/healthz', { options: { warnings: () => [] } });
  t.strictSame(JSON.parse(none.body).warnings, []);
});

t.test('/status is that of the daemon and what it does not know of the gateway', async (t) => {
  const warnings = ['open to all'];
  const limits = defaultGatewayLimits;
  const common = { version, hostname: 'a-host', limits };
  const gateway = { ...common, dialect: 'otc', verifies: false, warnings, listen: [] };
  const listen = ['127.0.0.1:8478', 'unix:/x'];
  const verified = {
    access: { verifies: true },
    warnings: () => [],
    apis: created([], 'hwc'),
    listen: () => listen,
  };
  for (const [name, asked, status, body] of [
    ['healthy', {}, 200, { state: 'operational', reason: '', requests: 1, gateway }],
    [
      'verified',
      { options: verified },
      200,
      {
        state: 'operational',
        reason: '',
        requests: 1,
        gateway: { ...common, dialect: 'hwc', verifies: true, warnings: [], listen },
      },
    ],
    [
      'no daemon',
      { client: away },
      503,
      { state: 'unreachable', reason: 'no daemon at /x', gateway },
    ],
    [
      'a defect',
      { client: defect },
      503,
      { state: 'unreachable', reason: 'internal error', gateway },
    ],
  ] as const) {
    const answer = await ask('/status', asked);
    t.equal(answer.status, status, name);
    t.equal(answer.headers['Content-Type'], 'application/json');
    t.strictSame(JSON.parse(answer.body), body, name);
  }
});

t.test('/history is that of the daemon, or why there is none', async (t) => {
  const history = { intervalSeconds: 300, stored: true, records: [{ requests: 7 }] };
  const old = failingSource(new EntropyError('ERR_METHOD', 'unknown method'));
  for (const [name, client, status, body] of [
    ['healthy', fakeSource({ history: async () => history }), 200, history],
    ['no daemon', away, 503, { reason: 'no daemon at /x' }],
    ['a daemon without it', old, 503, { reason: 'unknown method' }],
    ['a defect', defect, 503, { reason: 'internal error' }],
  ] as const) {
    const answer = await ask('/history', { client });
    t.equal(answer.status, status, name);
    t.equal(answer.headers['Content-Type'], 'application/json');
    t.strictSame(JSON.parse(answer.body), body, name);
  }
});

t.test('/docs/ has the documentation as text, and nothing else', async (t) => {
  for (const name of ['troubleshooting.md', 'clients.md', 'migrating/from-rngd.md']) {
    const { status, headers, body } = await ask(`/docs/${name}`);
    t.equal(status, 200, name);
    t.equal(headers['Content-Type'], 'text/plain; charset=utf-8');
    t.match(body, /^# /, name);
  }
  for (const name of ['', 'none.md', '../README.md', '../package.json', 'migrating', 'a/b/c.md'])
    t.equal((await ask(`/docs/${name}`)).status, 404, name);
});

t.test('every link of the front page leads somewhere', async (t) => {
  const { body } = await ask('/', { accept: 'text/html' });
  const links = [...body.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, path]) => path as string);
  t.ok(links.length > 10);
  for (const path of links) t.equal((await ask(path)).status, 200, path);
});

t.test('/metrics is the exposition of the daemon', async (t) => {
  const { status, headers, body } = await ask('/metrics');
  t.strictSame([status, body], [200, 'entropyd_up 1\n']);
  t.match(headers['Content-Type'], 'text/plain; version=0.0.4');
});

t.test('/ on a terminal says the state and how to call each API', async (t) => {
  const { status, headers, body } = await ask('/', { accept: '*/*' });
  t.equal(status, 200);
  t.match(headers['Content-Type'], 'text/plain');
  for (const line of [
    /^entropyd gateway on a-host$/m,
    /^state: operational, serving$/m,
    /^ {2}AWS_.* aws kms generate-random .*--endpoint-url http:\/\/localhost:8478$/m,
    /http:\/\/localhost:8478\/v1\.0\/project\/kms\/gen-random$/m,
    /dialect otc/,
    /^ {2}curl .* http:\/\/localhost:8478\/v1\/sys\/tools\/random\/32$/m,
  ])
    t.match(body, line);
  t.match(body, 'any well-formed signature or token is accepted');
  t.match(body, /^warning: open to all$/m);
  t.match((await ask('/', { client: unhealthy })).body, /^state: error, not serving: an alarm$/m);
  const options = { access: { verifies: true }, isTls: true };
  const verified = await ask('/', { host: 'localhost', options });
  t.match(verified.body, 'signatures and tokens are verified');
  t.match(verified.body, /--endpoint-url https:\/\/localhost$/m, 'with TLS');
});

t.test('what a hostile daemon says is text without anything that a terminal obeys', async (t) => {
  const bad = 'x\x1b[2J\x9b31m\r\n\u202e';
  const says = { state: bad, reason: bad, construction: bad, healthy: false };
  const state = async () => says;
  const client = fakeSource({ health: state, status: state, history: state });
  const failing = failingSource(new EntropyError(bad as never, bad));
  const isPlain = (text: string) => printablePage(text) === text;
  for (const path of ['/', '/status', '/history', '/healthz'])
    for (const accept of ['*/*', browser.accept])
      for (const source of [client, failing]) {
        const { body } = await ask(path, { accept, client: source });
        t.ok(isPlain(body), `${path} ${accept}`);
      }
  t.match(JSON.parse((await ask('/status', { client })).body), { reason: bad }, 'JSON keeps it');
  t.match((await ask('/', { client })).body, /^state: x\ufffd\[2J/m);
  t.ok(isPlain((await ask('/metrics', { client: failing })).body));
});

t.test('/ in a browser has the state and the commands without a script, too', async (t) => {
  const { status, headers, body } = await ask('/', browser);
  t.equal(status, 200);
  t.equal(headers['Content-Type'], 'text/html; charset=utf-8');
  t.match(body, '<section id="state" data-state="operational"');
  t.match(body, '<span data-origin>http://localhost:8478</span>');
  t.match(body, /<ul id="warnings".*open to all<\/li><\/ul>/);
  const failing = await ask('/', { ...browser, client: unhealthy });
  t.match(failing.body, 'data-state="error"');
  t.match(failing.body, '<span id="reason">an alarm</span>');
  t.match((await ask('/', { ...browser, client: away })).body, 'data-state="unreachable"');
  const kernel = fakeSource({
    status: async () => ({ state: 'operational', reason: '', construction: 'RBGC' }),
  });
  t.match((await ask('/', { ...browser, client: kernel })).body, 'data-construction="RBGC"');
  const region = { apis: created(['eu-de']), listen: () => ['unix:/run/x y'] };
  const { body: other } = await ask('/', { ...browser, options: region });
  t.match(other, '--region eu-de ');
  t.match(other, 'curl --unix-socket &#39;/run/x y&#39;');
});

t.test('files have their type, and there are no others', async (t) => {
  for (const [path, status, type] of [
    ['/page/style.css', 200, 'text/css; charset=utf-8'],
    ['/page/page.js', 200, 'text/javascript; charset=utf-8'],
    ['/page/icon.svg', 200, 'image/svg+xml'],
    ['/page/index.html', 404, 'text/plain; charset=utf-8'],
    ['/page/', 404, 'text/plain; charset=utf-8'],
    ['/page/tsconfig.json', 404, 'text/plain; charset=utf-8'],
    ['/page/../package.json', 404, 'text/plain; charset=utf-8'],
    ['/page/constructor', 404, 'text/plain; charset=utf-8'],
    ['/page/%70age.js', 404, 'text/plain; charset=utf-8'],
  ] as const) {
    const answer = await ask(path);
    t.match(answer, { status, headers: { 'Content-Type': type } }, path);
  }
});

const everyPath = [
  '/',
  '/status',
  '/history',
  '/metrics',
  '/healthz',
  '/page/page.js',
  '/page/none',
];

t.test('every answer of the pages is confined in a browser', async (t) => {
  for (const path of everyPath)
    for (const asked of [browser, { client: defect }, { host: 'evil.example' }])
      t.match((await ask(path, asked)).headers, pageHeaders, path);
});

t.test('pages answer only under names of this host', async (t) => {
  for (const [host, local, status] of [
    ['localhost:8478', 'unix', 200],
    ['127.0.0.1', '127.0.0.1', 200],
    ['entropy.example', '127.0.0.1', 200],
    ['evil.example', '127.0.0.1', 403],
    ['localhost', '192.0.2.1', 403],
    ['127.0.0.1:8478', '192.0.2.1', 403],
    ['192.0.2.1:8478', '192.0.2.1', 403],
    ['entropy.example', '192.0.2.1', 200],
  ] as const)
    for (const path of everyPath.slice(0, -1))
      t.equal((await ask(path, { host, local })).status, status, `${path} under ${host}`);
  const options = { isMapped: true };
  for (const [host, status] of [
    ['localhost:9000', 200],
    ['127.0.0.1:9000', 200],
    ['entropy.example', 200],
    ['evil.example', 403],
    ['192.0.2.1', 200],
  ] as const)
    for (const path of everyPath.slice(0, -1))
      t.equal(
        (await ask(path, { host, local: '192.0.2.1', options })).status,
        status,
        `${path} under ${host}, mapped`,
      );
  const request = apiRequest({ method: 'GET' });
  const nameless = await answerOf(createPages(openPages(fakeSource())), request);
  t.equal(nameless.status, 403, 'without a Host');
});

t.test('failures are plain text, and defects stay inside', async (t) => {
  for (const [error, status, body, reason] of [
    [new EntropyError('ERR_CONNECT', 'no daemon'), 503, 'ERR_CONNECT: no daemon\n', 'unavailable'],
    [new TypeError('x is undefined'), 500, 'internal error\n', 'fault'],
  ] as const) {
    const answer = await ask('/metrics', { client: failingSource(error) });
    const headers = { 'Content-Type': /^text\/plain/ };
    t.match(answer, { status, body, headers, error: { reason } });
  }
  const { refuse } = createPages(openPages(fakeSource()));
  for (const [kind, status, body] of [
    ['tooLarge', 413, 'ERR_TOO_LARGE: the body is over 0 bytes\n'],
    ['busy', 503, 'ERR_BUSY: too many requests at once\n'],
  ] as const)
    t.match(refuse({ kind }, apiRequest()), { status, body });
});

t.test('examples over the URL come first, whichever API they are of', async (t) => {
  const options = { listen: () => ['unix:/s'] };
  const { body } = await ask('/', { options });
  const commands = body.split('\n').filter((line) => line.startsWith('  '));
  t.equal(
    commands.findIndex((line) => line.includes('--unix-socket')),
    commands.length - 1,
  );
});

t.test('/metrics, status and history are asked for once a second, health always', async (t) => {
  const asked: string[] = [];
  const count = <T>(name: string, result: T) => {
    asked.push(name);
    return Promise.resolve(result);
  };
  let now = 0;
  const pages = createPages({
    ...openPages(fakeSource()),
    client: {
      status: () => count('status', { state: 'operational', reason: '' }),
      history: () => count('history', {}),
      health: () => count('health', { state: 'operational', healthy: true, reason: '' }),
    },
    metrics: () => count('metrics', 'page'),
    now: () => now,
  });
  const get = (path: string) =>
    answerOf(pages, apiRequest({ method: 'GET', path, headers: { host: 'localhost' } }));
  const all = () =>
    Promise.all(
      ['/metrics', '/status', '/history', '/', '/healthz'].flatMap((p) => [get(p), get(p)]),
    );
  await all();
  t.strictSame(asked.splice(0).sort(), ['health', 'health', 'history', 'metrics', 'status']);
  now = 999;
  await all();
  t.strictSame(asked.splice(0), ['health', 'health']);
  now = 1000;
  await all();
  t.strictSame(asked.sort(), ['health', 'health', 'history', 'metrics', 'status']);
});
