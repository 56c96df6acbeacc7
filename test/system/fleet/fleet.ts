/**
 * Three machines with the installed package behind a fourth with Debian's haproxy, on a network of their own,
 * as docs/fleet.md configures them: its blocks are what is run here.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { type Certificate, makeCertificate } from '../../support/certificates.js';
import { call } from '../../support/gateway.js';
import { samplesOf } from '../../support/metrics-page.js';
import { exampleOf, examplesOf } from '../interop/examples.js';
import { installPackage, Machine } from '../systemd/machine.js';

const examples = examplesOf('fleet.md');
const library = '/usr/lib/node_modules/entropyd';

/** As docs/fleet.md has them. */
const service = 'entropy.example';
const balancerAddress = '10.0.0.10';
const hostAddresses = ['10.0.0.11', '10.0.0.12', '10.0.0.13'];

/** Of the files that a host is upgraded to. */
export const nextVersion = '9.9.9';

/** Puts files of that version in place of the installed ones, as npm does. */
export const newFiles = `cp -a ${library} /opt/next
sed -i 's/"version": "[^"]*"/"version": "${nextVersion}"/' /opt/next/package.json
rm -r ${library}
mv /opt/next ${library}`;

/** What the clients of load.py present. */
const credentials = `[[key]]
name = "fleet-key"
access_key = "AKIDFLEET"
secret_key = "secret"
[[token]]
name = "fleet-token"
token = "hvs.fleet"
`;

/** haproxy's view of a host: counters since its start, and what its checks say. */
export interface HostStatistics {
  /** `UP`, `DOWN`, `DRAIN`, or on the way such as `UP 1/2`. */
  readonly status: string;
  /** Failed checks while it was up. */
  readonly failedChecks: number;
  /** How often it went from up to down. */
  readonly departures: number;
  readonly requests: number;
  /** Requests that were sent again, to it or to another. */
  readonly retries: number;
}

/** A host of the fleet. */
export interface Host {
  readonly name: string;
  readonly machine: Machine;
}

export class Fleet {
  readonly hosts: readonly Host[];
  readonly balancer: Machine;
  readonly #folder: string;

  private constructor(folder: string, balancer: Machine, hosts: readonly Host[]) {
    this.#folder = folder;
    this.balancer = balancer;
    this.hosts = hosts;
  }

  /** Boots and configures all machines; they are removed when the test ends. */
  static async start(t: Test): Promise<Fleet> {
    const folder = mkdtempSync(join(tmpdir(), 'entropyd-fleet-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const installed = join(folder, 'installed');
    mkdirSync(installed);
    await installPackage(installed);
    const furnish = (tree: string) =>
      void execFileSync('cp', ['-a', '--reflink=auto', `${installed}/.`, tree]);
    const parts = { root: '/', node: 'node', library: `${library}/dist/index.js` };
    const balancer = await Machine.start(t, { ...parts, furnish() {} });
    const hosts: Host[] = [];
    for (const [i] of hostAddresses.entries())
      hosts.push({ name: `host${i + 1}`, machine: await Machine.start(t, { ...parts, furnish }) });
    connectMachines(balancer, hosts);
    const certificate = (name: string) =>
      makeCertificate(folder, name, undefined, undefined, [service]);
    const own = hosts.map(({ name, machine }, i) =>
      configureHost(machine, hostAddresses[i] as string, certificate(name)),
    );
    configureBalancer(balancer, certificate('clients'), own);
    writeFileSync(join(folder, 'hosts'), `127.0.0.1 localhost\n${balancerAddress} ${service}\n`);
    return new Fleet(folder, balancer, hosts);
  }

  /** The command that runs load.py on the network, with the name of the service. */
  client(python: string, sdk: string): readonly string[] {
    const script = fileURLToPath(new URL('load.py', import.meta.url));
    const within = 'mount --bind "$0" /etc/hosts && exec env -i PATH="$PATH" LANG=C.UTF-8 "$@"';
    return [
      ...['nsenter', '-t', this.balancer.process, '-n', '--'],
      ...['unshare', '--mount', 'sh', '-c', within, join(this.#folder, 'hosts')],
      ...[python, script, sdk, service, join(this.#folder, 'clients.pem')],
    ];
  }

  /** A command of haproxy's admin socket. @returns its answer */
  async administer(command: string): Promise<string> {
    const socket = createConnection(fileOf(this.balancer, '/run/haproxy/admin.sock'));
    const answer = text(socket);
    socket.end(`${command}\n`);
    return answer;
  }

  /** What haproxy has counted, by host. */
  async statistics(): Promise<Record<string, HostStatistics>> {
    const [head = '', ...rows] = (await this.administer('show stat')).trim().split('\n');
    const names = head.replace('# ', '').split(',');
    const all = rows.map((row) => {
      const values = row.split(',');
      return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
    });
    return Object.fromEntries(
      all
        .filter(({ pxname, svname }) => pxname === 'hosts' && svname !== 'BACKEND')
        .map(({ svname, status = '', chkfail, chkdown, stot, wretr }) => [
          svname,
          {
            status,
            failedChecks: Number(chkfail),
            departures: Number(chkdown),
            requests: Number(stot),
            retries: Number(wretr),
          },
        ]),
    );
  }

  /** A host's metrics. */
  async metrics(host: Host): Promise<ReadonlyMap<string, number>> {
    return samplesOf(await pageOf(host, '/metrics'));
  }

  /** A host's /healthz. */
  async health(host: Host): Promise<{ state: string }> {
    return JSON.parse(await pageOf(host, '/healthz'));
  }

  /** The version that answers on a host. */
  async version(host: Host): Promise<string> {
    return JSON.parse(await pageOf(host, '/status')).gateway.version;
  }
}

/** A file of a machine, as this system reaches it. */
export function fileOf({ process }: Machine, path: string): string {
  return `/proc/${process}/root${path}`;
}

/** One of a host's own pages. */
async function pageOf({ machine }: Host, path: string): Promise<string> {
  const socketPath = fileOf(machine, '/run/entropyd/gateway.sock');
  return (await call({ socketPath, path, headers: { host: 'localhost' } })).body;
}

/** The balancer's namespace has the bridge that joins all. */
function connectMachines(balancer: Machine, hosts: readonly Host[]): void {
  balancer.sh(`ip link add bridge0 type bridge
ip addr add ${balancerAddress}/24 dev bridge0
ip link set bridge0 up`);
  for (const [i, { name, machine }] of hosts.entries()) {
    const within = ['nsenter', '-t', balancer.process, '-n', 'ip', 'link', 'add', name];
    const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', machine.process];
    execFileSync(within[0] as string, [...within.slice(1), ...peer]);
    balancer.sh(`ip link set ${name} master bridge0 up`);
    machine.sh(`ip addr add ${hostAddresses[i]}/24 dev eth0; ip link set eth0 up`);
  }
}

/** @returns the certificate */
function configureHost(
  machine: Machine,
  address: string,
  { certificate, key }: Certificate,
): string {
  machine.sh(`${library}/systemd/install.sh --gateway`);
  machine.write('/etc/entropyd/credentials.toml', credentials);
  machine.write('/etc/entropyd/tls.pem', readFileSync(certificate, 'utf8'));
  machine.write('/etc/entropyd/tls.key', readFileSync(key, 'utf8'));
  const commands = exampleOf(examples, { heading: 'Each host', language: '' });
  machine.sh(`ADDRESS=${address} DROP_INS=${library}/systemd/drop-ins\n${commands}`);
  return readFileSync(certificate, 'utf8');
}

function configureBalancer(
  balancer: Machine,
  { certificate, key }: Certificate,
  hosts: readonly string[],
): void {
  const both = readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8');
  balancer.write('/etc/haproxy/entropy.pem', both);
  balancer.write('/etc/haproxy/hosts-ca.pem', hosts.join(''));
  const configuration = exampleOf(examples, { heading: 'haproxy', language: '' });
  balancer.write('/etc/haproxy/haproxy.cfg', configuration);
  balancer.sh('chmod 600 /etc/haproxy/entropy.pem; systemctl start haproxy');
}
