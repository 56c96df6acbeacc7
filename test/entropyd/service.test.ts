import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Addon } from '../../src/common/package.js';
import {
  loadHardened,
  runService,
  type Service,
  type ServiceHost,
} from '../../src/entropyd/service.js';
import { startFake } from '../support/daemon.js';
import { until } from '../support/until.js';

/** So long that the watchdog probes once only, at once. */
const watchdogUsec = String(3_600_000_000);

interface Script {
  start?: (host: ServiceHost) => Promise<void> | void;
  reload?: () => Promise<void> | void;
  env?: NodeJS.ProcessEnv;
  failed?: Promise<never>;
}

/** Runs a service whose steps are recorded, with the notifications that a service manager gets. */
function run(t: Test, { start, reload, env, failed }: Script = {}) {
  const before = process.listenerCount('SIGHUP');
  const steps: string[] = [];
  const addon = {
    harden: () => steps.push('harden') > 0,
    sendDatagram: (_: string, text: string) => {
      steps.push(text.replace(/\n.*/, ''));
      return 0;
    },
    socketPath: (fd: number) => `/passed/${fd}`,
  } as unknown as Addon;
  const service: Service = {
    async reload() {
      steps.push('reload');
      await reload?.();
      steps.push('reloaded');
    },
    async close() {
      steps.push('close');
    },
    ...(failed && { failed }),
  };
  const running = runService(
    {
      socketNames: ['test'],
      async start(host) {
        steps.push('start');
        await start?.(host);
        return service;
      },
    },
    { load: () => ({ addon }), env: { NOTIFY_SOCKET: '/n', ...env } },
  ).finally(() => t.equal(process.listenerCount('SIGHUP'), before, 'no longer caught'));
  return { steps, running };
}

/** Resolves when a step was taken, and so was all that it leads to at once. */
async function step(steps: readonly string[], wanted: string): Promise<void> {
  await until(() => steps.includes(wanted), wanted);
  await setImmediate();
}

t.test('a service is hardened, started, ready, and at SIGTERM or SIGINT closed', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { steps, running } = run(t, {
      start({ listening, status }) {
        listening(undefined);
        status('Serving');
      },
    });
    await step(steps, 'STATUS=Serving');
    process.emit(signal, signal);
    await running;
    t.strictSame(steps, ['harden', 'start', 'READY=1', 'STATUS=Serving', 'STOPPING=1', 'close']);
  }
});

t.test('the process is hardened before anything else has a secret', async (t) => {
  const addon = { harden: () => (hardened = true) } as unknown as Addon;
  let hardened = false;
  t.strictSame(
    loadHardened(() => ({ addon })),
    { addon },
  );
  t.ok(hardened);
  t.strictSame(
    loadHardened(() => ({ reason: 'not built' })),
    { reason: 'not built' },
  );
});

t.test('a termination signal during the start is not lost', async (t) => {
  const { steps, running } = run(t, { start: () => void process.emit('SIGTERM', 'SIGTERM') });
  await running;
  t.strictSame(steps, ['harden', 'start', 'STOPPING=1', 'close']);
});

t.test('SIGHUP reloads; those that come during the start wait for its end', async (t) => {
  const before = process.listenerCount('SIGHUP');
  const { steps, running } = run(t, {
    async start({ listening }) {
      process.emit('SIGHUP', 'SIGHUP');
      listening(undefined);
      await setImmediate();
      process.emit('SIGHUP', 'SIGHUP');
      steps.push('started');
    },
  });
  t.equal(process.listenerCount('SIGHUP'), before + 1, 'caught from the beginning');
  const reload = ['RELOADING=1', 'reload', 'reloaded', 'READY=1'];
  await until(() => steps.includes('reloaded') && steps.at(-1) === 'READY=1', 'the reload');
  t.strictSame(steps.slice(steps.indexOf('started')), ['started', ...reload]);
  steps.length = 0;
  process.emit('SIGHUP', 'SIGHUP');
  await step(steps, 'READY=1');
  t.strictSame(steps, reload);
  process.emit('SIGTERM', 'SIGTERM');
  await running;
});

t.test('reloads do not overlap, at most one waits, and the end waits for both', async (t) => {
  const waiting: (() => void)[] = [];
  const { steps, running } = run(t, {
    start: ({ listening }) => listening(undefined),
    reload: () => new Promise<void>((resolve) => waiting.push(resolve)),
  });
  await step(steps, 'READY=1');
  steps.length = 0;
  process.emit('SIGHUP', 'SIGHUP');
  const resumeFirst = await until(() => waiting.shift(), 'the first reload');
  for (let signals = 0; signals < 3; signals++) process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGTERM', 'SIGTERM');
  resumeFirst();
  const resumeSecond = await until(() => waiting.shift(), 'the second reload');
  resumeSecond();
  await running;
  t.strictSame(
    steps.filter((each) => each !== 'STOPPING=1'),
    [
      ...['RELOADING=1', 'reload', 'reloaded', 'READY=1'],
      ...['RELOADING=1', 'reload', 'reloaded', 'READY=1'],
      'close',
    ],
  );
});

t.test('if the start fails, the manager hears of the end, and the error is thrown', async (t) => {
  const { steps, running } = run(t, {
    start({ listening }) {
      listening(undefined);
      throw new TypeError('no start');
    },
  });
  await t.rejects(running, { message: 'no start' });
  t.strictSame(steps, ['harden', 'start', 'READY=1', 'STOPPING=1']);
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('the watchdog hears of life when the service’s own socket reacts', async (t) => {
  const asked: string[] = [];
  const { path } = await startFake(t, (socket) => {
    socket.on('data', (data) => {
      asked.push(String(data));
      socket.write('answer');
    });
  });
  const { steps, running } = run(t, {
    start: ({ listening }) => listening({ to: { path }, request: 'ask' }),
    env: { WATCHDOG_USEC: watchdogUsec },
  });
  await step(steps, 'WATCHDOG=1');
  t.strictSame(asked, ['ask']);
  process.emit('SIGTERM', 'SIGTERM');
  await running;
});

t.test('a service that cannot connect to itself counts as alive', async (t) => {
  const { steps, running } = run(t, {
    start: ({ listening }) => listening(undefined),
    env: { WATCHDOG_USEC: watchdogUsec },
  });
  await step(steps, 'WATCHDOG=1');
  process.emit('SIGTERM', 'SIGTERM');
  await running;
});

t.test('a service gets the sockets that were passed under its name', async (t) => {
  const env = { LISTEN_PID: String(process.pid), LISTEN_FDS: '1', LISTEN_FDNAMES: 'test' };
  let passed: unknown;
  const { running } = run(t, {
    start(host) {
      passed = host.passed;
      process.emit('SIGTERM', 'SIGTERM');
    },
    env,
  });
  await running;
  t.strictSame(passed, [{ fd: 3, path: '/passed/3', name: 'test' }]);

  const other = run(t, { env: { ...env, LISTEN_FDNAMES: 'other' } });
  await t.rejects(other.running, { code: 'ERR_CONFIG' });
  t.strictSame(other.steps, ['harden'], 'another name is refused before the start');
  process.emit('SIGTERM', 'SIGTERM');
});

t.test("a service that cannot go on is closed, and its failure is the program's", async (t) => {
  const { steps, running } = run(t, {
    failed: Promise.reject(new Error('no more')),
    env: { NOTIFY_SOCKET: '/n' },
  });
  await t.rejects(running, { message: 'no more' });
  t.strictSame(steps.slice(-2), ['STOPPING=1', 'close']);
  process.emit('SIGTERM', 'SIGTERM');
});
