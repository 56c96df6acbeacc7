import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddon, version as own } from '../../src/common/package.js';
import { metrics, noise, reseed, selftest, version } from '../../src/entropyctl/commands.js';
import type { Health } from '../../src/generator/interface.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable, temporaryFolder } from '../support/paths.js';
import { exitCodeOf, printedBy } from '../support/program.js';

const { addon } = loadAddon();

type Source = Health['sources'][number];
const source = (name: string, state: Source['state']) => ({ name, state }) as Source;

/** A server on which this process is an administrator; its path. */
async function adminServer(
  t: Test,
  overrides: Parameters<typeof fakeGenerator>[0] = {},
): Promise<string> {
  const adminRule = () => ({ uid: process.geteuid?.() ?? 0, group: undefined });
  return (await startServer(t, fakeGenerator(overrides), { addon, adminRule })).path;
}

t.test('selftest prints each source that is present, and exits 1 if one failed', async (t) => {
  const sources = [source('rdseed', 'failed'), source('rndrrs', 'absent')];
  const status = {
    ...fakeGenerator().status(),
    state: 'degraded',
    reason: 'rdseed failed',
  } as const;
  const socket = await adminServer(t, {
    selfTest: async () => false,
    status: () => ({ ...status, sources }),
  });
  let text = '';
  const code = await exitCodeOf(async () => {
    text = await printedBy(t, () => selftest({ socket }));
  });
  t.equal(text, 'rdseed: failed\nfailed; degraded (rdseed failed)\n');
  t.equal(code, 1);
});

t.test('selftest prints a pass as text and as JSON', async (t) => {
  const socket = await adminServer(t);
  t.equal(await printedBy(t, () => selftest({ socket })), 'passed; operational\n');
  t.match(JSON.parse(await printedBy(t, () => selftest({ socket, json: true }))), {
    passed: true,
    state: 'operational',
  });
});

t.test('reseed prints the state and the number of seeds', async (t) => {
  const socket = await adminServer(t);
  t.equal(await printedBy(t, () => reseed({ socket })), 'operational; seeds since the start: 1\n');
  t.strictSame(JSON.parse(await printedBy(t, () => reseed({ socket, json: true }))), {
    state: 'operational',
    reason: '',
    reseeds: 1,
  });
  const status = { ...fakeGenerator().status(), state: 'degraded', reason: 'x' } as const;
  const degraded = await adminServer(t, { status: () => status });
  t.equal(
    await printedBy(t, () => reseed({ socket: degraded })),
    'degraded (x); seeds since the start: 1\n',
  );
});

t.test('commands for administrators are refused to other users', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const output = join(temporaryFolder(), 'refused');
  for (const command of [selftest, reseed])
    await t.rejects(command({ socket }), { code: 'ERR_FORBIDDEN' });
  await t.rejects(noise('rdseed', 5, { socket, output }), { code: 'ERR_FORBIDDEN' });
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

t.test('noise writes as many samples as asked for', async (t) => {
  const asked: [string, number][] = [];
  const socket = await adminServer(t, {
    async noise(source, size) {
      asked.push([source, size]);
      return new Uint8Array(size).fill(0xcc);
    },
  });
  const output = join(temporaryFolder(), 'samples');
  await noise('rdseed', 1_048_576 + 5, { socket, output });
  t.ok(readFileSync(output).equals(Buffer.alloc(1_048_576 + 5, 0xcc)));
  t.equal(statSync(output).mode & 0o777, 0o600);
  t.strictSame(asked, [
    ['rdseed', 1_048_576],
    ['rdseed', 5],
  ]);
});

t.test('noise refuses to write samples to a terminal', async (t) => {
  const { noise: onTerminal } = await t.mockImport<
    typeof import('../../src/entropyctl/commands.js')
  >('../../src/entropyctl/commands.js', { 'node:tty': { isatty: () => true } });
  await t.rejects(onTerminal('rdseed', 5, {}), { message: /use --output FILE or a pipe/ });
});

t.test('with --json samples are base64, or the output file is named', async (t) => {
  const socket = await adminServer(t);
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
