import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import {
  type Clock,
  Crew,
  type Member,
  replacementDelayMs,
} from '../../../src/gateway/workers/crew.js';
import { memoryLog } from '../../support/gateway.js';

/** Time that passes when a test says so. */
function clockOf() {
  let now = 0;
  const timers = new Map<() => void, number>();
  const clock: Clock = {
    now: () => now,
    after(ms, action) {
      timers.set(action, now + ms);
      return () => timers.delete(action);
    },
  };
  return {
    clock,
    waits: () => [...timers.values()].map((at) => at - now),
    async advance(ms: number) {
      now += ms;
      for (const [action, at] of [...timers])
        if (at <= now) {
          timers.delete(action);
          action();
        }
      await setImmediate();
    },
  };
}

/** A crew of processes that are none. */
function crewOf(count: number, begin: () => Promise<void> = async () => {}) {
  const time = clockOf();
  const log = memoryLog();
  const forked: {
    receive(message: unknown): void;
    end(how?: string): void;
    killed: boolean;
    ended: boolean;
  }[] = [];
  const system = { isFull: false };
  const crew = new Crew(
    count,
    (receive, ended) => {
      if (system.isFull) throw new Error('EAGAIN');
      const process = {
        receive,
        end: (how = 'SIGSEGV') => ended(how),
        killed: false,
        ended: false,
      };
      forked.push(process);
      return {
        pid: forked.length,
        send() {},
        kill() {
          if (process.killed) return;
          process.killed = true;
          queueMicrotask(() => ended('SIGKILL'));
        },
      };
    },
    ({ pid }): Member => ({
      receive(message) {
        if (message === 'nonsense') throw new Error('not a message');
      },
      begin,
      ended: () => {
        (forked[pid - 1] as { ended: boolean }).ended = true;
      },
    }),
    log,
    time.clock,
  );
  return { crew, forked, log, system, ...time };
}

t.test('a replacement comes later each time, within a bound', async (t) => {
  t.strictSame([1, 2, 3, 8, 100].map(replacementDelayMs), [100, 200, 400, 10_000, 10_000]);
});

t.test('who ends is replaced; long life forgives what was before', async (t) => {
  const { crew, forked, waits, advance, log } = crewOf(2);
  await crew.start();
  t.equal(crew.running, 2);
  for (const [lived, delay] of [
    [0, 100],
    [59_999, 200],
    [60_000, 100],
  ] as const) {
    await advance(lived);
    forked.at(forked.length === 2 ? 0 : -1)?.end();
    t.equal(crew.running, 1, 'the other serves');
    t.strictSame(waits(), [delay], `after ${lived} ms`);
    await advance(delay);
    t.equal(crew.running, 2);
  }
  t.equal(crew.restarts, 3);
  t.equal(forked.length, 5);
  t.match(
    log.records.filter((record) => (record as { level: string }).level === 'error'),
    [{ pid: 1, reason: 'SIGSEGV', delayMs: 100 }, { delayMs: 200 }, { delayMs: 100 }],
  );
});

t.test('who sends nonsense is killed, and what he sends later is not heard', async (t) => {
  const { crew, forked, log } = crewOf(1);
  await crew.start();
  forked[0]?.receive('sense');
  t.notOk(forked[0]?.killed);
  forked[0]?.receive('nonsense');
  await setImmediate();
  t.match(forked[0], { killed: true, ended: true });
  t.match(log.records.at(-1), { reason: 'not a message' });
  forked[0]?.receive('nonsense');
  crew.dismiss();
});

t.test('a crew that nobody stays in fails, once', async (t) => {
  const { crew, forked, waits, advance } = crewOf(2);
  await crew.start();
  let failure: unknown;
  crew.failed.catch((error) => {
    failure = error;
  });
  for (let i = 0; i < 5; i++) {
    t.equal(failure, undefined, `after ${i} of each`);
    for (const process of forked.slice(-2)) process.end();
    await setImmediate();
    await advance(Math.max(0, ...waits()));
  }
  t.match(failure, { code: 'ERR_INTERNAL', message: /^no gateway worker stays alive: .*SIGSEGV/ });
  t.strictSame(waits(), [], 'nobody is tried again');
});

t.test('as long as one serves, the others are tried again', async (t) => {
  const { crew, forked, waits, advance } = crewOf(2);
  await crew.start();
  for (let i = 0; i < 20; i++) {
    (i === 0 ? forked[0] : forked.at(-1))?.end();
    t.equal(waits().length, 1);
    await advance(10_000);
  }
  t.equal(crew.running, 2);
  crew.dismiss();
});

t.test('a start fails with the first that does not begin; then nobody is replaced', async (t) => {
  let left = 1;
  const { crew, forked, waits } = crewOf(2, async () => {
    if (left-- === 0) throw new Error('cannot');
  });
  await t.rejects(crew.start(), { message: 'cannot' });
  crew.dismiss();
  crew.kill();
  await crew.empty();
  t.ok(forked.every(({ killed }) => killed));
  t.strictSame(waits(), []);
});

t.test('that the system has no process to give is an early end too', async (t) => {
  const { crew, forked, waits, advance, log, system } = crewOf(2);
  await crew.start();
  system.isFull = true;
  forked[0]?.end();
  await advance(100);
  t.match(log.records.at(-1), { pid: 0, reason: 'EAGAIN', delayMs: 200 });
  system.isFull = false;
  await advance(200);
  t.equal(crew.running, 2);
  t.strictSame(waits(), []);
});
