/** From the package of 0.1.0, built from its commit, to this release's, on a host without a network. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { impossible, Machine } from '../systemd/machine.js';
import { fileOf, withRelease } from './release.js';

const script = (path: string) =>
  promisify(execFile)(fileURLToPath(new URL(path, import.meta.url))).then(({ stdout }) =>
    stdout.trim(),
  );

/** The package of 0.1.0; undefined: this clone lacks its commit. */
async function previousPackage(): Promise<string | undefined> {
  try {
    return await script('previous.sh');
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    if (code !== 77) throw error;
    t.plan(0, stderr?.trim());
    return undefined;
  }
}

const config = '/etc/entropyd/entropyd.toml';
const credentials = '/etc/entropyd/credentials.toml';
const clients = 2;

await withRelease(async (folder) => {
  const previous = await previousPackage();
  if (previous === undefined) return;
  const tree = await script('../debian/tree.sh');
  const machine = await Machine.start(t, {
    root: tree,
    furnish(files) {
      mkdirSync(join(files, 'opt'));
      cpSync(previous, join(files, 'opt/previous.deb'));
      cpSync(fileOf(folder, /^entropyd_.*_amd64\.deb$/), join(files, 'opt/entropyd.deb'));
    },
    node: '/usr/lib/entropyd/bin/node',
    library: '/usr/lib/entropyd/dist/index.js',
  });
  const install = (...args: string[]) =>
    machine.run(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', 'install', ...args]);
  const status = () => JSON.parse(machine.ok(['entropyctl', 'status', '--json']));
  const random = () => machine.ok(['entropyctl', 'random', '32', '--format', 'hex'], 'nobody');
  const gateway = () => {
    const ask = `fetch('http://127.0.0.1:8478/healthz').then(({ status }) => console.log(status))`;
    return machine.ok(['/usr/lib/entropyd/bin/node', '-e', ask], 'nobody');
  };
  let kept = '';
  const files = () => machine.sh(`sha256sum ${config} ${credentials} /etc/systemd/system/*/*.conf`);

  await t.test('0.1.0 is installed and configured by its user', async (t) => {
    t.equal(machine.sh('ls /sys/class/net'), 'lo', 'no network');
    t.match(install('/opt/previous.deb'), { status: 0 });
    machine.write(credentials, '[[token]]\nname = "own"\ntoken = "a-token-of-this-host"\n');
    machine.write('/etc/systemd/system/entropyd.service.d/own.conf', '[Service]\nNice=5\n');
    machine.sh(`
      chown entropyd-gateway: ${credentials}; chmod 600 ${credentials}
      printf '[limits]\\nconnections = 99\\n[gateway]\\ncredentials = "${credentials}"\\n' >>${config}
      systemctl daemon-reload
      systemctl enable --now entropyd-gateway.socket`);
    t.match(random(), /^[0-9a-f]{64}$/);
    t.equal(gateway(), '200');
    t.match(status(), { version: '0.1.0', state: 'operational' });
    kept = files();
  });

  await t.test('the upgrade loses no request and keeps what the user wrote', async (t) => {
    const { answered, failures } = await machine.underLoad(clients, async (served) => {
      await served();
      const upgraded = install('-o', 'Dpkg::Options::=--force-confold', '/opt/entropyd.deb');
      t.equal(upgraded.status, 0, upgraded.stdout + upgraded.stderr);
      await served();
    });
    t.ok(answered > 0);
    t.strictSame(failures, {});
    t.equal(files(), kept);
  });

  await t.test('the new version serves with that configuration', async (t) => {
    t.match(random(), /^[0-9a-f]{64}$/);
    t.equal(gateway(), '200');
    t.match(status(), { limits: { connections: 99 }, state: 'operational' });
    const { version } = JSON.parse(machine.ok(['cat', '/usr/lib/entropyd/package.json']));
    t.not(version, '0.1.0');
    t.equal(status().version, version);
    t.equal(machine.show('entropyd.service', 'Nice'), '5');
    for (const unit of ['entropyd.socket', 'entropyd-gateway.socket'])
      t.match(machine.run(['systemctl', 'is-enabled', unit]), { stdout: 'enabled\n' }, unit);
    t.strictSame(
      machine.journal('entropyd.service').filter(({ text }) => /ERR_INTERNAL|Error:/.test(text)),
      [],
    );
  });
}, impossible);
