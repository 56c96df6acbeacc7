/**
 * The fleet of docs/fleet.md under the load of four clouds' SDKs, while its hosts are killed, cut off, drained,
 * upgraded, and fail: no request is lost, a host that cannot serve leaves within two checks, and the
 * others take its share. What haproxy saw is read from its own counters.
 */
import t, { type Test } from 'tap';
import { until } from '../../support/until.js';
import { missing } from '../debian/deb.js';
import { boto3 } from '../interop/boto3.js';
import { examplesOf } from '../interop/examples.js';
import { type Client, pypiClient } from '../interop/installed.js';
import { startScriptedDaemon } from '../interop/scripted-daemon.js';
import { readDashboard } from '../monitoring/queries.js';
import { underLoad } from '../systemd/load.js';
import { impossible, patient } from '../systemd/machine.js';
import { Fleet, fileOf, type Host, type HostStatistics, newFiles, nextVersion } from './fleet.js';

/** Machines, clients, and some ten departures and returns of a host, each a few checks long. */
const fileMs = 900_000;
t.setTimeout(fileMs);

/** As in docs/fleet.md: `fall 2`. */
const checksToLeave = 2;
/** The least share of a host of three, by far: leastconn favors the faster ones. */
const leastShare = 1 / 20;
const enoughAnswers = 200;
const answersWithBytes = /^entropyd_gateway_requests_total\{api="(?!other)[\w-]+",status="2xx"\}/;
const daemonSocket = '/run/entropyd/entropyd.sock';
const configuration = '/etc/entropyd/entropyd.toml';

const sdks: Readonly<Record<string, Client>> = {
  aws: boto3,
  huawei: pypiClient('huaweicloudsdkkms', 'huaweicloudsdkkms==3.1.219'),
  vault: pypiClient('hvac', 'hvac==2.4.0'),
  google: pypiClient('google.cloud.kms', 'google-cloud-kms==3.18.0'),
};

const [absent] = missing(['haproxy', 'ip']);
const reason = impossible() ?? (absent && `${absent} is not installed`);
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a fleet: ${reason}`);
  else t.plan(0, `no fleet: ${reason}`);
} else await all(await Fleet.start(t));

async function all(fleet: Fleet): Promise<void> {
  const [first, second, third] = fleet.hosts as [Host, Host, Host];
  const seen = async ({ name }: Host) => (await fleet.statistics())[name] as HostStatistics;
  const is = (host: Host, ...wanted: string[]) =>
    until(
      async () => wanted.includes((await seen(host)).status),
      `${host.name} ${wanted}`,
      patient,
    );
  const allUp = () => Promise.all(fleet.hosts.map((host) => is(host, 'UP')));
  const [drain, upgrade, ready] = examplesOf('fleet.md')
    .filter(({ heading }) => heading === 'Drain, restart, upgrade')
    .map(({ code }) => code);
  const commands: string[][] = [];
  for (const [sdk, { name, command, optional }] of Object.entries(sdks))
    if (command !== undefined) commands.push([...fleet.client(command, sdk)]);
    else if (optional) t.comment(`not installed: ${name}`);
    else t.fail(`not installed: ${name}`);
  await allUp();

  /** By its own metrics, each of these hosts has its part of the answers with random bytes. */
  async function share(t: Test, served: () => Promise<void>, hosts: readonly Host[]) {
    const answers = async () => {
      const pages = await Promise.all(fleet.hosts.map((host) => fleet.metrics(host)));
      return pages.map((page) =>
        [...page]
          .filter(([name]) => answersWithBytes.test(name))
          .reduce((sum, [, count]) => sum + count, 0),
      );
    };
    const before = await answers();
    // Pages are up to 2 s old, each as old as it is.
    const parts = await until(
      async () => {
        await served();
        const counts = (await answers()).map((count, i) => count - (before[i] ?? 0));
        const total = counts.reduce((sum, count) => sum + count);
        const found = counts.map((count) => count / total);
        const isShared = hosts.every(
          (host) => (found[fleet.hosts.indexOf(host)] ?? 0) > leastShare,
        );
        return total > enoughAnswers && isShared && found;
      },
      `a share of ${hosts.map(({ name }) => name)}`,
    );
    t.comment(`of the answers: ${parts.map((part) => part.toFixed(2))}`);
  }

  /** A host leaves while `action` is done, after as many failed checks as are documented. */
  async function leaves(t: Test, host: Host, action: () => unknown): Promise<void> {
    await is(host, 'UP');
    const before = await seen(host);
    await action();
    await is(host, 'DOWN');
    const after = await seen(host);
    t.equal(after.departures - before.departures, 1, `${host.name} left once`);
    t.equal(after.failedChecks - before.failedChecks, checksToLeave, 'checks that it took');
  }

  /** A host that is out gets no request, and the others get all. */
  async function isSpared(t: Test, host: Host, served: () => Promise<void>): Promise<void> {
    const before = await seen(host);
    await served();
    t.equal((await seen(host)).requests, before.requests, `no request for ${host.name}`);
  }

  async function scenes(t: Test, served: () => Promise<void>): Promise<void> {
    const scene = (name: string, body: (t: Test) => Promise<void>) =>
      t.test(name, async (t) => {
        await body(t);
        await served();
      });

    await t.test('throughput follows the hosts: each that is up takes a share', async (t) => {
      await share(t, served, fleet.hosts);
    });

    for (const [what, { machine }, unit] of [
      ['a gateway', first, 'entropyd-gateway.service'],
      ['a daemon', second, 'entropyd.service'],
    ] as const)
      await scene(`${what} is killed, and comes back`, async (t) => {
        const pid = () => machine.show(unit, 'MainPID');
        const killed = pid();
        machine.sh(`systemctl kill -s KILL --kill-who=main ${unit}`);
        await until(() => ![killed, '0'].includes(pid()), 'another process', patient);
        t.equal(machine.show(unit, 'NRestarts'), '1');
      });

    await scene('daemon and gateway of each host are restarted', async (t) => {
      for (const { machine } of fleet.hosts) {
        machine.sh('systemctl restart entropyd.service entropyd-gateway.service');
        t.equal(machine.show('entropyd-gateway.service', 'ActiveState'), 'active');
        await served();
      }
    });

    await scene('a daemon is gone: its host leaves, and comes back', async (t) => {
      await leaves(t, second, () =>
        second.machine.sh('systemctl stop entropyd.socket entropyd.service'),
      );
      await isSpared(t, second, served);
      second.machine.sh('systemctl start entropyd.socket');
      await allUp();
    });

    await scene('a host is cut off', async (t) => {
      await leaves(t, third, () => fleet.balancer.sh(`ip link set ${third.name} down`));
      await isSpared(t, third, served);
      fleet.balancer.sh(`ip link set ${third.name} up`);
      await allUp();
    });

    for (const [host, steps] of [
      [first, [drain, upgrade, ready]],
      [second, [upgrade]],
    ] as const)
      await scene(
        `a host is upgraded, ${steps.length === 1 ? 'not ' : ''}drained before`,
        async (t) => {
          const { name, machine } = host;
          const before = await seen(host);
          for (const step of steps) {
            const code = (step ?? 'false').replaceAll('host1', name);
            const onBalancer = code.includes('haproxy');
            if (onBalancer) fleet.balancer.sh(code);
            else machine.sh(code.replace(/^npm install .*$/m, newFiles));
            if (step === drain) {
              await is(host, 'DRAIN');
              await isSpared(t, host, served);
            }
          }
          await allUp();
          await served();
          t.equal(await fleet.version(host), nextVersion);
          t.ok((await seen(host)).requests > before.requests, 'it serves again');
        },
      );

    await scene('a degraded host serves, and stays', async (t) => {
      const { machine } = second;
      const before = await seen(second);
      machine.sh(`cat >>${configuration} <<'EOF'
[[source]]
name = "zero"
path = "/dev/zero"
EOF
systemctl restart entropyd.service`);
      const isDegraded = () => machine.run(['entropyctl', 'health']).stdout.includes('degraded');
      await until(isDegraded, 'degraded', patient);
      await share(t, served, [second]);
      t.match(await seen(second), { status: 'UP', departures: before.departures });
    });

    await scene('a host in error leaves within two checks', async (t) => {
      third.machine.sh('systemctl stop entropyd.socket entropyd.service');
      const source = { name: 'noise', role: 'seed', credit: 7 } as const;
      const kernel = { name: 'getrandom', role: 'kernel', physical: false, tested: 8 } as const;
      const path = fileOf(third.machine, daemonSocket);
      const daemon = await startScriptedDaemon(t, [source, kernel], 'strict', path);
      await until(async () => (await fleet.health(third)).state === 'operational', 'it', patient);
      await allUp();
      await served();
      await leaves(t, third, () => {
        daemon.setFault('noise', 'zeros');
        daemon.reseed();
      });
      await isSpared(t, third, served);
      t.match(await fleet.health(third), { state: 'error' });
      await share(t, served, [first, second]);
      daemon.setFault('noise', 'none');
      t.ok(daemon.selfTest());
      await allUp();
    });
  }

  await t.test('connections that wait have the room that the units give them', async (t) => {
    const room = (...socket: string[]) => first.machine.ok(['ss', '-Hl', ...socket]).split(/\s+/);
    const [port] = room('-tn', 'sport = :443').slice(2);
    const [path] = room('-x', 'src', daemonSocket).slice(3);
    t.strictSame([port, path], ['4096', '4096']);
  });

  await t.test(
    'haproxy keeps pages to itself, and names each request as its host does',
    async (t) => {
      const ask = (...args: string[]) =>
        fleet.balancer.ok(['curl', '--silent', '--cacert', '/etc/haproxy/entropy.pem', ...args]);
      const at = ['--resolve', 'entropy.example:443:10.0.0.10'];
      const status = ['--output', '/dev/null', '--write-out', '%{http_code}'];
      for (const page of [
        '',
        'healthz',
        'status',
        'history',
        'metrics',
        'page/page.css',
        'docs/fleet.md',
      ])
        t.equal(ask(...at, ...status, `https://entropy.example/${page}`), '404', page);

      const random = ['--request', 'POST', 'https://entropy.example/v1/sys/tools/random/32'];
      const head = ask(...at, '--dump-header', '-', '-H', 'X-Vault-Token: hvs.fleet', ...random);
      const id = /^x-request-id: (\S+)/m.exec(head)?.[1] ?? 'none';
      t.match(fleet.balancer.ok(['journalctl', '-u', 'haproxy', '--grep', id]), `{${id}|}`);
      const audited = fleet.hosts.filter(
        ({ machine }) => machine.run(['grep', id, '/var/log/entropyd/audit.jsonl']).status === 0,
      );
      t.equal(audited.length, 1, 'one host has it in its audit log');

      const page = ask('http://10.0.0.10:8405/metrics');
      const shown = JSON.stringify(readDashboard('fleet.json'));
      for (const [, name, proxy] of shown.matchAll(/(haproxy_\w+)\{proxy=\\"(\w+)/g))
        t.match(page, `${name}{proxy="${proxy}"`);
    },
  );

  /** gRPC's status is behind its bytes: nobody repeats for its client what a kill cuts between the two. */
  const cutShort = 'Unknown: None Stream removed (Data frame with END_STREAM flag received)';

  await t.test('no request of an SDK is lost', async (t) => {
    const load = await underLoad(commands, (served) => scenes(t, served));
    // A gateway was killed, and a host cut off, with two calls of Google's client under way at most.
    const { [cutShort]: cut = 0, ...others } = load.failures;
    t.strictSame(others, {});
    t.ok(cut <= 4, `${cut} answers cut short`);
    const again = Object.values(await fleet.statistics()).map(({ retries }) => retries);
    t.comment(`${load.answered} answered; sent again by haproxy: ${again}`);
  });
}
