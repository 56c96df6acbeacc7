/**
 * The shared libraries that programs load, of the Debian packages that have them: for this machine's
 * architecture the installed ones, for another one those of Debian's archive, which apt verifies.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** Names of folders, by Debian's name of the architecture. */
const triplets = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

const run = (command, args, options) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options }).trim();

/**
 * @typedef {object} Library
 * @property {string} path where the loader looks for it, absolute, below /usr
 * @property {string} file its content on this machine
 * @property {string} package the Debian package, without an architecture
 * @property {string} version of that package
 * @property {string} source name of the source package
 * @property {string} copyright the package's licence, on this machine
 */

/**
 * The libraries that programs load, theirs included, and the loader.
 * @param programs ELF files of one architecture
 * @param architecture by Debian's name
 * @param work a folder for what has to be fetched
 * @returns {Library[]} sorted by path
 */
export function librariesOf(programs, architecture, work) {
  const triplet = triplets[architecture];
  if (triplet === undefined) throw new Error(`no libraries are known for ${architecture}`);
  const root = ownArchitecture() === architecture ? installed() : fetched(architecture, work);
  const found = new Map();
  const load = (name) => {
    const places = [join('/lib', triplet), join('/usr/lib', triplet)].map((at) => join(at, name));
    const place = name.startsWith('/') ? name : places.find((each) => root.has(each));
    if (place === undefined) throw new Error(`no package has ${name} for ${architecture}`);
    const path = place.startsWith('/usr/') ? place : join('/usr', place);
    if (found.has(path)) return;
    const library = { path, ...root.library(place) };
    found.set(path, library);
    for (const each of needed(library.file)) load(each);
  };
  for (const program of programs) for (const each of needed(program)) load(each);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function ownArchitecture() {
  return run('dpkg', ['--print-architecture']);
}

/** What an ELF file names: libraries by name, the loader by path. readelf reads every architecture's. */
function needed(file) {
  const text = run('readelf', ['--wide', '--dynamic', '--program-headers', file], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  return [...text.matchAll(/\(NEEDED\).*\[(.+)\]|\[Requesting program interpreter: (.+)\]/g)].map(
    ([, name, loader]) => name ?? loader,
  );
}

/** The libraries of this machine. */
function installed() {
  return {
    has: existsSync,
    library(place) {
      // dpkg knows it by the name that its package has, with /usr or without.
      const names = [place, join('/usr', place), place.replace(/^\/usr/, '')];
      const owner = names.flatMap((name) => {
        try {
          return [run('dpkg-query', ['--search', name], { stdio: 'pipe' }).split(': ')[0]];
        } catch {
          return [];
        }
      })[0];
      if (owner === undefined) throw new Error(`no package has ${place}`);
      const format = `\${Package}\n\${Version}\n\${source:Package}`;
      const [name, version, source] = run('dpkg-query', ['-f', format, '-W', owner]).split('\n');
      const copyright = realpathSync(join('/usr/share/doc', name, 'copyright'));
      return { file: realpathSync(place), package: name, version, source, copyright };
    },
  };
}

/** The libraries of Node in Debian's archive; apt's lists of this machine stay as they are. */
function fetched(architecture, work) {
  const folder = join(work, `debian-${architecture}`);
  const root = join(folder, 'root');
  for (const path of ['lists/partial', 'cache/archives/partial', 'root'])
    mkdirSync(join(folder, path), { recursive: true });
  const apt = (...args) =>
    run(
      'apt-get',
      [
        ...['--quiet=2', '-o', `APT::Architecture=${architecture}`],
        ...['-o', `APT::Architectures=${architecture}`, '-o', `Dir::State::lists=${folder}/lists`],
        ...['-o', 'Dir::State::status=/dev/null', '-o', `Dir::Cache=${folder}/cache`],
        // Only packages, and with root's permissions: the folder is private.
        ...['-o', 'Acquire::Languages=none', '-o', 'APT::Sandbox::User=root'],
        ...['-o', 'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false'],
        ...['-o', 'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false', ...args],
      ],
      { cwd: folder },
    );
  apt('update');
  apt('download', 'libc6', 'libgcc-s1', 'libstdc++6');
  const field = (deb, name) => run('dpkg-deb', ['--field', join(folder, deb), name]);
  const debs = () => readdirSync(folder).filter((name) => name.endsWith('.deb'));
  // gcc-N-base has the licence of the compiler's libraries.
  const [base] = field(
    debs().find((name) => name.startsWith('libgcc')),
    'Depends',
  ).match(/gcc-\d+-base/);
  apt('download', base);
  const owners = new Map();
  for (const deb of debs()) {
    run('dpkg-deb', ['--extract', join(folder, deb), root]);
    const [name, version] = [field(deb, 'Package'), field(deb, 'Version')];
    const source = field(deb, 'Source').split(' ')[0] || name;
    for (const line of run('dpkg-deb', ['--contents', join(folder, deb)]).split('\n')) {
      const path = / \.(\/\S+)/.exec(line)?.[1];
      if (path !== undefined) owners.set(path, { package: name, version, source });
    }
  }
  const owner = (place) => [place, place.replace(/^\/usr/, '')].find((each) => owners.has(each));
  const follow = (place) => {
    const path = join(root, place);
    return existsSync(path) ? realpathSync(path) : undefined;
  };
  return {
    has: (place) => owners.has(place),
    library(place) {
      const path = owner(place);
      const file = path && follow(path);
      if (file === undefined) throw new Error(`no package has ${place}`);
      const { package: name } = owners.get(path);
      return {
        file,
        ...owners.get(path),
        copyright: join(root, 'usr/share/doc', name, 'copyright'),
      };
    },
  };
}
