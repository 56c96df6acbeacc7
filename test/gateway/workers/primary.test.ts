import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Channel, type Handler } from '../../../src/gateway/workers/channel.js';
import type { Fork } from '../../../src/gateway/workers/crew.js';
import { startWorkers, type WorkersOptions } from '../../../src/gateway/workers/primary.js';
import { auditEntry, memoryLog } from '../../support/gateway.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { until } from '../../support/until.js';

/** What a worker says to everything, unless a test has it otherwise. */
const obedient: Record<string, Handler> = {
  start: () => null,
  figures: () => [],
  prepare: () => null,
  commit: () => null,
  finish: () => null,
};

interface FakeWorker {
  readonly channel: Channel;
  /** Kinds of what it was told, in order. */
  readonly told: string[];
  isKilled: boolean;
  /** Sends as it is. */
  say(message: unknown): void;
}

/** Starts a gateway whose workers are this process's own. */
async function start(
  t: Test,
  handlers: (worker: number) => Record<string, Handler>,
  options: Partial<WorkersOptions> = {},
) {
  const log = memoryLog();
  const workers: FakeWorker[] = [];
  const beats: (() => void)[] = [];
  const fork: Fork = (receive, ended) => {
    const said: Record<string, Handler> = { ...obedient, ...handlers(workers.length) };
    const told: string[] = [];
    const heard = Object.entries(said).map(([kind, handler]): [string, Handler] => [
      kind,
      (value) => {
        told.push(kind);
        // As a worker does by itself, once it has answered.
        if (kind === 'finish') setImmediate(() => setImmediate(() => ended('exit code 0')));
        return handler(value);
      },
    ]);
    const channel = new Channel((message) => receive(message), Object.fromEntries(heard));
    const worker: FakeWorker = { channel, told, isKilled: false, say: receive };
    workers.push(worker);
    channel.note('loaded', null);
    return {
      pid: workers.length,
      send: (message) => channel.receive(JSON.parse(JSON.stringify(message))),
      kill() {
        if (worker.isKilled) return;
        worker.isKilled = true;
        queueMicrotask(() => ended('SIGKILL'));
      },
    };
  };
  const beat = () => {
    for (const action of beats) action();
  };
  const gateway = await startWorkers({
    listen: [`unix:${freePath()}`],
    dialect: 'otc',
    count: 2,
    socket: undefined,
    fork,
    log,
    timer(action) {
      beats.push(action);
      return () => {};
    },
    clock: {
      now: () => 0,
      after(_, action) {
        queueMicrotask(action);
        return () => {};
      },
    },
    ...options,
  });
  t.teardown(() => gateway.close());
  return { gateway, workers, log, beat };
}

t.test('starts them, then listens, and tells them where', async (t) => {
  const states: unknown[] = [];
  const { gateway, workers } = await start(t, () => ({
    figures(state) {
      states.push(state);
      return [];
    },
  }));
  t.equal(workers.length, 2);
  t.match(states, [{ addresses: gateway.addresses }, { addresses: gateway.addresses }]);
  await gateway.close();
  t.ok(workers.every(({ told }) => told.at(-1) === 'finish'));
});

t.test('a worker whose figures are none is killed, and another takes its place', async (t) => {
  const { workers, log, beat } = await start(t, (worker) => ({
    figures: () => (worker === 0 ? 'nothing of the kind' : []),
  }));
  beat();
  await until(() => workers.length === 3, 'a replacement');
  t.strictSame(
    workers.map(({ isKilled }) => isKilled),
    [true, false, false],
  );
  t.match(
    log.records.find((record) => 'pid' in record && 'reason' in record),
    { pid: 1, reason: 'not metrics', message: 'gateway worker does not answer' },
  );
});

t.test('what a worker may not say ends it', async (t) => {
  const path = join(temporaryFolder(), 'audit.jsonl');
  for (const says of [
    [[1, 'audit', { ...auditEntry, more: 1 }]],
    [[0, 'closed', -1]],
    [[1, 'take', 7]],
    [[1, 'start', null]],
  ]) {
    const { workers } = await start(t, () => ({}), { audit: path });
    workers[1]?.say({ says });
    await until(() => workers.length === 3, 'a replacement');
    t.ok(workers[1]?.isKilled, JSON.stringify(says));
  }
});

t.test('files are in force for all, or for none', async (t) => {
  const credentials = join(temporaryFolder(), 'credentials.toml');
  const write = (token: string) =>
    writeFileSync(credentials, `[[token]]\nname = "t"\ntoken = "${token}"\n`, { mode: 0o600 });
  write('first');
  let isRefused = true;
  const given: unknown[] = [];
  const { gateway, workers, log } = await start(
    t,
    (worker) => ({
      start: (value) => void given.push((value as { secrets: object }).secrets),
      prepare() {
        if (worker === 1 && isRefused) throw new Error('cannot');
      },
    }),
    { credentials },
  );
  write('second');
  await gateway.reload();
  t.match(log.records.at(-1), { message: 'gateway kept as it was: cannot' });
  t.ok(workers.every(({ told }) => told.includes('prepare') && !told.includes('commit')));
  isRefused = false;
  await gateway.reload();
  t.match(log.records.at(-1), { message: 'gateway reloaded', tokens: 1 });
  t.ok(workers.every(({ told }) => told.includes('commit')));
  workers[0]?.say('nonsense');
  await until(() => given.length === 3, 'a replacement');
  t.match(given, [{ credentials: /first/ }, { credentials: /first/ }, { credentials: /second/ }]);
});

t.test('one that does not take over what it had checked is replaced', async (t) => {
  const { gateway, workers } = await start(t, (worker) => ({
    commit() {
      if (worker === 0) throw new Error('cannot');
    },
  }));
  await gateway.reload();
  await until(() => workers.length === 3, 'a replacement');
  t.ok(workers[0]?.isKilled);
});

t.test('a gateway that cannot keep any worker says so', async (t) => {
  const { gateway, workers } = await start(t, (worker) => ({
    start() {
      if (worker > 1) throw new Error('no more');
    },
  }));
  for (const worker of workers.slice(0, 2)) worker.say('nonsense');
  await t.rejects(gateway.failed as Promise<never>, { code: 'ERR_INTERNAL', message: /no more/ });
});
