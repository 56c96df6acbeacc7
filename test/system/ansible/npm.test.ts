/** The Ansible role with the npm package, on a machine with Node and a real systemd. */
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { missing } from '../debian/deb.js';
import { tarball } from '../package/tarball.js';
import { impossible, Machine } from '../systemd/machine.js';
import { play, releaseOf } from './playbook.js';

const [tool] = missing(['ansible-playbook', 'openssl']);
const reason = tool === undefined ? impossible() : `${tool} is not installed`;

if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`Ansible on a machine: ${reason}`);
  else t.plan(0, `no machine for Ansible: ${reason}`);
} else await all();

/** What this machine has, and where npm puts the programs. A Node that the units would not find is copied. */
function furnish(files: string): void {
  for (const folder of ['opt', 'root', 'usr/bin', 'usr/lib/node_modules'])
    mkdirSync(join(files, folder), { recursive: true });
  writeFileSync(join(files, 'root/.npmrc'), 'prefix=/usr\n');
  const programs = ['node', 'npm'];
  const has = (folder: string) => programs.every((name) => existsSync(join(folder, name)));
  if (['/usr/local/bin', '/usr/bin'].some(has)) return;
  const npm = 'lib/node_modules/npm';
  cpSync(process.execPath, join(files, 'usr/bin/node'));
  cpSync(join(dirname(process.execPath), '..', npm), join(files, 'usr', npm), { recursive: true });
  symlinkSync(`../${npm}/bin/npm-cli.js`, join(files, 'usr/bin/npm'));
}

async function all(): Promise<void> {
  const { folder } = releaseOf([await tarball()]);
  const machine = await Machine.start(t, {
    root: '/',
    furnish,
    node: 'node',
    library: '/usr/lib/node_modules/entropyd/dist/index.js',
  });
  const variables = {
    entropyd_method: 'npm',
    entropyd_release: folder,
    entropyd_config: { gateway: { access: 'open' } },
    entropyd_gateway: true,
  };

  await t.test('it installs, configures and starts what is wanted', async (t) => {
    t.match(await play(t, machine, variables), { status: 0 });
    t.match(machine.ok(['entropyctl', 'random', '32', '--format', 'hex'], 'nobody'), /^\w{64}$/);
    const asked = `fetch('http://127.0.0.1:8478/healthz').then(({ status }) => console.log(status))`;
    t.equal(machine.ok(['node', '-e', asked], 'nobody'), '200');
    t.equal(machine.sh('find /root -maxdepth 1 -name "entropyd*"'), '', 'nothing is left');
  });

  await t.test('in check mode it would change nothing then', async (t) => {
    t.match(await play(t, machine, variables, '--check'), { status: 0, changed: { length: 0 } });
  });
}
