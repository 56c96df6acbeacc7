import pino from 'pino';
import t from 'tap';
import type { GeneratorState } from '../src/generator/interface.js';
import { Transitions } from '../src/transitions.js';

/** A logger, and the lines that it has written. */
function recorder() {
  const lines: Record<string, unknown>[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const log = pino(
    { base: null, timestamp: false, formatters },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}

t.test('each state has its level, and a reason where there is one', async (t) => {
  const { log, lines } = recorder();
  const transitions = new Transitions();
  transitions.start(log);
  const table: [GeneratorState, string, string, string][] = [
    ['operational', '', 'info', 'generator operational'],
    ['degraded', 'hwrng: lost', 'warn', 'generator degraded: hwrng: lost'],
    ['seeding', '', 'warn', 'generator seeding'],
    ['fallback', 'no addon', 'warn', 'generator fallback: no addon'],
    ['error', 'alarm', 'error', 'generator error: alarm'],
  ];
  for (const [state, reason] of table) transitions.note(state, reason);
  t.strictSame(
    lines,
    table.map(([state, reason, level, msg]) => ({ level, state, reason, msg })),
  );
});

t.test('what came before the logger is logged with it, once and in order', async (t) => {
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
});

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
