/**
 * Makes the RPM of a Debian package: the same files, where RHEL and Fedora have them, packed by rpmbuild.
 * Equal packages and an equal SOURCE_DATE_EPOCH give equal bytes.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const spec = fileURLToPath(new URL('entropyd.spec', import.meta.url));

/** Names of the architecture, by Debian's. */
const architectures = { amd64: 'x86_64', arm64: 'aarch64' };

/** From where Debian has it to where RHEL and Fedora have it. */
const moves = [
  ['lib/systemd/system', 'usr/lib/systemd/system'],
  ['lib/udev/rules.d', 'usr/lib/udev/rules.d'],
  ['usr/share/zsh/vendor-completions', 'usr/share/zsh/site-functions'],
  ['usr/share/doc/entropyd/copyright', 'usr/share/licenses/entropyd/copyright'],
];

/** Debian's own: lintian's overrides, changelogs of the packaging, and AppArmor, which RHEL and Fedora do not have. */
const leftOut = [
  'etc/apparmor.d',
  'usr/share/lintian',
  'usr/share/doc/entropyd/changelog.Debian.gz',
  'usr/share/doc/entropyd/changelog.gz',
];

/** Folders that belong to entropyd; all others are the system's. */
const own =
  /^\/(?:usr\/lib\/entropyd|usr\/share\/entropyd|usr\/share\/(?:doc|licenses)\/entropyd|etc\/entropyd)(?:\/|$)/;

const units = [
  ...['entropyd.socket', 'entropyd.service', 'entropyd-gateway.socket'],
  ...['entropyd-gateway.service', 'entropyd-textfile.timer', 'entropyd-ready.target'],
];

const run = (command, args, options) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options }).trim();

/**
 * @param deb the Debian package
 * @param out the folder for the RPM
 * @param work a folder for what is made on the way
 * @param node the version of the Node in it
 * @param quick less compression, for tests
 * @returns the RPM's path
 */
export function makeRpm(deb, out, work, { node, quick = false }) {
  const field = (name) => run('dpkg-deb', ['--field', deb, name]);
  const architecture = architectures[field('Architecture')];
  const top = join(work, `rpm-${architecture}`);
  const tree = join(top, 'tree');
  mkdirSync(tree, { recursive: true });
  run('dpkg-deb', ['--extract', deb, tree]);
  for (const path of leftOut) rmSync(join(tree, path), { recursive: true, force: true });
  for (const [from, to] of moves) {
    mkdirSync(join(tree, dirname(to)), { recursive: true });
    renameSync(join(tree, from), join(tree, to));
  }
  rmSync(join(tree, 'lib'), { recursive: true });
  const files = join(top, 'files');
  writeFileSync(files, `${listed(tree).join('\n')}\n`);
  const definitions = {
    _topdir: top,
    _dbpath: join(top, 'db'),
    // Debian's version without its last part, the revision: the spec has it as the release.
    VERSION: field('Version').replace(/-[^-]*$/, ''),
    NODE: node,
    TREE: tree,
    FILES: files,
    UNITS: units.join(' '),
    PAYLOAD: quick ? 'w1.gzdio' : 'w19.zstdio',
  };
  const defines = Object.entries(definitions).flatMap(([name, value]) => [
    '--define',
    `${name} ${value}`,
  ]);
  run('rpmbuild', ['-bb', `--target=${architecture}-linux`, ...defines, spec], {
    cwd: top,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: top, LC_ALL: 'C.UTF-8' },
  });
  const [name] = readdirSync(join(top, 'RPMS', architecture));
  mkdirSync(out, { recursive: true });
  copyFileSync(join(top, 'RPMS', architecture, name), join(out, name));
  return join(out, name);
}

/** The lines of the spec's file list. */
function listed(tree) {
  const lines = [];
  const entries = readdirSync(tree, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath ?? entry.path, entry.name).slice(tree.length);
    const quoted = `"${path}"`;
    if (entry.isDirectory()) {
      if (own.test(path)) lines.push(`%dir ${quoted}`);
    } else if (path.startsWith('/etc/')) lines.push(`%config(noreplace) ${quoted}`);
    else if (path.startsWith('/usr/share/licenses/')) lines.push(`%license ${quoted}`);
    else if (path.startsWith('/usr/share/doc/')) lines.push(`%doc ${quoted}`);
    else lines.push(quoted);
  }
  return ['%defattr(-,root,root)', ...lines.sort()];
}
