import t, { type Test } from 'tap';
import { reseed, selftest } from '../../src/commands/administer.js';
import { loadAddon } from '../../src/common/package.js';
import type { Health } from '../../src/generator/interface.js';
import { listen } from '../../src/server/listener.js';
import { fakeGenerator, freePath, printedBy, serverContext } from '../support.js';

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
