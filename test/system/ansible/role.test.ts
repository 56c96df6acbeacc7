/** The Ansible role on a new Debian machine with a real systemd: installs, configures, changes nothing twice. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cannotBuild, deb, missing } from '../debian/deb.js';
import { impossible, Machine } from '../systemd/machine.js';
import { lint, play, releaseOf } from './playbook.js';

const tree = fileURLToPath(new URL('../debian/tree.sh', import.meta.url));

/** Includes downloading the machine's files and building the package. */
const wholeMs = 900_000;

const node = '/usr/lib/entropyd/bin/node';
const config = '/etc/entropyd/entropyd.toml';

const [tool] = missing(['ansible-playbook', 'ansible-lint', 'debootstrap', 'openssl']);
const reason = tool === undefined ? (cannotBuild() ?? impossible()) : `${tool} is not installed`;

t.setTimeout(wholeMs);
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`Ansible on a new machine: ${reason}`);
  else t.plan(0, `no new machine for Ansible: ${reason}`);
} else await all();

async function all(): Promise<void> {
  const { folder, key } = releaseOf([await deb()]);
  const machine = await Machine.start(t, {
    root: execFileSync(tree, { encoding: 'utf8' }).trim(),
    furnish: (files) => void mkdirSync(join(files, 'opt')),
    node,
    library: '/usr/lib/entropyd/dist/index.js',
  });
  const states = (...units: string[]) =>
    machine
      .run(['systemctl', 'is-active', ...units])
      .stdout.trim()
      .split('\n');
  const pids = () =>
    ['entropyd.service', 'entropyd-gateway.service'].map((unit) => machine.show(unit, 'MainPID'));
  const status = () => JSON.parse(machine.ok(['entropyctl', 'status', '--json']));
  /** Status of the gateway's answer to a client with a token. */
  const asked = (token: string) =>
    machine.ok(
      [
        node,
        '-e',
        `fetch('http://127.0.0.1:8478/v1/sys/tools/random/8', { method: 'POST', headers: { 'X-Vault-Token': '${token}' } })
          .then(({ status }) => console.log(status))`,
      ],
      'nobody',
    );

  const variables = {
    entropyd_release: folder,
    entropyd_release_key: key,
    entropyd_config: { limits: { connections: 99 }, gateway: { apis: ['vault'] } },
    entropyd_credentials: {
      token: [{ name: 'first', token: 'token-1', expires: '2099-01-01T00:00:00Z' }],
    },
    entropyd_gateway: true,
    entropyd_egd: true,
  };

  await t.test('ansible-lint finds nothing', async (t) => {
    t.doesNotThrow(lint);
  });

  await t.test('a package that is not the release is not installed', async (t) => {
    const sums = join(folder, 'SHA256SUMS');
    const right = readFileSync(sums, 'utf8');
    const other = right.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    writeFileSync(sums, other);
    t.match(await play(t, machine, variables), { status: 2, output: /Verify the signature/ });
    const unsigned = { ...variables, entropyd_release_key: '' };
    t.match(await play(t, machine, unsigned), {
      status: 2,
      output: /is not the file of SHA256SUMS/,
    });
    writeFileSync(sums, right);
    t.not(machine.run(['dpkg', '--status', 'entropyd']).status, 0);
  });

  await t.test('in check mode it says that it would install, and does nothing', async (t) => {
    const { status, changed } = await play(t, machine, variables, '--check');
    t.equal(status, 0);
    t.strictSame(changed, ['Copy the package']);
    t.not(machine.run(['dpkg', '--status', 'entropyd']).status, 0);
  });

  await t.test('it installs, configures and starts what is wanted', async (t) => {
    const { status, output } = await play(t, machine, variables, '--diff');
    t.equal(status, 0);
    t.notMatch(output, variables.entropyd_credentials.token[0]?.token ?? '', 'no secret');
    t.strictSame(
      states(
        'entropyd.socket',
        'entropyd.service',
        'entropyd-gateway.socket',
        'entropyd-egd.socket',
        'entropyd-raw.socket',
      ),
      ['active', 'active', 'active', 'active', 'inactive'],
    );
    t.equal(
      machine.sh('stat -c "%a %U %G" /etc/entropyd/credentials.toml'),
      '600 entropyd-gateway entropyd-gateway',
    );
    t.match(machine.ok(['entropyctl', 'random', '32', '--format', 'hex'], 'nobody'), /^\w{64}$/);
    t.strictSame([asked('token-1'), asked('token-2')], ['200', '403']);
    t.equal(machine.run(['test', '-S', '/run/entropyd/egd.sock']).status, 0);
    t.equal(machine.sh('find / -xdev -name "entropyd*.deb"'), '', 'nothing is left');
  });

  await t.test('a second run changes nothing', async (t) => {
    const before = pids();
    t.match(await play(t, machine, variables), { status: 0, changed: { length: 0 } });
    t.strictSame(pids(), before);
  });

  await t.test('a reload applies new limits and credentials', async (t) => {
    const before = pids();
    const { status: failed, changed } = await play(t, machine, {
      ...variables,
      entropyd_config: { ...variables.entropyd_config, limits: { connections: 98 } },
      entropyd_credentials: { token: [{ name: 'second', token: 'token-2' }] },
    });
    t.equal(failed, 0);
    t.strictSame(changed, [
      'Write the credentials',
      'Write the configuration',
      'Apply to the daemon',
      'Apply to the gateway',
    ]);
    t.strictSame(pids(), before, 'the same processes');
    t.match(status(), { limits: { connections: 98 } });
    t.strictSame([asked('token-1'), asked('token-2')], ['403', '200']);
  });

  await t.test('a fault in the variables is reported, and what has none is applied', async (t) => {
    const [before, text] = [pids(), machine.ok(['cat', config])];
    const unnamed = { ...variables, entropyd_credentials: { token: [{ token: 'hidden' }] } };
    const refused = await play(t, machine, unnamed, '--diff', '-vvv');
    t.match(refused, { status: 2, output: /token\[0\]\.name: is missing/ });
    t.notMatch(refused.output, /hidden/);
    t.equal(asked('token-2'), '200');
    const { status: failed, output } = await play(t, machine, {
      ...variables,
      entropyd_config: { ...variables.entropyd_config, limits: { connection: 1 } },
      entropyd_credentials: { token: [{ name: 'third', token: 'token-3' }] },
    });
    t.equal(failed, 2);
    t.match(output, /limits\.connection: unknown key; the nearest is \\*"connections\\*"/);
    t.strictSame([asked('token-2'), asked('token-3')], ['403', '200'], 'the credentials are new');
    t.equal(machine.ok(['cat', config]), text, 'the configuration is not');
    t.strictSame(pids(), before);
  });

  await t.test('other changes restart, and what is not wanted is stopped', async (t) => {
    const [daemon] = pids();
    const { status: failed } = await play(t, machine, {
      ...variables,
      entropyd_config: { generator: { reseed_seconds: 60 } },
      entropyd_gateway: false,
      entropyd_egd: false,
    });
    t.equal(failed, 0);
    t.not(pids()[0], daemon);
    t.match(status(), { limits: { connections: 4096 }, sockets: { length: 1 } });
    t.strictSame(
      states('entropyd-gateway.socket', 'entropyd-gateway.service', 'entropyd-egd.socket'),
      ['inactive', 'inactive', 'inactive'],
    );
    t.equal(machine.sh('ls /run/entropyd'), 'entropyd.sock');
  });
}
