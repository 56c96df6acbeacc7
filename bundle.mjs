/**
 * Bundles the programs and the library's entries with the packages that they import, and replaces
 * what tsc made of them in dist/. Each becomes the entry itself, a part with what it starts with,
 * and a part for each dynamic import, which is loaded on demand. A program then starts with three
 * files instead of forty, and an installation fetches no package.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const folder = join(root, 'dist');
/**
 * Entries that are bundled together, by the prefix of their parts. If programs shared parts, they
 * would load more.
 */
const bundles = {
  entropyd: ['entropyd'],
  entropyctl: ['entropyctl'],
  library: ['index', 'aws-sdk', 'generator'],
};

/** The directory of the package that a bundled file comes from. */
function packageFolder(file) {
  return /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/** The licenses of the bundled packages, which must be distributed with their code. */
function notices(folders) {
  const packages = folders.map((from) => {
    const { name, version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    const file = readdirSync(from).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? undefined : readFileSync(join(from, file), 'utf8').trim();
    return { name, version, license, text };
  });
  return packages.map(({ name, version, license, text }) => {
    // Some packages of the AWS SDK have no license file. They share the terms of the others.
    const like = packages.find((other) => other.license === license && other.text !== undefined);
    if (text === undefined && like === undefined)
      throw new Error(`${name} is bundled, and has no license file`);
    return `${name} ${version}\n\n${text ?? `License ${license}: its text is that of ${like.name}.`}\n`;
  });
}

/**
 * Writes entries and their parts into dist/.
 * @returns the source files that went in
 */
async function bundle(rolldown, prefix, names) {
  const entries = names.map((name) => join(root, 'src', `${name}.ts`));
  const build = await rolldown({
    input: Object.fromEntries(names.map((name, i) => [name, entries[i]])),
    platform: 'node',
    transform: { target: 'node20' },
  });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    // With a hash, a daemon whose files are replaced while it runs fails to load a part; it never
    // mixes two versions.
    chunkFileNames: `${prefix}-[name]-[hash].js`,
    // Parts import from the main part, not from the entry: a program awaits its own end at the top
    // level, so a part that imported from it would never load.
    codeSplitting: {
      groups: [{ name: 'main', tags: ['$initial'], test: (id) => !entries.includes(id) }],
    },
  });
  await build.close();
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}

// If the bundler has no binary for this processor, tsc's modules stay. They work, but start more
// slowly.
const bundler = await import('rolldown').catch((error) => {
  console.warn(`entropyd: the programs are not bundled: ${error.message}`);
});
if (bundler !== undefined) {
  for (const name of readdirSync(folder))
    if (Object.keys(bundles).some((prefix) => name.startsWith(`${prefix}-`)))
      rmSync(join(folder, name));
  const files = [];
  for (const [prefix, names] of Object.entries(bundles))
    files.push(...(await bundle(bundler.rolldown, prefix, names)));
  const packages = [...new Set(files.map(packageFolder))].filter((from) => from !== undefined);
  const texts = notices(packages.sort());
  writeFileSync(join(folder, 'third-party-licenses.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
}
