import t, { type Test } from 'tap';
import type { SourceReport } from '../../src/common/package.js';
import { CommandError } from '../../src/common/program.js';
import { defaultLimits } from '../../src/config/config.js';
import { figuresOf, health, judge, performanceData } from '../../src/entropyctl/health.js';
import * as session from '../../src/entropyctl/session.js';
import { createGenerator } from '../../src/generator/create.js';
import type { GeneratorState } from '../../src/generator/interface.js';
import type { DaemonStatus } from '../../src/rpc/protocol.js';
import { fakeGenerator, startFake, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable } from '../support/paths.js';
import { exitCodeOf, printedBy } from '../support/program.js';
import { pack, unpackAll } from '../support/raw.js';

const report = (name: string, state: SourceReport['state']) => ({ name, state }) as SourceReport;
const sources = [report('rdseed', 'passing'), report('hwrng', 'lost'), report('rdrand', 'passing')];

t.test('each state has its verdict of the monitoring convention', async (t) => {
  for (const [state, verdict] of [
    ['operational', 'OK'],
    ['degraded', 'WARNING'],
    ['fallback', 'WARNING'],
    ['seeding', 'CRITICAL'],
    ['error', 'CRITICAL'],
    ['of another version', 'UNKNOWN'],
    ['constructor', 'UNKNOWN'],
  ] as const)
    t.match(
      judge({ state: state as GeneratorState, healthy: false, reason: '', sources }),
      {
        verdict,
        text: new RegExp(
          `^${verdict} - ${state}(, (not )?serving)?; sources passing: rdseed, rdrand$`,
        ),
      },
      state,
    );
});

t.test('the line has the reason, and says if no source passes', async (t) => {
  for (const [state, reason, text] of [
    ['degraded', 'serving: hwrng lost 5 s ago', 'WARNING - degraded, serving: hwrng lost 5 s ago'],
    ['degraded', 'hwrng lost', 'WARNING - degraded, serving: hwrng lost'],
    [
      'operational',
      'serving: seeded by getrandom(2) alone',
      'OK - operational, serving: seeded by getrandom(2) alone',
    ],
    ['fallback', 'serving untested bytes', 'WARNING - fallback, serving untested bytes'],
    ['seeding', 'not serving: waiting 3 s', 'CRITICAL - seeding, not serving: waiting 3 s'],
    ['error', '', 'CRITICAL - error, not serving'],
  ] as const)
    t.equal(judge({ state, reason, sources: [] }).text, `${text}; sources passing: none`);
  t.equal(judge({}).text, 'UNKNOWN - undefined; sources passing: none');
});

t.test('whatever is reported, the text is one short line without a bar', async (t) => {
  const reason = `a|b\nc\x1b[31m${'x'.repeat(1000)}`;
  const odd = { state: 'error', reason, sources: [report('a|\n', 'passing')] } as const;
  const { text } = judge(odd as unknown as Partial<DaemonStatus>);
  t.match(
    text,
    /^CRITICAL - error, not serving: a\/b\ufffdc\ufffd\[31mx{100,}…; sources passing: a\/\ufffd$/,
  );
  t.ok(text.length < 400);
  for (const strange of [{ state: 5 }, { state: null, sources: 'no' }, { reason: {} }, []])
    t.match(judge(strange as unknown as Partial<DaemonStatus>).text, /^UNKNOWN - /);
});

t.test(
  'a daemon that does not answer is critical, one that makes no sense is unknown',
  async (t) => {
    for (const [code, verdict] of [
      ['ERR_CONNECT', 'CRITICAL'],
      ['ERR_TIMEOUT', 'CRITICAL'],
      ['ERR_CLOSED', 'CRITICAL'],
      ['ERR_MESSAGE', 'UNKNOWN'],
      ['ERR_METHOD', 'UNKNOWN'],
      ['ERR_INTERNAL', 'UNKNOWN'],
    ] as const)
      t.strictSame(judge(new CommandError(code, 'why')), {
        verdict,
        text: `${verdict} - why`,
        figures: [],
      });
  },
);

/** What the command prints, and its exit code. */
async function outcome(t: Test, options: Parameters<typeof health>[0]) {
  let printed = '';
  const code = await exitCodeOf(async () => {
    printed = await printedBy(t, () => health(options));
  });
  return { printed, code };
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
  const fallbackText = /^WARNING - fallback, serving untested .*not built; sources passing: none$/;
  const figures =
    /^uptime=\d+s;;;0; since_reseed=\d+s;;;0; reseeds=\dc;;;0; requests=1c;;;0; random_bytes=0c;;;0; refused=0c;;;0; connections=1;;;0;4096 sources_passing=0;;;0;0 alarms=0c;;;0;( serving_p99=0\.\d+s;;;0;)?$/;
  for (const [socket, code, line, hasFigures] of [
    [ok.path, 0, 'OK - operational, serving; sources passing: none', true],
    [fallback.path, 1, fallbackText, true],
    [
      gone,
      2,
      `CRITICAL - no daemon on ${gone} (ENOENT); start one with: entropyd --socket ${gone}`,
    ],
    [garbage.path, 3, /^UNKNOWN - .+ \(socket .*\); is this entropyd's socket\?/],
    [nothing.path, 3, /^UNKNOWN - .+ \(socket /],
  ] as const) {
    const { printed, code: exit } = await outcome(t, { socket });
    t.equal(exit, code);
    t.match(printed, /^[^\n]+\n$/, 'one line');
    const [text, behind] = printed.trimEnd().split(' | ');
    t.match(text, line);
    if (hasFigures) t.match(behind, figures);
    else t.equal(behind, undefined);
  }
});

t.test('as JSON it prints verdict, state and figures, or the error', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const ok = await outcome(t, { socket: path, json: true });
  const { figures, ...rest } = JSON.parse(ok.printed);
  t.strictSame(rest, {
    verdict: 'OK',
    exitCode: 0,
    text: 'OK - operational, serving; sources passing: none',
    state: 'operational',
    healthy: true,
    reason: '',
    sources: [],
  });
  t.strictSame(figures.slice(3, 4), [{ name: 'requests', value: 1, unit: 'c', min: 0 }]);
  t.equal(ok.code, 0);
  const gone = freePath();
  const { printed, code } = await outcome(t, { socket: gone, json: true });
  t.match(JSON.parse(printed), {
    verdict: 'CRITICAL',
    exitCode: 2,
    text: /^CRITICAL - no daemon on /,
    error: { code: 'ERR_CONNECT', message: /^no daemon on / },
  });
  t.equal(code, 2);
});

t.test('without --socket the usual place is asked', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  setSocketVariable(t, path);
  t.match(await outcome(t, {}), { code: 0 });
});

t.test('an unforeseen error is not swallowed', async (t) => {
  const { health: failing } = await t.mockImport<typeof import('../../src/entropyctl/health.js')>(
    '../../src/entropyctl/health.js',
    {
      '../../src/entropyctl/session.js': t.createMock(session, {
        withClient: () => Promise.reject(new TypeError('a bug')),
      }),
    },
  );
  await t.rejects(failing({ socket: '/s' }), { message: 'a bug' });
});

const source = (state: string, alarms: number) =>
  ({ name: 's', state, alarms }) as DaemonStatus['sources'][number];

const status: Partial<DaemonStatus> = {
  sources: [source('passing', 1), source('failed', 2), source('absent', 0)],
  uptimeSeconds: 60,
  secondsSinceReseed: 5.25,
  reseeds: 3,
  requests: 12_345_678_901_234,
  randomBytes: 9,
  connections: 4,
  limits: { ...defaultLimits, connections: 512 },
  errors: { ERR_LENGTH: 2, ERR_RATE: 3 },
  serving: { bounds: [0.000_005, 0.01], buckets: [100, 0, 0], seconds: 1, count: 100 },
};

/** A figure of the Monitoring Plugins Development Guidelines, with an unquoted label. */
const form = /^[a-z0-9_]+=\d+(\.\d+)?(s|c|B)?;;;0;(\d+)?$/;

t.test('each figure has the form of the guidelines', async (t) => {
  const text = performanceData(figuresOf(status));
  t.equal(
    text,
    'uptime=60s;;;0; since_reseed=5.25s;;;0; reseeds=3c;;;0; requests=12345678901234c;;;0; ' +
      'random_bytes=9c;;;0; refused=5c;;;0; connections=4;;;0;512 sources_passing=1;;;0;2 ' +
      'alarms=3c;;;0; serving_p99=0.000005s;;;0;',
  );
  for (const figure of text.split(' ')) t.match(figure, form);
});

t.test('what the daemon does not report is left out', async (t) => {
  t.strictSame(figuresOf({}), []);
  t.equal(
    performanceData(figuresOf({ requests: 1, reseeds: Number.NaN, uptimeSeconds: -1 })),
    'requests=1c;;;0;',
  );
  const slow = { bounds: [0.01], buckets: [0, 5], seconds: 1, count: 5 };
  t.strictSame(figuresOf({ serving: slow }), [], 'above the last bound of the histogram');
  for (const odd of [{ sources: 'x' }, { errors: { x: 'y' }, limits: null }, { requests: 1e30 }])
    for (const figure of performanceData(figuresOf(odd as unknown as Partial<DaemonStatus>))
      .split(' ')
      .filter(Boolean))
      t.match(figure, form);
});
