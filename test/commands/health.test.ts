import t from 'tap';
import { health, judge } from '../../src/commands/health.js';
import { EntropyError, type ErrorCode } from '../../src/errors.js';
import { createGenerator, type GeneratorState, type Health } from '../../src/generator.js';
import type { SourceReport } from '../../src/native.js';
import {
  fakeGenerator,
  freePath,
  pack,
  setSocketVariable,
  startFake,
  startServer,
  unpackAll,
} from '../support.js';

const report = (name: string, state: SourceReport['state']) => ({ name, state }) as SourceReport;
const sources = [report('rdseed', 'passing'), report('hwrng', 'lost'), report('rdrand', 'passing')];

t.test('each state has its verdict, by the monitoring convention', async (t) => {
  for (const [state, verdict] of [
    ['operational', 'OK'],
    ['degraded', 'WARNING'],
    ['fallback', 'WARNING'],
    ['seeding', 'CRITICAL'],
    ['error', 'CRITICAL'],
    ['of another version', 'UNKNOWN'],
    ['constructor', 'UNKNOWN'],
  ] as const)
    t.strictSame(
      judge({ state: state as GeneratorState, healthy: false, reason: '', sources }),
      { verdict, line: `${verdict} - ${state}; sources passing: rdseed, rdrand` },
      state,
    );
});

t.test('the line has the reason, and says where no source passes', async (t) => {
  const outcome = { state: 'degraded', healthy: false, reason: 'hwrng lost', sources: [] } as const;
  t.equal(
    judge({ ...outcome, sources: [] }).line,
    'WARNING - degraded (hwrng lost); sources passing: none',
  );
  t.equal(judge({} as Health).line, 'UNKNOWN - undefined; sources passing: none');
});

t.test('a daemon that does not answer is critical, one that makes no sense unknown', async (t) => {
  for (const [code, verdict] of [
    ['ERR_CONNECT', 'CRITICAL'],
    ['ERR_TIMEOUT', 'CRITICAL'],
    ['ERR_CLOSED', 'CRITICAL'],
    ['ERR_MESSAGE', 'UNKNOWN'],
    ['ERR_METHOD', 'UNKNOWN'],
    ['ERR_INTERNAL', 'UNKNOWN'],
  ] as const satisfies [ErrorCode, string][])
    t.strictSame(judge(new EntropyError(code, 'why')), { verdict, line: `${verdict} - why` });
});

/** What the command prints, and the exit code that it sets. */
async function outcome(
  t: Parameters<typeof startServer>[0],
  options: Parameters<typeof health>[0],
): Promise<{ printed: string[]; code: unknown }> {
  const before = process.exitCode;
  const logged = t.capture(console, 'log');
  await health(options);
  const { exitCode: code } = process;
  process.exitCode = before;
  return { printed: logged().map(({ args }) => String(args[0])), code };
}

t.test('the command prints one line and sets the exit code', async (t) => {
  const ok = await startServer(t, fakeGenerator());
  const fallback = await startServer(t, createGenerator({}, { reason: 'not built' }));
  const gone = freePath();
  const garbage = await startFake(t, (socket) => socket.on('data', () => socket.write('garbage')));
  const nothing = await startFake(t, (socket) =>
    socket.on('data', (data) => {
      for (const [, id] of unpackAll(data)) socket.write(pack([1, id, null, null]));
    }),
  );
  for (const [socket, code, line] of [
    [ok.path, 0, 'OK - operational; sources passing: none'],
    [
      fallback.path,
      1,
      'WARNING - fallback (node:crypto instead of the addon: not built); sources passing: none',
    ],
    [
      gone,
      2,
      `CRITICAL - no daemon on ${gone} (ENOENT); start one with: entropyd --socket ${gone}`,
    ],
    [garbage.path, 3, 'UNKNOWN - not a valid message: want an array'],
    [nothing.path, 3, 'UNKNOWN - the daemon sent no map for health'],
  ] as const)
    t.strictSame(await outcome(t, { socket }), { printed: [line], code });
});

t.test('as JSON it prints the whole answer, or the error', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const ok = await outcome(t, { socket: path, json: true });
  t.strictSame(JSON.parse(ok.printed.join('')), {
    state: 'operational',
    healthy: true,
    reason: '',
    sources: [],
  });
  t.equal(ok.code, 0);
  const gone = freePath();
  const { printed, code } = await outcome(t, { socket: gone, json: true });
  t.match(JSON.parse(printed.join('')), { error: ['ERR_CONNECT', /^no daemon on /] });
  t.equal(code, 2);
});

t.test('without a socket it looks where every client looks', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  setSocketVariable(t, path);
  t.match(await outcome(t, {}), { code: 0 });
});

t.test('what is not foreseen is not swallowed', async (t) => {
  const { health: failing } = await t.mockImport<typeof import('../../src/commands/health.js')>(
    '../../src/commands/health.js',
    {
      '../../src/client.js': {
        connect: () => ({ health: () => Promise.reject(new TypeError('a bug')) }),
      },
    },
  );
  await t.rejects(failing({ socket: '/s' }), { message: 'a bug' });
});
