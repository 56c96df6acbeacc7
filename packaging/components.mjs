/**
 * What a release is made of: the bundled packages, the addon, Node with what is linked into it, and the
 * libraries of the image. The documents of a release are made from this list.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {object} Component
 * @property {string} id unique in the list
 * @property {string} [parent] the id of the component that it is part of; none for the product
 * @property {'application' | 'library' | 'file'} type
 * @property {string} name
 * @property {string} version
 * @property {string} [license] an SPDX expression
 * @property {string} [purl]
 * @property {string} [cpe]
 * @property {{ algorithm: 'SHA-256' | 'SHA-512', hex: string }[]} hashes
 * @property {object} [osv] the query of its advisories, for OSV's API
 */

const github = (repository, tag) => (version) => ({
  version: tag(version),
  package: { name: `https://github.com/${repository}`, ecosystem: 'GIT' },
});
const v = (version) => `v${version}`;

/**
 * What Node is linked with, by the name in process.versions: name, license, where OSV has its advisories.
 * OSV has no package of C and C++ libraries, but their repositories and tags.
 */
const partsOfNode = {
  acorn: { npm: 'acorn', license: 'MIT' },
  ada: { license: 'MIT OR Apache-2.0', osv: github('ada-url/ada', v) },
  amaro: { npm: 'amaro', license: 'MIT' },
  ares: { name: 'c-ares', license: 'MIT', osv: github('c-ares/c-ares', v) },
  brotli: { license: 'MIT', osv: github('google/brotli', v) },
  cjs_module_lexer: { npm: 'cjs-module-lexer', license: 'MIT' },
  icu: {
    license: 'Unicode-3.0',
    osv: github('unicode-org/icu', (version) => `release-${version.replace('.', '-')}`),
  },
  llhttp: { license: 'MIT', osv: github('nodejs/llhttp', v) },
  nbytes: { license: 'MIT', osv: github('nodejs/nbytes', v) },
  ncrypto: { license: 'MIT', osv: github('nodejs/ncrypto', v) },
  nghttp2: { license: 'MIT', osv: github('nghttp2/nghttp2', v) },
  nghttp3: { license: 'MIT', osv: github('ngtcp2/nghttp3', v) },
  ngtcp2: { license: 'MIT', osv: github('ngtcp2/ngtcp2', v) },
  openssl: {
    license: 'Apache-2.0',
    cpe: 'openssl:openssl',
    osv: github('openssl/openssl', (version) => `openssl-${version}`),
  },
  simdjson: { license: 'Apache-2.0 OR MIT', osv: github('simdjson/simdjson', v) },
  simdutf: { license: 'Apache-2.0 OR MIT', osv: github('simdutf/simdutf', v) },
  sqlite: {
    license: 'blessing',
    osv: github('sqlite/sqlite', (version) => `version-${version}`),
  },
  undici: { npm: 'undici', license: 'MIT' },
  uv: { name: 'libuv', license: 'MIT', osv: github('libuv/libuv', v) },
  uvwasi: { license: 'MIT', osv: github('nodejs/uvwasi', v) },
  v8: { license: 'BSD-3-Clause', osv: github('v8/v8', (version) => version.split('-')[0]) },
  zlib: {
    license: 'Zlib',
    osv: github('madler/zlib', (version) => `v${version.split('-')[0]}`),
  },
  zstd: { license: 'BSD-3-Clause', osv: github('facebook/zstd', v) },
};

/** In process.versions, but no code: numbers of interfaces, and the data of ICU. */
const noCode = ['node', 'modules', 'napi', 'cldr', 'tz', 'unicode'];

/** Licenses of Debian's source packages whose libraries are in the image. */
const licensesOfDebian = [
  [/^glibc$/, 'LGPL-2.1-or-later'],
  [/^gcc-\d+$/, 'GPL-3.0-or-later WITH GCC-exception-3.1'],
];

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

const npmPurl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

/** @param integrity of a lock file: sha512 in base64 */
export const sha512Of = (integrity) => Buffer.from(integrity.slice(7), 'base64').toString('hex');

/**
 * @param release `root` of the tree, `version`, the `unpacked` tarball, `nodes` (path of the binary by
 *   processor: x64, arm64), `versions` (process.versions of that Node), `libraries` of the images, each
 *   with its `architecture`, `debian` (the release, such as 12)
 * @returns {Component[]} the product first; parents before their parts
 */
export function componentsOf({ root, version, unpacked, nodes, versions, libraries, debian }) {
  const product = { id: 'entropyd', name: 'entropyd', version, license: 'MIT' };
  return [
    { ...product, type: 'application', purl: npmPurl('entropyd', version), hashes: [] },
    ...bundledPackages(root, unpacked),
    ...addons(version, unpacked),
    ...nodeAndParts(nodes, versions),
    ...libraries.map((each) => libraryOf(each, debian)),
  ].sort((a, b) => Number(a.id !== 'entropyd') - Number(b.id !== 'entropyd'));
}

/** The packages whose code is in the tarball: those that its license file names, and those beside it. */
function bundledPackages(root, unpacked) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const notices = readFileSync(join(unpacked, 'dist/third-party-licenses.txt'), 'utf8');
  const named = notices.split(/^-{80}\n\n/m).map((text) => text.split('\n')[0].split(' '));
  const { bundleDependencies } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  for (const name of bundleDependencies)
    named.push([name, packages[`node_modules/${name}`].version]);
  return named.map(([name, version]) => {
    const [, entry] =
      Object.entries(packages).find(
        ([path, each]) => path.endsWith(`node_modules/${name}`) && each.version === version,
      ) ?? [];
    if (entry === undefined) throw new Error(`${name} ${version} is bundled, but not locked`);
    const purl = npmPurl(name, version);
    const license = entry.license.replace(/^\((.*)\)$/, '$1');
    return {
      ...{ id: purl, parent: 'entropyd', type: 'library', name, version, license, purl },
      hashes: [{ algorithm: 'SHA-512', hex: sha512Of(entry.integrity) }],
      osv: { package: { purl } },
    };
  });
}

/** The addon of each processor, and the C++ library that is linked into it. */
function addons(version, unpacked) {
  const compiler = execFileSync('g++', ['-dumpfullversion'], { encoding: 'utf8' }).trim();
  return ['x64', 'arm64'].flatMap((cpu) => {
    const path = `prebuilds/linux-${cpu}/entropyd.glibc.node`;
    const id = `addon-${cpu}`;
    const hex = sha256(readFileSync(join(unpacked, path)));
    const own = { id, parent: 'entropyd', type: 'library', name: path, version, license: 'MIT' };
    const [, license] = licensesOfDebian[1];
    const linked = { name: 'libstdc++', version: compiler, license, type: 'library', hashes: [] };
    return [
      { ...own, hashes: [{ algorithm: 'SHA-256', hex }] },
      { ...linked, id: `${id}-libstdc++`, parent: id },
    ];
  });
}

/** The Node of each processor, as npm has it, and what is linked into both. */
function nodeAndParts(nodes, versions) {
  const { node } = versions;
  const repository = github('nodejs/node', v);
  const binaries = Object.entries(nodes).map(([cpu, path]) => ({
    ...{ id: `node-${cpu}`, parent: 'node', type: 'file', name: `bin/node, ${cpu}`, version: node },
    ...{ license: 'MIT', purl: npmPurl(`node-linux-${cpu}`, node) },
    hashes: [{ algorithm: 'SHA-256', hex: sha256(readFileSync(path)) }],
  }));
  const parts = Object.entries(versions)
    // What a Node was built without has no version there.
    .filter(([key, version]) => !noCode.includes(key) && version !== '')
    .map(([key, version]) => {
      const { npm, name = npm ?? key, license, cpe, osv } = partsOfNode[key] ?? {};
      const purl = npm ? npmPurl(npm, version) : `pkg:generic/${name}@${version}`;
      return {
        ...{ id: `node-${key}`, parent: 'node', type: 'library', name, version, license, purl },
        cpe: cpe && `cpe:2.3:a:${cpe}:${version}:*:*:*:*:*:*:*`,
        hashes: [],
        osv: npm ? { package: { purl } } : osv?.(version),
      };
    });
  const whole = {
    id: 'node',
    parent: 'entropyd',
    type: 'application',
    name: 'node',
    version: node,
  };
  return [
    {
      ...whole,
      license: 'MIT',
      purl: `pkg:generic/node@${node}`,
      cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:-:*:*:*`,
      hashes: [],
      osv: repository(node),
    },
    ...binaries,
    ...parts,
  ];
}

/** A library of the image. */
function libraryOf({ path, file, package: name, version, source, architecture }, debian) {
  const license = licensesOfDebian.find(([pattern]) => pattern.test(source))?.[1];
  return {
    ...{ id: `image-${architecture}${path}`, parent: 'entropyd', type: 'library' },
    ...{ name: `${name} (${path})`, version, license },
    purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-${debian}`,
    hashes: [{ algorithm: 'SHA-256', hex: sha256(readFileSync(file)) }],
    osv: { version, package: { name: source, ecosystem: `Debian:${debian}` } },
  };
}

/** The query of all open advisories of these components, for OSV's API `v1/querybatch`. */
export function osvQuery(components) {
  const queries = components.flatMap(({ osv }) => (osv ? [JSON.stringify(osv)] : []));
  return { queries: [...new Set(queries)].map((text) => JSON.parse(text)) };
}
