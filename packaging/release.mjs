/**
 * Builds everything that a release has, for both processors: npm tarball, Debian packages, RPMs, images,
 * bills of materials, the query of open advisories, provenance, SHA256SUMS and its signature. Clones of one
 * commit give equal bytes wherever and whenever they are built, if the Debian packages that build are equal.
 *   release.mjs [--out DIRECTORY] [--tarball FILE]      default: release; a tarball of pack.sh
 * ENTROPYD_RELEASE_KEY is an Ed25519 private key as PEM. Without it nothing is signed.
 * DEB_BUILD_OPTIONS=quick compresses less, for tests.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeImage } from '../container/image.mjs';
import { ownArchitecture } from '../container/libraries.mjs';
import { componentsOf, osvQuery, sha256, sha512Of } from './components.mjs';
import { cycloneDx, provenance, spdx } from './documents.mjs';
import { makeRpm } from './rpm.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Debian's architectures, and Node's name of each. */
const processors = { amd64: 'x64', arm64: 'arm64' };

/** The programs that build, and the Debian packages that have them. */
const tools = {
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
  'dpkg-buildpackage': 'dpkg-dev',
  dh: 'debhelper',
  dh_apparmor: 'dh-apparmor',
  dh_python3: 'dh-python',
  'g++': 'g++',
  git: 'git',
  make: 'make',
  readelf: 'binutils',
  rpmbuild: 'rpm',
  tar: 'tar',
  xz: 'xz-utils',
};

const { values } = parseArgs({ options: { out: { type: 'string' }, tarball: { type: 'string' } } });
const out = resolve(values.out ?? join(root, 'release'));
const sums = 'SHA256SUMS';

const run = (command, ...args) =>
  execFileSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
const say = (text) => process.stderr.write(`release: ${text}\n`);
const fail = (reason) => {
  say(reason);
  process.exit(1);
};

// Modes of folders are in the packages.
process.umask(0o022);
const key = signingKey(process.env.ENTROPYD_RELEASE_KEY);
// No program that builds sees the key.
delete process.env.ENTROPYD_RELEASE_KEY;
checkPlace();
checkTools();
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? run('git', 'log', '-1', '--format=%ct'));
process.env.SOURCE_DATE_EPOCH = String(epoch);
const quick = /\bquick\b/.test(process.env.DEB_BUILD_OPTIONS ?? '');
const changed = run('git', 'status', '--porcelain') !== '';
const commit = changed ? undefined : run('git', 'rev-parse', 'HEAD');

const work = mkdtempSync(join(tmpdir(), 'entropyd-release-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const made = join(work, 'release');
mkdirSync(made);
const built = build();
describe(built);
seal();
// Nothing of an earlier release stays beside this one.
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const name of readdirSync(made)) copyFileSync(join(made, name), join(out, name));
report(built.version);

/** @returns the key that the environment has; undefined without one. Another kind of key ends the program. */
function signingKey(pem) {
  if (!pem) return undefined;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // An error of OpenSSL names no line of the key that its owner could use.
  }
  return fail('ENTROPYD_RELEASE_KEY is not an Ed25519 private key in PEM');
}

function checkPlace() {
  if (existsSync(out) && readdirSync(out).length > 0 && !existsSync(join(out, sums)))
    fail(`${out} has files that are not of a release: choose another --out`);
}

function checkTools() {
  const lacking = Object.entries(tools)
    .filter(([name]) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
    .map(([name, from]) => `${name} (${from})`);
  if (lacking.length > 0) fail(`install, by Debian package: ${lacking.join(', ')}`);
}

/** Builds what users install. @returns what the documents need */
function build() {
  say('npm package');
  const tarball = makeTarball();
  run('tar', '-xzf', tarball, '-C', work);
  const unpacked = join(work, 'package');
  const { version } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  const nodes = {};
  const libraries = [];
  const debs = Object.entries(processors).map(([architecture, cpu]) => {
    say(`Debian package and image for ${architecture}`);
    run('debian/build.sh', made, tarball, architecture);
    const deb = join(made, debOf(architecture));
    const folder = join(work, architecture);
    mkdirSync(folder);
    for (const each of makeImage(deb, made, folder).libraries)
      libraries.push({ ...each, architecture });
    nodes[cpu] = join(folder, 'system/usr/lib/entropyd/bin/node');
    return deb;
  });
  const own = nodes[processors[ownArchitecture()]];
  const versions = JSON.parse(run(own, '-p', 'JSON.stringify(process.versions)'));
  for (const deb of debs) {
    say(`RPM of ${basename(deb)}`);
    makeRpm(deb, made, work, { node: versions.node, quick });
  }
  return { version, unpacked, nodes, versions, libraries };
}

function makeTarball() {
  if (values.tarball === undefined) return run('packaging/pack.sh', made);
  const tarball = join(made, basename(values.tarball));
  copyFileSync(values.tarball, tarball);
  return tarball;
}

function debOf(architecture) {
  return readdirSync(made).find(
    (name) => name.startsWith('entropyd_') && name.endsWith(`_${architecture}.deb`),
  );
}

/** Writes the bills of materials, the query of advisories, and the provenance of all that. */
function describe({ version, unpacked, nodes, versions, libraries }) {
  const debian = /^VERSION_ID="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const components = componentsOf({ root, version, unpacked, nodes, versions, libraries, debian });
  const write = (kind, value) =>
    writeFileSync(
      join(made, `entropyd-${version}.${kind}.json`),
      `${JSON.stringify(value, null, 1)}\n`,
    );
  write('cdx', cycloneDx(components, epoch));
  write('spdx', spdx(components, epoch));
  write('osv', osvQuery(components));
  const files = readdirSync(made).sort();
  const { packages } = JSON.parse(
    readFileSync(join(root, 'debian/node/package-lock.json'), 'utf8'),
  );
  write(
    'intoto',
    provenance(
      files.map((name) => ({ name, sha256: sha256(readFileSync(join(made, name))) })),
      {
        ...{ version, commit, tools: toolVersions(debian), environment: process.env },
        nodes: Object.values(processors).map((cpu) => ({
          purl: `pkg:npm/node-linux-${cpu}@${versions.node}`,
          sha512: sha512Of(packages[`node_modules/node-linux-${cpu}`].integrity),
        })),
      },
    ),
  );
}

/** The Debian packages that build, as purls: those of equal versions give equal bytes. */
function toolVersions(debian) {
  const names = [...new Set(Object.values(tools))].sort();
  const lines = run(
    'dpkg-query',
    '-f',
    `\${Package} \${Version} \${Architecture}\n`,
    '-W',
    ...names,
  );
  return lines.split('\n').map((line) => {
    const [name, version, architecture] = line.split(' ').map(encodeURIComponent);
    return `pkg:deb/debian/${name}@${version}?arch=${architecture}&distro=debian-${debian}`;
  });
}

/** Writes the digests of all files, as sha256sum does, and signs them if there is a key. */
function seal() {
  const line = (name) => `${sha256(readFileSync(join(made, name)))}  ${name}\n`;
  const text = readdirSync(made).sort().map(line).join('');
  writeFileSync(join(made, sums), text);
  if (key !== undefined)
    writeFileSync(join(made, `${sums}.sig`), sign(undefined, Buffer.from(text), key));
}

function report(version) {
  const place = relative(process.cwd(), out) || '.';
  for (const name of readdirSync(out).sort())
    console.log(`${String(statSync(join(out, name)).size).padStart(11)}  ${join(place, name)}`);
  console.log(
    commit === undefined ? 'Of a tree with uncommitted changes.' : `Of commit ${commit}.`,
  );
  if (key === undefined)
    console.log('Unsigned: the environment has no key (ENTROPYD_RELEASE_KEY).');
  else {
    const shown = createPublicKey(key).export({ type: 'spki', format: 'pem' });
    console.log(`Signed: ${sums}.sig, to verify with this public key:\n${shown.trim()}`);
  }
  console.log(`Which advisories of Node, OpenSSL and the packages are open:
  curl --silent --data '@${join(place, `entropyd-${version}.osv.json`)}' https://api.osv.dev/v1/querybatch`);
}
