import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddon, version as own } from '../../src/common/package.js';
import { metrics, noise, reseed, selftest, version } from '../../src/entropyctl/commands.js';
import type { Health } from '../../src/generator/interface.js';
import { listen } from '../../src/server/listener.js';
import { fakeGenerator, serverContext, startServer } from '../support/daemon.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { printedBy } from '../support/program.js';

const { addon } = loadAddon();

type Source = Health['sources'][number];
const source = (name: string, state: Source['state']) => ({ name, state }) as Source;

/** A server on which everybody is an administrator; what the command printed. */
async function printed(
  t: Test,
  overrides: Parameters<typeof fakeGenerator>[0],
  command: (socket: string) => Promise<void>,
): Promise<string> {
  const path = freePath();
  const server = await listen(
    { path, mode: 0o600, addon, adminRule: () => ({ uid: process.geteuid?.() ?? 0, group: 0 }) },
    serverContext(fakeGenerator(overrides)),
  );
  const before = process.exitCode;
  const text = await printedBy(t, () => command(path));
  t.teardown(() => {
    process.exitCode = before;
  });
  await server.close();
  return text.trimEnd();
}

t.test('selftest tells each source that is there, and exits 1 if one failed', async (t) => {
  const status = fakeGenerator().status();
  const sources = [source('rdseed', 'failed'), source('rndrrs', 'absent')];
  const text = await printed(
    t,
    {
      selfTest: () => false,
      status: () => ({ ...status, state: 'degraded', reason: 'rdseed failed', sources }),
    },
    (socket) => selftest({ socket }),
  );
  t.equal(text, 'rdseed: failed\nfailed; degraded (rdseed failed)');
  t.equal(process.exitCode, 1);
});

t.test('selftest that passed, as text and as JSON', async (t) => {
  t.equal(await printed(t, {}, (socket) => selftest({ socket })), 'passed; operational');
  t.match(JSON.parse(await printed(t, {}, (socket) => selftest({ socket, json: true }))), {
    passed: true,
    state: 'operational',
  });
});

t.test('reseed tells the state and how many seeds there were', async (t) => {
  t.equal(
    await printed(t, {}, (socket) => reseed({ socket })),
    'operational; seeds since the start: 1',
  );
  const status = fakeGenerator().status();
  t.equal(
    await printed(t, { status: () => ({ ...status, state: 'degraded', reason: 'x' }) }, (socket) =>
      reseed({ socket }),
    ),
    'degraded (x); seeds since the start: 1',
  );
  t.strictSame(JSON.parse(await printed(t, {}, (socket) => reseed({ socket, json: true }))), {
    state: 'operational',
    reason: '',
    reseeds: 1,
  });
});

t.test('whoever is no administrator is told so', async (t) => {
  const path = freePath();
  const server = await listen({ path, mode: 0o600 }, serverContext(fakeGenerator()));
  for (const command of [selftest, reseed])
    await t.rejects(command({ socket: path }), { code: 'ERR_FORBIDDEN' });
  await server.close();
});

t.test('without --socket the usual place is asked', async (t) => {
  process.env.ENTROPYD_SOCKET = freePath();
  t.teardown(() => delete process.env.ENTROPYD_SOCKET);
  for (const command of [selftest, reseed]) await t.rejects(command({}), { code: 'ERR_CONNECT' });
});

const page = /^# HELP entropyd_build_info .*\n(?:.*\n)*entropyd_requests_total \d+\n/;

t.test('the page is printed as the daemon has it, with one line’s end', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const text = await printedBy(t, () => metrics({ socket }));
  t.match(text, page);
  t.match(text, /[^\n]\n$/);
  const json = JSON.parse(await printedBy(t, () => metrics({ socket, json: true })));
  t.strictSame(Object.keys(json), ['page']);
  t.match(json.page, page);
});

t.test('as a textfile it is there as a whole, for every reader', async (t) => {
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

t.test('where the daemon is away, the old page stays', async (t) => {
  const textfile = join(temporaryFolder(), 'kept.prom');
  writeFileSync(textfile, 'old');
  await t.rejects(metrics({ socket: freePath(), textfile }), { code: 'ERR_CONNECT' });
  t.equal(readFileSync(textfile, 'utf8'), 'old');
  const { path: socket } = await startServer(t, fakeGenerator());
  await t.rejects(metrics({ socket, textfile: join(temporaryFolder(), 'none', 'x.prom') }), {
    code: 'ENOENT',
  });
});

const adminRule = () => ({ uid: process.geteuid?.() ?? 0, group: undefined });

t.test('samples go into a file, as many as asked for', async (t) => {
  const asked: [string, number][] = [];
  const generator = fakeGenerator({
    async noise(source, size) {
      asked.push([source, size]);
      return new Uint8Array(size).fill(0xcc);
    },
  });
  const { path: socket } = await startServer(t, generator, { addon, adminRule });
  const output = join(temporaryFolder(), 'samples');
  await noise('rdseed', 1_048_576 + 5, { socket, output });
  t.ok(readFileSync(output).equals(Buffer.alloc(1_048_576 + 5, 0xcc)));
  t.equal(statSync(output).mode & 0o777, 0o600);
  t.strictSame(asked, [
    ['rdseed', 1_048_576],
    ['rdseed', 5],
  ]);
});

t.test('a terminal is no place for them', async (t) => {
  const { noise: onTerminal } = await t.mockImport<
    typeof import('../../src/entropyctl/commands.js')
  >('../../src/entropyctl/commands.js', { 'node:tty': { isatty: () => true } });
  await t.rejects(onTerminal('rdseed', 5, {}), { message: /give --output FILE or a pipe/ });
});

t.test('as JSON they are base64, or the file is named', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator(), { addon, adminRule });
  const json = async (size: number, output?: string) =>
    JSON.parse(
      await printedBy(t, () =>
        noise('rdseed', size, { socket, json: true, ...(output === undefined ? {} : { output }) }),
      ),
    );
  t.strictSame(await json(3), { source: 'rdseed', size: 3, data: 'zMzM' });
  const output = join(temporaryFolder(), 'json');
  t.strictSame(await json(5, output), { source: 'rdseed', size: 5, output });
  t.equal(statSync(output).size, 5);
  await t.rejects(json(1_048_577), { code: 'ERR_USAGE' });
});

t.test('others are refused', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const output = join(temporaryFolder(), 'none');
  await t.rejects(noise('rdseed', 5, { socket, output }), { code: 'ERR_FORBIDDEN' });
});

t.test('both versions are told, as text and as JSON', async (t) => {
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
