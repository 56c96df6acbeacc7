import t from 'tap';
import { CommandError } from '../../src/common/program.js';
import type { Clock } from '../../src/entropyctl/clock.js';
import { wait } from '../../src/entropyctl/wait.js';
import type { GeneratorState, Health } from '../../src/generator/interface.js';
import { printedBy } from '../support/program.js';

/** A clock that jumps over every wait. */
function jumping(): Clock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    async wait(ms: number) {
      clock.at += ms;
    },
  };
  return clock;
}

/** Gives one answer after another, a state or an error's code, and the last one again and again. */
function answers(...all: readonly string[]) {
  const left = [...all];
  const asked: number[] = [];
  const ask = async (_: object, timeoutMs: number): Promise<Health> => {
    asked.push(timeoutMs);
    const answer = (left.length > 1 ? left.shift() : left[0]) as string;
    if (answer.startsWith('ERR_')) throw new CommandError(answer, `${answer}: no daemon`);
    const state = answer as GeneratorState;
    return { state, healthy: state === 'operational', reason: '', sources: [] };
  };
  return { ask, asked };
}

t.test('it returns with the state, or a better one', async (t) => {
  for (const [state, before] of [
    [undefined, ['ERR_CONNECT', 'ERR_CLOSED', 'ERR_TIMEOUT', 'seeding', 'fallback', 'degraded']],
    ['operational', ['error', 'degraded']],
    ['degraded', ['fallback', 'seeding']],
    ['fallback', ['error', 'seeding', 'another']],
  ] as const) {
    for (const last of ['operational', 'degraded', 'fallback'] as const) {
      const isEnough =
        last === 'operational' || last === state || (last === 'degraded' && state === 'fallback');
      if (!isEnough) continue;
      const { ask, asked } = answers(...before, last);
      const clock = jumping();
      const options = state === undefined ? {} : { state };
      t.equal(await printedBy(t, () => wait(options, clock, ask)), `${last}, serving\n`);
      t.equal(asked.length, before.length + 1);
      t.equal(clock.at, before.length * 250, 'a quarter of a second between two questions');
    }
  }
  const { ask } = answers('seeding', 'operational');
  t.strictSame(JSON.parse(await printedBy(t, () => wait({ json: true }, jumping(), ask))), {
    state: 'operational',
    reason: '',
    waitedSeconds: 0.25,
  });
});

t.test('when the time is over it says what it waited for, and the last answer', async (t) => {
  for (const [answer, last] of [
    ['degraded', 'degraded, serving'],
    ['error', 'error, not serving'],
    ['ERR_CONNECT', 'ERR_CONNECT: no daemon'],
  ] as const) {
    const { ask, asked } = answers(answer);
    const clock = jumping();
    await t.rejects(wait({ timeout: 1.1 }, clock, ask), {
      code: 'ERR_TIMEOUT',
      message: `not operational within 1.1 s: ${last}`,
    });
    t.equal(clock.at, 1_100);
    t.strictSame(asked.map(Math.round), [1100, 850, 600, 350, 100, 1], 'and once more at the end');
  }
  const { ask, asked } = answers('seeding', 'operational');
  await printedBy(t, () => wait({}, jumping(), ask));
  t.strictSame(asked, [5000, 5000], 'one answer has five seconds');
});

t.test('what does not pass by itself ends it', async (t) => {
  const { ask } = answers('ERR_MESSAGE');
  await t.rejects(wait({}, jumping(), ask), { code: 'ERR_MESSAGE' });
  const bug = new Error('bug');
  await t.rejects(
    wait({}, jumping(), () => Promise.reject(bug)),
    bug,
  );
});
