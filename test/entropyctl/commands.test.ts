import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pack } from 'msgpackr';
import t from 'tap';
import { version as own } from '../../src/common/package.js';
import { metrics, reseed, selftest, version } from '../../src/entropyctl/commands.js';
import * as session from '../../src/entropyctl/session.js';
import type { Health } from '../../src/generator/interface.js';
import { adminServer, fakeGenerator, startFake, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable, temporaryFolder } from '../support/paths.js';
import { exitCodeOf, lines, printedBy } from '../support/program.js';

type Source = Health['sources'][number];
const source = (name: string, state: Source['state'], more: Partial<Source> = {}) =>
  ({ name, state, ...more }) as Source;

t.test('selftest prints each source that is present, and exits 1 if one failed', async (t) => {
  const sources = [
    source('rdseed', 'failed', { lastAlarm: 'repetition count' }),
    source('hwrng', 'lost', { lastAlarm: 'repetition count', lastError: 'No such device' }),
    source('jitter', 'passing', { lastAlarm: 'repetition count', lastError: 'x' }),
    source('serial', 'waiting'),
    source('rndrrs', 'absent'),
  ];
  const status = {
    ...fakeGenerator().status(),
    state: 'degraded',
    reason: 'serving: rdseed failed a health test',
  } as const;
  const socket = await adminServer(t, {
    selfTest: async () => false,
    status: () => ({ ...status, sources }),
  });
  let text = '';
  const code = await exitCodeOf(async () => {
    text = await printedBy(t, () => selftest({ socket }));
  });
  t.strictSame(lines(text), [
    'rdseed: failed (repetition count)',
    'hwrng: lost (No such device)',
    'jitter: passing',
    'serial: waiting',
    'failed; degraded, serving: rdseed failed a health test',
  ]);
  t.equal(code, 1);
});

t.test('selftest waits longer than other commands: 2 s for each source', async (t) => {
  const asked: unknown[] = [];
  const { selftest: patient } = await t.mockImport<
    typeof import('../../src/entropyctl/commands.js')
  >('../../src/entropyctl/commands.js', {
    '../../src/entropyctl/session.js': t.createMock(session, {
      withClient: async (_: unknown, use: (client: unknown) => unknown) =>
        use({
          async selftest(options: unknown) {
            asked.push(options);
            return { passed: true, state: 'operational', reason: '', sources: [] };
          },
        }),
    }),
  });
  t.equal(await printedBy(t, () => patient({})), 'passed; operational, serving\n');
  t.strictSame(asked, [{ timeoutMs: 30_000 }]);
});

t.test('selftest prints a pass as text and as JSON', async (t) => {
  const socket = await adminServer(t);
  t.equal(await printedBy(t, () => selftest({ socket })), 'passed; operational, serving\n');
  t.match(JSON.parse(await printedBy(t, () => selftest({ socket, json: true }))), {
    passed: true,
    state: 'operational',
  });
});

t.test('reseed prints the state and the number of seeds', async (t) => {
  const socket = await adminServer(t);
  t.equal(
    await printedBy(t, () => reseed({ socket })),
    'operational, serving; seeds since the start: 1\n',
  );
  t.strictSame(JSON.parse(await printedBy(t, () => reseed({ socket, json: true }))), {
    state: 'operational',
    reason: '',
    reseeds: 1,
  });
  const status = { ...fakeGenerator().status(), state: 'degraded', reason: 'serving: x' } as const;
  const degraded = await adminServer(t, { status: () => status });
  t.equal(
    await printedBy(t, () => reseed({ socket: degraded })),
    'degraded, serving: x; seeds since the start: 1\n',
  );
});

t.test('commands for administrators are refused to other users', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  for (const command of [selftest, reseed])
    await t.rejects(command({ socket }), { code: 'ERR_FORBIDDEN' });
});

t.test('without --socket the usual place is asked', async (t) => {
  setSocketVariable(t, freePath());
  for (const command of [selftest, reseed]) await t.rejects(command({}), { code: 'ERR_CONNECT' });
});

const page = /^# HELP entropyd_build_info .*\n(?:.*\n)*entropyd_requests_total \d+\n/;

t.test('metrics prints the daemon’s page, with one newline at its end', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const text = await printedBy(t, () => metrics({ socket }));
  t.match(text, page);
  t.match(text, /[^\n]\n$/);
  const json = JSON.parse(await printedBy(t, () => metrics({ socket, json: true })));
  t.strictSame(Object.keys(json), ['page']);
  t.match(json.page, page);
});

t.test('metrics prints nothing of a hostile daemon that a terminal obeys', async (t) => {
  const { path: socket } = await startFake(t, (socket) => {
    socket.once('data', () => socket.write(pack([1, 0, null, 'a 1\n\x1b[2J\x9b31m\rb 2\n'])));
  });
  const text = 'a 1\n\ufffd[2J\ufffd31m\ufffdb 2\n';
  t.equal(await printedBy(t, () => metrics({ socket })), text);
  const textfile = join(temporaryFolder(), 'hostile.prom');
  await metrics({ socket, textfile });
  t.equal(readFileSync(textfile, 'utf8'), text);
});

t.test('a textfile is complete, and readable by everyone', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const textfile = join(temporaryFolder(), 'entropyd.prom');
  writeFileSync(textfile, 'old', { mode: 0o600 });
  t.equal(await printedBy(t, () => metrics({ socket, textfile })), '');
  t.match(readFileSync(textfile, 'utf8'), page);
  t.equal(statSync(textfile).mode & 0o777, 0o644);
  const json = await printedBy(t, () => metrics({ socket, textfile, json: true }));
  t.strictSame(JSON.parse(json), { textfile, size: statSync(textfile).size });
  t.notOk(readdirSync(dirname(textfile)).some((name) => name.endsWith('.tmp')));
});

t.test('if the daemon is away, the old textfile stays', async (t) => {
  const textfile = join(temporaryFolder(), 'kept.prom');
  writeFileSync(textfile, 'old');
  await t.rejects(metrics({ socket: freePath(), textfile }), { code: 'ERR_CONNECT' });
  t.equal(readFileSync(textfile, 'utf8'), 'old');
  const { path: socket } = await startServer(t, fakeGenerator());
  await t.rejects(metrics({ socket, textfile: join(temporaryFolder(), 'none', 'x.prom') }), {
    code: 'ENOENT',
  });
});

t.test('version prints both versions, as text and as JSON', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  t.equal(
    await printedBy(t, () => version({ socket })),
    `entropyctl ${own}\nentropyd 1.2.3, protocol 1\n`,
  );
  t.strictSame(JSON.parse(await printedBy(t, () => version({ socket, json: true }))), {
    entropyctl: own,
    daemon: { name: 'entropyd', version: '1.2.3', protocol: 1 },
  });
});

t.test('without a daemon version prints its own, and why there is no other', async (t) => {
  const socket = freePath();
  const text = await printedBy(t, () => version({ socket }));
  t.ok(text.startsWith(`entropyctl ${own}\nno daemon on ${socket} (ENOENT); start one with: `));
  t.match(JSON.parse(await printedBy(t, () => version({ socket, json: true }))), {
    entropyctl: own,
    error: { code: 'ERR_CONNECT', message: /^no daemon on / },
  });
});
