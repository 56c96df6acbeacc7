import pino from 'pino';
import t from 'tap';
import type { GeneratorState } from '../../src/generator/interface.js';
import { Counters, Transitions } from '../../src/server/activity.js';

t.test('errors are counted by their code', async (t) => {
  const counters = new Counters();
  for (const code of ['ERR_BUSY', 'ERR_LENGTH', 'ERR_BUSY'] as const) counters.error(code);
  t.strictSame(
    [...counters.errors],
    [
      ['ERR_BUSY', 2],
      ['ERR_LENGTH', 1],
    ],
  );
});

t.test('a serving time falls into the bucket of its upper bound', async (t) => {
  for (const [seconds, bucket] of [
    [0, 0],
    [0.000_005, 0],
    [0.000_005_1, 1],
    [0.000_1, 4],
    [0.01, 10],
    [0.010_1, 11],
    [60, 11],
  ] as const) {
    const counters = new Counters();
    counters.served(seconds);
    const serving = counters.serving();
    t.equal(serving.buckets.indexOf(1), bucket, `${seconds} s`);
    t.match(serving, { count: 1, seconds });
  }
});

/** A logger, and the lines that it wrote. */
function recorder() {
  const lines: Record<string, unknown>[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const log = pino(
    { base: null, timestamp: false, formatters },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}

t.test('each state is logged with its level, and its reason if there is one', async (t) => {
  const { log, lines } = recorder();
  const transitions = new Transitions();
  transitions.start(log);
  const table: [GeneratorState, string, string, string][] = [
    ['operational', '', 'info', 'generator operational, serving'],
    ['degraded', 'serving: hwrng lost', 'warn', 'generator degraded, serving: hwrng lost'],
    ['seeding', '', 'warn', 'generator seeding, not serving'],
    ['fallback', 'serving x', 'warn', 'generator fallback, serving x'],
    ['error', 'not serving: x', 'error', 'generator error, not serving: x'],
  ];
  for (const [state, reason] of table) transitions.note(state, reason);
  t.strictSame(
    lines,
    table.map(([state, reason, level, msg]) => ({ level, state, reason, msg })),
  );
});

t.test(
  'transitions from before the logger are logged when it starts, once and in order',
  async (t) => {
    const { log, lines } = recorder();
    const transitions = new Transitions();
    transitions.note('seeding', '');
    transitions.note('operational', '');
    transitions.start(log);
    transitions.note('degraded', 'hwrng');
    t.strictSame(
      lines.map(({ state }) => state),
      ['seeding', 'operational', 'degraded'],
    );
  },
);

t.test('the last sixteen are kept, oldest first, as copies', async (t) => {
  const transitions = new Transitions();
  t.strictSame(transitions.last, []);
  for (let i = 0; i < 20; i++) transitions.note('degraded', `${i}`);
  t.strictSame(
    transitions.last.map(({ reason }) => reason),
    Array.from({ length: 16 }, (_, i) => `${i + 4}`),
  );
  for (const { time } of transitions.last) t.match(time, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
  (transitions.last[0] as { state: string }).state = 'changed';
  t.equal(transitions.last[0]?.state, 'degraded');
});
