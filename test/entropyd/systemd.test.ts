import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { errorCode } from '../../src/common/errors.js';
import type { Addon } from '../../src/common/package.js';
import {
  describeState,
  isResponsive,
  passedDescriptors,
  startWatchdog,
  takePassedSockets,
  takeServiceManager,
} from '../../src/entropyd/systemd.js';
import { startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { programMs, until } from '../support/until.js';

const pid = 42;
const mine = (count: unknown, names?: string) => ({
  LISTEN_PID: '42',
  LISTEN_FDS: String(count),
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
});

t.test('passed descriptors are numbered from 3, each with its name', async (t) => {
  for (const [env, wanted] of [
    [{}, []],
    [{ ...mine(1, 'a'), LISTEN_PID: '43' }, []],
    [{ LISTEN_FDS: '1', LISTEN_FDNAMES: 'a' }, []],
    [mine(0), []],
    [mine(0, ''), []],
    [mine(1, 'a'), [{ fd: 3, name: 'a' }]],
    [
      mine(2, 'a:b'),
      [
        { fd: 3, name: 'a' },
        { fd: 4, name: 'b' },
      ],
    ],
    [mine(1), [{ fd: 3, name: 'unknown' }]],
    [
      mine(2, ':'),
      [
        { fd: 3, name: '' },
        { fd: 4, name: '' },
      ],
    ],
  ] as const)
    t.strictSame(passedDescriptors(env, pid), wanted, JSON.stringify(env));
});

t.test('variables that contradict each other are refused', async (t) => {
  for (const env of [mine(2, 'a'), mine(1, 'a:b'), mine('x'), mine(-1), mine(1.5), mine(1e9)])
    t.throws(() => passedDescriptors(env, pid), { code: 'ERR_CONFIG' }, env.LISTEN_FDS);
  fc.assert(
    fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (count, names) => {
      try {
        const passed = passedDescriptors(mine(count, names), pid);
        return passed.every(({ fd }, i) => fd === 3 + i) && passed.length === Number(count);
      } catch (error) {
        return errorCode(error) === 'ERR_CONFIG';
      }
    }),
  );
});

t.test(
  'passed sockets are taken once, by their name, with the path that the kernel reports',
  async (t) => {
    const addon = {
      socketPath: (fd: number) => (fd === 3 ? '/run/s' : null),
    } as unknown as Addon;
    const names = ['entropyd', 'entropyd-egd'] as const;
    const env: NodeJS.ProcessEnv = { ...mine(2, 'entropyd-egd:entropyd'), PATH: '/bin' };
    t.strictSame(takePassedSockets(names, addon, env, pid), [
      { fd: 3, path: '/run/s', name: 'entropyd-egd' },
      { fd: 4, path: undefined, name: 'entropyd' },
    ]);
    t.strictSame(env, { PATH: '/bin' }, 'no child takes the variables for its own');
    t.strictSame(takePassedSockets(names, addon, env, pid), []);
    t.strictSame(
      takePassedSockets(names, undefined, mine(1), pid),
      [{ fd: 3, path: undefined, name: 'entropyd' }],
      'a manager without names, and no addon',
    );
    t.throws(() => takePassedSockets(names, addon, mine(2, 'entropyd:other'), pid), {
      code: 'ERR_CONFIG',
      message:
        'descriptor 4 was passed as "other"; want FileDescriptorName=entropyd or entropyd-egd',
    });
  },
);

/** An addon that remembers its datagrams. */
function recorder(): { addon: Addon; sent: string[][] } {
  const sent: string[][] = [];
  const sendDatagram = (address: string, message: string, wait: boolean) => {
    t.ok(wait, 'a manager that is busy hears it too');
    sent.push([address, message]);
    return 0;
  };
  return { addon: { sendDatagram } as unknown as Addon, sent };
}

t.test('notifications are those of sd_notify(3)', async (t) => {
  const { addon, sent } = recorder();
  const env: NodeJS.ProcessEnv = {
    NOTIFY_SOCKET: '@manager',
    WATCHDOG_USEC: '3000000',
    WATCHDOG_PID: '42',
    PATH: '/bin',
  };
  const manager = takeServiceManager({ addon }, env, pid);
  t.strictSame(env, { PATH: '/bin' }, 'the variables are taken once');
  t.equal(manager.watchdogMs, 3_000);
  manager.ready();
  manager.status('Degraded: /dev/a\nMAINPID=1\u0000');
  manager.alive();
  manager.stopping();
  t.strictSame(sent, [
    ['@manager', 'READY=1'],
    ['@manager', 'STATUS=Degraded: /dev/a MAINPID=1 '],
    ['@manager', 'WATCHDOG=1'],
    ['@manager', 'STOPPING=1'],
  ]);
  const before = process.hrtime.bigint() / 1_000n;
  manager.reloading();
  const after = process.hrtime.bigint() / 1_000n;
  const [, text = ''] = sent.at(-1) ?? [];
  t.match(text, /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  const at = BigInt(text.split('=').at(-1) ?? '');
  t.ok(at >= before && at <= after, 'microseconds of the monotonic clock');
});

t.test('without a manager nothing is sent, and no addon is needed', async (t) => {
  const { addon, sent } = recorder();
  for (const loaded of [{ addon }, { reason: 'none' }]) {
    const manager = takeServiceManager(
      loaded,
      { NOTIFY_SOCKET: '', WATCHDOG_USEC: '5000000' },
      pid,
    );
    manager.ready();
    manager.reloading();
    t.equal(manager.watchdogMs, undefined);
  }
  t.strictSame(sent, []);
});

t.test('a manager that waits for a notification needs the addon', async (t) => {
  t.throws(() => takeServiceManager({ reason: 'not built' }, { NOTIFY_SOCKET: '/n' }, pid), {
    code: 'ERR_CONFIG',
    message: /Type=notify.* addon .*: not built; .*drop-in no-addon\.conf/,
  });
});

t.test('a watchdog is meant for this process if it names it, or none', async (t) => {
  const { addon } = recorder();
  for (const [WATCHDOG_USEC, WATCHDOG_PID, wanted] of [
    ['2000000', undefined, 2_000],
    ['2000000', '42', 2_000],
    ['2000000', '43', undefined],
    [undefined, '42', undefined],
    ['0', undefined, undefined],
    ['-5', undefined, undefined],
    ['x', undefined, undefined],
    ['18446744073709551615', undefined, undefined],
  ] as const) {
    const env = { NOTIFY_SOCKET: '/n', WATCHDOG_USEC, WATCHDOG_PID };
    t.equal(
      takeServiceManager({ addon }, env, pid).watchdogMs,
      wanted,
      `${WATCHDOG_USEC} ${WATCHDOG_PID}`,
    );
  }
});

t.test('the description of a state says whether bytes are served, and why', async (t) => {
  for (const [state, reason, wanted] of [
    ['operational', '', 'Operational, serving'],
    ['degraded', 'serving: hwrng lost', 'Degraded, serving: hwrng lost'],
    ['error', 'not serving: x', 'Error, not serving: x'],
    ['seeding', '', 'Seeding, not serving'],
    ['fallback', 'serving untested bytes', 'Fallback, serving untested bytes'],
  ] as const)
    t.equal(describeState(state, reason), wanted);
});

t.test('life is reported after every answer, twice in the time that is allowed', async (t) => {
  const limits: number[] = [];
  const timers: { beat: () => void; ms: number; stopped: boolean }[] = [];
  let alive = 0;
  let responds = true;
  const end = startWatchdog(
    { alive: () => alive++, watchdogMs: 40 },
    async (timeoutMs) => {
      limits.push(timeoutMs);
      return responds;
    },
    (beat, ms) => {
      const timer = { beat, ms, stopped: false };
      timers.push(timer);
      return () => {
        timer.stopped = true;
      };
    },
  );
  const [timer] = timers;
  const beat = async () => {
    timer?.beat();
    await setImmediate();
    return alive;
  };
  await setImmediate();
  t.equal(alive, 1, 'at once');
  t.equal(await beat(), 2);
  responds = false;
  t.equal(await beat(), 2, 'not without an answer');
  responds = true;
  t.equal(await beat(), 3);
  t.match(timers, [{ ms: 20, stopped: false }]);
  t.equal(timers.length, 1);
  t.strictSame(limits, [20, 20, 20, 20]);
  end();
  t.equal(timer?.stopped, true, 'not after the end');
});

t.test('without a watchdog nothing is probed', async (t) => {
  const unexpected = () => {
    throw new Error('not to be called');
  };
  t.doesNotThrow(
    startWatchdog({ alive: unexpected, watchdogMs: undefined }, unexpected, unexpected),
  );
});

t.test('any reaction is a response, silence is not', async (t) => {
  const received: string[] = [];
  for (const [name, serve, timeoutMs, wanted] of [
    [
      'bytes',
      (socket) => socket.on('data', (data) => received.push(`${data}`) && socket.write('x')),
      programMs,
      true,
    ],
    ['an end', (socket) => socket.on('data', () => socket.end()), programMs, true],
    ['a connection that is cut', (socket) => socket.destroy(), programMs, true],
    ['silence', (socket) => socket.resume(), 1, false],
  ] as [string, Parameters<typeof startFake>[1], number, boolean][]) {
    const { path, sockets } = await startFake(t, serve);
    t.equal(await isResponsive({ path }, 'ask', timeoutMs), wanted, name);
    await until(() => sockets.size === 0, `${name}: the end of the connection`);
  }
  t.strictSame(received, ['ask']);
});

t.test('a socket that cannot be connected to is not taken for a hang', async (t) => {
  t.equal(await isResponsive({ path: freePath() }, 'ask', programMs), true);
  t.equal(await isResponsive({ host: '127.0.0.1', port: 1 }, 'ask', programMs), true);
});
