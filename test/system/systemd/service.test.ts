/** The units on a real systemd. One machine serves all tests, in order: each leaves it as it was. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { until } from '../../support/until.js';
import type { Load } from './load.js';
import { impossible, Machine, patient } from './machine.js';

const systemd = fileURLToPath(new URL('../../../systemd/', import.meta.url));
const unit = (name: string) => readFileSync(`${systemd}${name}`, 'utf8');

const units = [
  'entropyd.socket',
  'entropyd.service',
  'entropyd-gateway.socket',
  'entropyd-gateway.service',
];
const config = '/etc/entropyd/entropyd.toml';
const installed = '/usr/lib/node_modules/entropyd';
const clients = 4;

/** Prints which of its arguments it could listen on, and why not the others. */
const binding = `
const said = {};
for (const where of process.argv.slice(1)) {
  const server = require('node:net').createServer();
  const done = new Promise((resolve) => server.on('listening', () => resolve('bound')).on('error', ({ code }) => resolve(code)));
  server.listen(where.startsWith('/') ? { path: where } : { host: where, port: 8478 });
  said[where] = done.then((what) => (server.close(), what));
}
Promise.all(Object.values(said)).then((all) => console.log(JSON.stringify(Object.fromEntries(Object.keys(said).map((key, i) => [key, all[i]])))));
`;

/** The command of the udev rule that has `condition`. */
const ruleCommand = (condition: string): string => {
  const line = unit('udev/90-entropyd.rules')
    .split('\n')
    .find((each) => each.includes(condition) && each.includes('RUN+='));
  return /RUN\+="([^"]+)"/.exec(line ?? '')?.[1] ?? 'false';
};

const reason = impossible();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a machine with systemd: ${reason}`);
  else t.plan(0, `no machine with systemd: ${reason}`);
} else await all(await Machine.start(t));

async function all(machine: Machine): Promise<void> {
  const pid = () => machine.show('entropyd.service', 'MainPID');
  const restarts = () => Number(machine.show('entropyd.service', 'NRestarts'));
  const status = () => JSON.parse(machine.ok(['entropyctl', 'status', '--json']));
  const source = (name: string) =>
    status().sources.find((each: { name: string }) => each.name === name);
  const count = (pattern: RegExp, from = 'entropyd.service') =>
    machine.journal(from).filter(({ text }) => pattern.test(text)).length;
  const dropIn = (text: string | undefined, service = 'entropyd.service') => {
    const path = `/etc/systemd/system/${service}.d/test.conf`;
    if (text === undefined) machine.sh(`rm -f ${path}`);
    else machine.write(path, text);
    machine.sh('systemctl daemon-reload');
  };
  const random = (user?: string) =>
    machine.ok(['entropyctl', 'random', '16', '--format', 'hex'], user);
  /** Status and body of the gateway's answer. */
  const get = (path: string) =>
    machine.ok(
      [
        'node',
        '-e',
        `fetch('http://127.0.0.1:8478${path}').then(async (r) => console.log(r.status, await r.text()))`,
      ],
      'nobody',
    );
  const restart = () => machine.sh('systemctl restart entropyd.service');

  await t.test('the script installs the units, and verify finds no fault', async (t) => {
    const { status: exitCode, stderr } = machine.run([
      `${installed}/systemd/install.sh`,
      '--gateway',
    ]);
    t.equal(exitCode, 0, stderr);
    const verified = machine.run(['systemd-analyze', 'verify', ...units]);
    t.match(verified, { status: 0, stdout: '', stderr: '' });
    for (const [service, threshold] of [
      ['entropyd.service', 4],
      ['entropyd-gateway.service', 10],
    ] as const) {
      const { status, stdout } = machine.run([
        'systemd-analyze',
        'security',
        '--offline=yes',
        '--no-pager',
        `--threshold=${threshold}`,
        `/etc/systemd/system/${service}`,
      ]);
      t.equal(status, 0, stdout);
      t.comment(stdout.trim().split('\n').at(-1));
    }
  });

  await t.test('the first request starts the daemon, which reports that it is ready', async (t) => {
    t.equal(machine.show('entropyd.service', 'ActiveState'), 'inactive');
    t.equal(
      machine.sh('stat -c "%a %U" /run/entropyd /run/entropyd/entropyd.sock'),
      '755 root\n666 root',
    );
    const start = performance.now();
    t.match(random('nobody'), /^[0-9a-f]{32}$/);
    t.comment(`answered after ${Math.round(performance.now() - start)} ms`);
    t.equal(machine.show('entropyd.service', 'ActiveState'), 'active');
    t.match(machine.show('entropyd.service', 'StatusText'), /^Operational, serving/);
    t.equal(machine.sh(`ps -o user= -p ${pid()}`).trim(), 'entropyd');
    t.equal(machine.sh('systemctl is-system-running'), 'running');
  });

  await t.test('without /dev/hwrng it is operational, and says so once', async (t) => {
    t.match(status(), { state: 'operational', memoryLocked: true });
    t.match(source('hwrng'), { state: 'absent' });
    t.match(
      machine.journal('entropyd.service').filter(({ text }) => text.startsWith('{')),
      [
        { priority: 6, text: /"msg":"entropyd listening"/ },
        { priority: 6, text: /"state":"operational"/ },
      ],
    );
    // Other lines may follow where RDSEED is busy; none repeats the one before.
    const said = machine
      .journal('entropyd.service')
      .map(({ text }) => /"state":"operational","reason":"(?<reason>[^"]*)"/.exec(text)?.groups)
      .flatMap((groups) => groups?.reason ?? []);
    t.strictSame(
      said.filter((reason, n) => reason === said[n - 1] || reason.includes('hwrng')),
      [],
    );
  });

  const noLoss = (t: Test, what: string, { answered, failures, worstMs }: Load) => {
    t.strictSame(failures, {}, what);
    t.ok(answered > 1_000, `${answered} answered`);
    t.comment(`${what}: ${answered} answered, the longest after ${worstMs} ms`);
  };

  await t.test('a restart under load loses no request', async (t) => {
    const before = pid();
    noLoss(
      t,
      'restart',
      await machine.underLoad(clients, async (served) => {
        for (let i = 0; i < 3; i++) {
          await served();
          restart();
        }
        await served();
      }),
    );
    t.not(pid(), before);
    t.equal(restarts(), 0, 'none of its own');
  });

  await t.test('a reload under load loses no request and keeps the process', async (t) => {
    const before = pid();
    noLoss(
      t,
      'reload',
      await machine.underLoad(clients, async (served) => {
        for (let i = 0; i < 3; i++) {
          await served();
          machine.sh(i === 0 ? ruleCommand('NEW_VMGENID') : 'systemctl reload entropyd.service');
        }
        await served();
      }),
    );
    t.equal(pid(), before);
    t.equal(machine.show('entropyd.service', 'ActiveState'), 'active', 'ready again');
    t.equal(count(/"msg":"generator reseeded"/), 3);
    t.equal(count(/"msg":"configuration reloaded"/), 3);
  });

  await t.test('a killed daemon comes back, and the library loses no request', async (t) => {
    const before = restarts();
    noLoss(
      t,
      'kill',
      await machine.underLoad(clients, async (served) => {
        for (let i = 0; i < 2; i++) {
          await served();
          const killed = pid();
          machine.sh('systemctl kill -s KILL --kill-who=main entropyd.service');
          await until(() => ![killed, '0'].includes(pid()), 'a new process', patient);
        }
        await served();
      }),
    );
    t.equal(restarts(), before + 2);
    t.equal(machine.show('entropyd.service', 'ActiveState'), 'active');
  });

  await t.test('as installed the gateway does not open, and no client waits for it', async (t) => {
    const service = 'entropyd-gateway.service';
    const state = () => machine.show(service, 'ActiveState');
    t.equal(state(), 'inactive');
    const curl = ['curl', '--silent', '--max-time', '50'];
    for (const where of [[], ['--unix-socket', '/run/entropyd/gateway.sock'], []]) {
      const url = 'http://127.0.0.1:8478/healthz';
      const { status } = machine.run([...curl, ...where, url], 'nobody');
      // An empty reply, or a connection that was reset.
      t.ok(status === 52 || status === 56, `curl ends with ${status}, not after its time`);
    }
    await until(() => state() === 'failed', 'the end of the last start', patient);
    t.equal(machine.show(service, 'NRestarts'), '0', 'nothing but a client starts it');
    t.equal(machine.show('entropyd-gateway.socket', 'SubState'), 'listening');
    const why = /credentials = "FILE" in \[gateway\], or access = "open"/;
    const told = count(why, service);
    t.ok(told > 0 && told <= 3, `${told} starts for three clients`);
    t.match(machine.run(['systemctl', 'status', '--no-pager', service]), {
      status: 3,
      stdout: why,
    });
  });

  await t.test('the socket unit holds its port and its file, and no other address', async (t) => {
    const bound = (...where: string[]) =>
      JSON.parse(machine.ok(['node', '-e', binding, ...where], 'nobody'));
    const addresses = ['127.0.0.1', '0.0.0.0', '::', '::1', '127.0.0.2'];
    const file = '/run/entropyd/gateway.sock';
    t.equal(machine.sh(`stat -c '%a %U' ${file}`), '666 root');
    t.strictSame(bound(...addresses, file, '/run/entropyd/other.sock'), {
      ...{ '127.0.0.1': 'EADDRINUSE', '0.0.0.0': 'EADDRINUSE', '::': 'EADDRINUSE' },
      ...{ '::1': 'bound', '127.0.0.2': 'bound' },
      ...{ [file]: 'EADDRINUSE', '/run/entropyd/other.sock': 'EACCES' },
    });
    machine.sh('systemctl stop entropyd-gateway.socket');
    t.strictSame(bound('127.0.0.1', file), { '127.0.0.1': 'bound', [file]: 'EACCES' });
    machine.sh('systemctl start entropyd-gateway.socket');
  });

  await t.test(
    'a gateway that may open starts with its first request, as another user',
    async (t) => {
      machine.sh(`printf '[gateway]\\naccess = "open"\\n' >>${config}`);
      t.match(get('/healthz'), /^200 .*operational.*"warnings":\["open: /s);
      const gateway = machine.show('entropyd-gateway.service', 'MainPID');
      t.equal(machine.sh(`ps -o user:20= -p ${gateway}`).trim(), 'entropyd-gateway');
      const told = machine.show('entropyd-gateway.service', 'StatusText');
      t.match(told, /^Listening on /);
      for (const address of ['127.0.0.1:8478', 'unix:/run/entropyd/gateway.sock'])
        t.match(told, address);
      const unix = ['curl', '--silent', '--unix-socket', '/run/entropyd/gateway.sock'];
      t.match(machine.ok([...unix, 'http://localhost/healthz'], 'nobody'), /operational/);
      machine.sh('systemctl restart entropyd-gateway.service');
      t.match(get('/healthz'), /^200 /);
    },
  );

  await t.test(
    'the watchdog leaves alone what answers, and restarts what is stopped',
    async (t) => {
      const services = ['entropyd.service', 'entropyd-gateway.service'];
      const processes = () => services.map((service) => machine.show(service, 'MainPID'));
      for (const service of services)
        dropIn('[Service]\nWatchdogSec=2s\nTimeoutAbortSec=2s\n', service);
      machine.sh(`systemctl restart ${services.join(' ')}`);
      const watched = processes();
      const pinged = (service: string) =>
        Number(machine.show(service, 'WatchdogTimestampMonotonic'));
      for (const service of services) {
        const first = pinged(service);
        await until(() => pinged(service) - first > 5_000_000, 'pings for 5 s', patient);
      }
      t.strictSame(processes(), watched, 'two and a half times the limit');
      machine.sh(`kill -STOP ${watched.join(' ')}`);
      for (const [i, service] of services.entries()) {
        const replaced = () => ![watched[i], '0'].includes(processes()[i]);
        await until(replaced, 'a new process', patient);
        t.equal(count(/Watchdog timeout/, service), 1, service);
        t.ok(Number(machine.show(service, 'NRestarts')) > 0);
      }
      t.match(random(), /^[0-9a-f]{32}$/);
      t.match(get('/healthz'), /^200 /);
      for (const service of services) dropIn(undefined, service);
      machine.sh(`systemctl restart ${services.join(' ')}`);
    },
  );

  await t.test(
    'a hardware device that appears later is read; a failing one is reported once',
    async (t) => {
      // What udev does by the rule; the machine has no udev: the node, its group, and the command.
      const command = ruleCommand('ACTION=="add"');
      const arrive = (numbers: string) =>
        machine.sh(
          `rm -f /dev/hwrng; mknod -m 600 /dev/hwrng c ${numbers}; systemd-tmpfiles --create entropyd.conf; ${command}`,
        );
      const before = pid();
      arrive('10 183');
      await until(() => ![before, '0'].includes(pid()), 'a restart', patient);
      t.equal(machine.sh('stat -c "%a %U %G" /dev/hwrng'), '640 root entropyd');
      const tested = () => {
        const { state, lastError } = source('hwrng');
        return state !== 'testing' && { state, lastError };
      };
      const found = await until(tested, 'hwrng', patient);
      if (machine.run(['dd', 'if=/dev/hwrng', 'of=/dev/null', 'bs=8', 'count=1']).status === 0)
        t.equal(found.state, 'passing', found.lastError);
      else t.comment(`this host has none: ${found.lastError}`);
      t.equal(status().state, 'operational');

      // Endless zeros fail the health tests.
      arrive('1 7');
      const statusText = () => machine.show('entropyd.service', 'StatusText');
      await until(() => statusText().startsWith('Degraded'), 'degraded', patient);
      t.match(source('hwrng'), { state: 'failed' });
      t.match(statusText(), /^Degraded, serving: .*hwrng/);
      t.match(random(), /^[0-9a-f]{32}$/);
      // Each of them reads the source again.
      for (let i = 0; i < 3; i++) machine.ok(['entropyctl', 'reseed']);
      const changes = machine
        .journal('entropyd.service')
        .filter(({ text }) => /"state":"/.test(text))
        .map(({ priority, text }) => ({
          priority,
          reason: String(JSON.parse(text).reason).replace(/\d+ \w+/g, ''),
        }));
      const failing = (reason = '') => reason.includes('hwrng failed a health test');
      const reports = changes.filter(
        ({ reason }, i) => failing(reason) && !failing(changes[i - 1]?.reason),
      );
      t.match(reports, [{ priority: 4 }]);
      t.equal(reports.length, 1);
      // A busy RDSEED may join the reason, or leave it, with a line each; otherwise there is one line.
      const told = changes.map(({ reason }) => reason).filter(failing);
      if (new Set(told).size === 1) t.equal(told.length, 1);
      machine.sh('rm /dev/hwrng');
      restart();
    },
  );

  await t.test(
    'users are told apart in the sandbox: for quotas and as administrators',
    async (t) => {
      machine.sh(
        'groupadd -f keepers; for u in alice bob; do useradd -U $u; done; usermod -aG keepers bob',
      );
      machine.sh(`cp ${config} /root/config`);
      machine.write(
        config,
        '[access]\nadmin_group = "keepers"\n[limits]\nconnections_per_user = 2\n',
      );
      machine.sh('systemctl reload entropyd.service');
      await until(() => count(/configuration reloaded/) > 3, 'the reload', patient);
      t.match(machine.run(['entropyctl', 'reseed'], 'alice'), {
        status: 1,
        stderr: /administrator/,
      });
      t.match(machine.run(['entropyctl', 'reseed'], 'bob'), { status: 0 });
      t.match(machine.run(['entropyctl', 'reseed']), { status: 0 });
      // Alice keeps all her connections while Bob asks.
      const both = () =>
        machine.sh(`
        as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups "$@"; }
        mkfifo -m 666 /tmp/told /tmp/held
        as alice sh -c 'node /opt/crowd.mjs </tmp/held >/tmp/told' &
        exec 3>/tmp/held
        read -r line </tmp/told
        echo "alice $line"
        echo "bob $(as bob node /opt/crowd.mjs </dev/null)"
        exec 3>&-
        wait
        rm /tmp/told /tmp/held`);
      t.equal(both(), 'alice bytes bytes ERR_BUSY\nbob bytes bytes ERR_BUSY');

      // Why the unit does not set PrivateUsers: with it all other users are one.
      dropIn('[Service]\nPrivateUsers=yes\n');
      restart();
      t.equal(both(), 'alice bytes bytes ERR_BUSY\nbob ERR_BUSY ERR_BUSY ERR_BUSY');
      t.match(machine.run(['entropyctl', 'reseed'], 'bob'), { status: 1, stderr: /administrator/ });
      dropIn(undefined);
      machine.sh(`cp /root/config ${config}`);
      restart();
    },
  );

  await t.test(
    'a fault in the configuration keeps clients waiting, not refused, until it is fixed',
    async (t) => {
      machine.sh(`cp ${config} /root/config`);
      noLoss(
        t,
        'fault',
        await machine.underLoad(clients, async (served) => {
          machine.write(config, 'profle = "default"\n');
          t.equal(machine.run(['systemctl', 'restart', 'entropyd.service']).status, 1);
          t.match(
            machine.journal('entropyd.service').findLast(({ text }) => /profle/.test(text)),
            {
              priority: 3,
              text: /^entropyd: \/etc\/entropyd\/entropyd\.toml:1: profle: unknown key; the nearest is "profile"$/,
            },
          );
          await until(() => restarts() >= 3, 'three more attempts', patient);
          t.equal(machine.show('entropyd.socket', 'ActiveState'), 'active');
          const lines = count(/profle/);
          t.ok(lines <= restarts() + 1, `${lines} lines: one an attempt`);
          t.equal(machine.show('entropyd.service', 'RestartUSec'), '100ms', 'a pause before each');
          machine.sh(`cp /root/config ${config}`);
          const statusText = () => machine.show('entropyd.service', 'StatusText');
          await until(() => statusText().startsWith('Operational, serving'), 'the start', patient);
          await served();
        }),
      );
    },
  );

  await t.test(
    'without the just-in-time compiler no page is writable and executable',
    async (t) => {
      dropIn(unit('drop-ins/no-jit.conf'));
      restart();
      t.match(random(), /^[0-9a-f]{32}$/);
      t.equal(machine.show('entropyd.service', 'MemoryDenyWriteExecute'), 'yes');
      t.match(machine.show('entropyd.service', 'StatusText'), /^Operational, serving/);
      t.equal(machine.sh(`grep -c ' .wx' /proc/${pid()}/maps || true`), '0');
      dropIn(undefined);
      restart();
    },
  );

  await t.test('without the addon it says what to do, and the drop-in does it', async (t) => {
    const hide = () => machine.sh(`cd ${installed}; mv prebuilds hidden`);
    const show = () => machine.sh(`cd ${installed}; mv hidden prebuilds`);
    hide();
    t.equal(machine.run(['systemctl', 'restart', 'entropyd.service']).status, 1);
    t.match(
      machine.journal('entropyd.service').findLast(({ text }) => /Type=notify/.test(text)),
      {
        priority: 3,
        text: /only the addon can send: .*; to run without it, use the drop-in no-addon\.conf/,
      },
    );
    dropIn(unit('drop-ins/no-addon.conf'));
    restart();
    t.match(random('nobody'), /^[0-9a-f]{32}$/);
    t.match(machine.run(['entropyctl', 'health']), { status: 1, stdout: /^WARNING - fallback/ });
    show();
    dropIn(undefined);
    restart();
    t.match(machine.run(['entropyctl', 'health']), { status: 0, stdout: /^OK/ });
  });

  await t.test('the drop-ins verify too', async (t) => {
    for (const [name, service] of [
      ['no-jit', 'entropyd.service'],
      ['no-jit', 'entropyd-gateway.service'],
      ['no-addon', 'entropyd-gateway.service'],
      ['remote-gateway-socket', 'entropyd-gateway.socket'],
      ['unix-gateway-socket', 'entropyd-gateway.socket'],
      ['remote-gateway-service', 'entropyd-gateway.service'],
      ['gateway-credentials', 'entropyd-gateway.service'],
      ['containers-socket', 'entropyd.socket'],
    ] as const) {
      dropIn(unit(`drop-ins/${name}.conf`), service);
      const verified = machine.run(['systemd-analyze', 'verify', service]);
      t.match(verified, { status: 0, stdout: '', stderr: '' }, name);
      dropIn(undefined, service);
    }
  });

  await t.test(
    'the sandboxes hold: no network for the daemon, no source for the gateway',
    async (t) => {
      machine.sh(
        'ip address add 10.99.99.1/32 dev lo; [ -e /dev/hwrng ] || mknod -m 640 /dev/hwrng c 1 8; chgrp entropyd /dev/hwrng',
      );
      machine.write(
        '/etc/systemd/system/listener.service',
        `[Service]
ExecStart=node -e "require('net').createServer(s=>s.destroy()).listen(22222,'0.0.0.0')"
`,
      );
      machine.sh('systemctl daemon-reload; systemctl start listener.service');
      const listens = () => machine.sh('ss -Hltn "sport = :22222"') !== '';
      await until(listens, 'the listener outside', patient);
      const tryOut = (service: string): Record<string, string> => {
        const text = unit(service)
          .replace(/^(ExecReload|ExecStopPost|Restart|WatchdogSec|Requires|Wants|After)=.*$/gm, '')
          .replace(/^Type=.*$/m, 'Type=oneshot')
          .replace(/^ExecStart=.*$/m, 'ExecStart=node /opt/sandbox.mjs');
        machine.write(`/etc/systemd/system/try-${service}`, text);
        machine.sh(`systemctl daemon-reload; systemctl start try-${service}`);
        const line = machine.journal(`try-${service}`).findLast(({ text }) => text.startsWith('{'));
        return JSON.parse(line?.text ?? '{}');
      };
      const both = {
        'write /etc': 'EROFS',
        'write /run/entropyd': /^E(ROFS|ACCES)$/,
        'write /usr': 'EROFS',
        'see /home': /nothing|EACCES|EPERM/,
        'see process 1': 'ENOENT',
        'gain a privilege': 'refused',
      };
      const outside = JSON.parse(machine.ok(['node', '/opt/sandbox.mjs']));
      t.match(
        outside,
        { 'connect to loopback': 'done', 'connect outside': 'done', 'open UDP': 'done' },
        'outside of them',
      );
      t.match(tryOut('entropyd.service'), {
        ...both,
        'read hwrng': 'done',
        'connect to loopback': 'EAFNOSUPPORT',
        'connect outside': 'EAFNOSUPPORT',
        'open UDP': 'EAFNOSUPPORT',
      });
      t.match(tryOut('entropyd-gateway.service'), {
        ...both,
        'read hwrng': 'ENOENT',
        'connect to loopback': 'done',
        'connect outside': /silence|EPERM/,
      });
      t.not(
        machine.run(['head', '-c', '1', '/dev/hwrng'], 'entropyd-gateway').status,
        0,
        'nor by its own rights',
      );
      const namespaces = (name: string) =>
        machine.sh(`readlink /proc/${machine.show(name, 'MainPID')}/ns/net`);
      t.not(namespaces('entropyd.service'), machine.sh('readlink /proc/1/ns/net'));
      machine.sh('rm /dev/hwrng');
    },
  );

  await t.test('stopping removes the socket', async (t) => {
    const units = ['socket', 'service'].flatMap((kind) => [
      `entropyd.${kind}`,
      `entropyd-gateway.${kind}`,
    ]);
    machine.sh(`systemctl stop ${units.join(' ')}`);
    t.equal(machine.sh('ls /run/entropyd'), '');
    t.equal(machine.show('entropyd.service', 'Result'), 'success');
    t.equal(
      machine.journal('entropyd.service').filter(({ text }) => /ERR_INTERNAL|Error:/.test(text))
        .length,
      0,
    );
  });
}
