import t from 'tap';
import type { Addon } from '../src/common/package.js';
import { stateInWords, takeServiceManager } from '../src/service-manager.js';

const pid = 42;

/** An addon that remembers its datagrams. */
function recorder(): { addon: Addon; sent: string[][] } {
  const sent: string[][] = [];
  const sendDatagram = (...datagram: string[]) => {
    sent.push(datagram);
    return 0;
  };
  return { addon: { sendDatagram } as unknown as Addon, sent };
}

t.test('it is told in the words of sd_notify(3)', async (t) => {
  const { addon, sent } = recorder();
  const env: NodeJS.ProcessEnv = {
    NOTIFY_SOCKET: '@manager',
    WATCHDOG_USEC: '3000000',
    WATCHDOG_PID: '42',
    PATH: '/bin',
  };
  const manager = takeServiceManager({ addon }, env, pid);
  t.strictSame(env, { PATH: '/bin' }, 'once');
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
  const [, text = ''] = sent.at(-1) ?? [];
  t.match(text, /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  const at = BigInt(text.split('=').at(-1) ?? '');
  t.ok(at >= before && at - before < 1_000_000n, 'microseconds of the monotonic clock');
});

t.test('where nobody listens nothing is sent, and no addon is needed', async (t) => {
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

t.test('a manager that waits for a word that cannot be sent is refused', async (t) => {
  t.throws(() => takeServiceManager({ reason: 'not built' }, { NOTIFY_SOCKET: '/n' }, pid), {
    code: 'ERR_CONFIG',
    message: /Type=notify.* addon .*: not built; the drop-in no-addon\.conf/,
  });
});

t.test('a watchdog is ours where it names this process or none', async (t) => {
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

t.test('a state in words says whether bytes are served, and why', async (t) => {
  for (const [state, reason, wanted] of [
    ['operational', '', 'Operational'],
    ['degraded', 'hwrng is lost', 'Degraded, bytes are served: hwrng is lost'],
    ['error', 'x', 'Error, no bytes are served: x'],
    ['seeding', '', 'Seeding, no bytes are served yet'],
  ] as const)
    t.equal(stateInWords(state, reason), wanted);
});
