/**
 * Bundles the programs and the library's entries with the packages that they import, from src/ into
 * dist/. Each becomes the entry itself, a part with what it starts with, and a part for each dynamic
 * import, which is loaded on demand. A program then starts with three files instead of forty, and an
 * installation fetches no package.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const folder = join(root, 'dist');
/** The package's exports. */
const library = ['index', 'aws-sdk', 'generator', 'testing'];

/**
 * Entries that are bundled together, by the prefix of their parts. If programs shared parts, they
 * would load more. The programs are modules, which may await at the top level. The library is
 * CommonJS, which every supported Node can import and require: one copy, whose errors are of one
 * class, whoever loads it.
 */
const bundles = {
  entropyd: { entries: ['entropyd'], format: 'esm', extension: 'js' },
  entropyctl: { entries: ['entropyctl'], format: 'esm', extension: 'js' },
  library: { entries: library, format: 'cjs', extension: 'cjs' },
};

/** The directory of the package that a bundled file comes from. */
function packageFolder(file) {
  return /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/** The comments that the bundled files of a package begin with, each of them once. */
function headings(from, files) {
  const found = files
    .filter((file) => file.startsWith(`${from}/`))
    .map((file) => /^(?:\/\/.*\n)+/.exec(readFileSync(file, 'utf8'))?.[0]);
  return [...new Set(found)].filter((text) => text !== undefined).join('\n');
}

/** The licenses of the bundled packages, which must be distributed with their code. */
function notices(folders, files) {
  const packages = folders.map((from) => {
    const { name, version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    const file = readdirSync(from).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? undefined : readFileSync(join(from, file), 'utf8').trim();
    return { from, name, version, license, text };
  });
  return packages.map(({ from, name, version, license, text }) => {
    if (text !== undefined) return `${name} ${version}\n\n${text}\n`;
    // Some packages of the AWS SDK have no license file. They share the terms of the others. Buf's has
    // two licenses: those of its files begin with theirs.
    const terms = license.replace(/[()]/g, '').split(' AND ');
    const like = packages.find(
      (other) => terms.includes(other.license) && other.text !== undefined,
    );
    const own = terms.length > 1 ? headings(from, files) : '';
    if (like === undefined || (terms.length > 1 && own === ''))
      throw new Error(`${name} is bundled, and has no license file`);
    const [first] = terms;
    return `${name} ${version}\n\nLicense ${first}: its text is that of ${like.name}.\n${own && `\n${own}`}`;
  });
}

/**
 * Writes entries and their parts into dist/.
 * @returns the source files that went in
 */
async function bundle(rolldown, prefix, { entries: names, format, extension }) {
  const entries = names.map((name) => join(root, 'src', `${name}.ts`));
  // Applications do not load what their tests do.
  const apart = [...entries, join(root, 'src/client/testing.ts')];
  const build = await rolldown({
    input: Object.fromEntries(names.map((name, i) => [name, entries[i]])),
    platform: 'node',
    transform: { target: 'node20' },
    // The output names each file, so it must not tell where a linked node_modules really is.
    resolve: { symlinks: false },
    // Merging small parts would put the bundler's helpers into a large one, which everything then loads.
    experimental: { chunkOptimization: false },
  });
  const { output } = await build.write({
    dir: folder,
    format,
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    // With a hash, a daemon whose files are replaced while it runs fails to load a part; it never
    // mixes two versions.
    chunkFileNames: `${prefix}-[name]-[hash].${extension}`,
    entryFileNames: `[name].${extension}`,
    // Parts import from the main part, not from the entry: a program awaits its own end at the top
    // level, so a part that imported from it would never load.
    codeSplitting: {
      groups: [{ name: 'main', tags: ['$initial'], test: (id) => !apart.includes(id) }],
    },
  });
  await build.close();
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}

/**
 * Writes the library's declarations: what tsc wrote, as TypeScript reads it beside CommonJS. A file
 * imports only files that are written too.
 */
function writeDeclarations() {
  const written = new Set();
  const write = (file) => {
    if (written.has(file)) return;
    written.add(file);
    const text = readFileSync(`${file}.d.ts`, 'utf8').replace(
      /((?:from |import\()'\.[^']*)\.js'/g,
      "$1.cjs'",
    );
    writeFileSync(`${file}.d.cts`, text);
    for (const [, to] of text.matchAll(/(?:from |import\()'(\.[^']*)\.cjs'/g))
      write(join(dirname(file), to));
  };
  for (const name of library) write(join(folder, name));
}

/** Writes the library's entries for `import`: the names of the CommonJS entries. */
function writeModules() {
  const require = createRequire(import.meta.url);
  for (const name of library) {
    const names = Object.keys(require(join(folder, `${name}.cjs`)));
    writeFileSync(
      join(folder, `${name}.js`),
      `import library from './${name}.cjs';\n\nexport const { ${names.join(', ')} } = library;\n`,
    );
    writeFileSync(join(folder, `${name}.d.ts`), `export * from './${name}.cjs';\n`);
  }
}

const { rolldown } = await import('rolldown').catch((error) => {
  throw new Error(`entropyd: the bundler has no binary for this processor: ${error.message}`);
});
for (const name of readdirSync(folder))
  if (Object.keys(bundles).some((prefix) => name.startsWith(`${prefix}-`)))
    rmSync(join(folder, name));
const files = [];
for (const [prefix, options] of Object.entries(bundles))
  files.push(...(await bundle(rolldown, prefix, options)));
writeDeclarations();
writeModules();
const packages = [...new Set(files.map(packageFolder))].filter((from) => from !== undefined);
const texts = notices(packages.sort(), files);
writeFileSync(join(folder, 'third-party-licenses.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
