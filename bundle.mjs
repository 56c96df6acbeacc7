/**
 * Bundles each program with the packages that it loads, over what tsc has made of it in dist/: the
 * program, its main part, and a part for each dynamic import, loaded when it is needed. A program
 * then starts with three files instead of forty.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const folder = join(root, 'dist');
const programs = ['entropyd', 'entropyctl'];

/** The folder of the package that a bundled file is from. */
function packageFolder(file) {
  return /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/** A package's licence, which has to come with its code. */
function notice(from) {
  const { name, version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  const file = readdirSync(from).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} is bundled and has no licence file`);
  return `${name} ${version}\n\n${readFileSync(join(from, file), 'utf8').trim()}\n`;
}

/** Writes a program and its parts into dist/ itself: modules find the package from where they stand. */
async function bundle(rolldown, program) {
  const entry = join(root, 'src', `${program}.ts`);
  const build = await rolldown({
    input: { [program]: entry },
    platform: 'node',
    // For an upstream that is the real KMS, and larger than all the rest together.
    external: /^@(?:aws-sdk|smithy)\//,
    transform: { target: 'node20' },
  });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    // With a hash: a daemon whose files are replaced under it fails to load a part, and never mixes
    // two versions.
    chunkFileNames: `${program}-[name]-[hash].js`,
    // Parts import from the main part. From the program they could not: it awaits its own end.
    codeSplitting: {
      groups: [{ name: 'main', tags: ['$initial'], test: (id) => id !== entry }],
    },
  });
  await build.close();
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}

// Where the bundler has no binary, as on OpenBSD, tsc's programs stay: they only start more slowly.
const bundler = await import('rolldown').catch((error) => {
  console.warn(`entropyd: the programs are not bundled: ${error.message}`);
});
if (bundler !== undefined) {
  for (const name of readdirSync(folder))
    if (programs.some((program) => name.startsWith(`${program}-`))) rmSync(join(folder, name));
  const files = [];
  for (const program of programs) files.push(...(await bundle(bundler.rolldown, program)));
  const packages = [...new Set(files.map(packageFolder))].filter((from) => from !== undefined);
  const notices = packages.sort().map(notice);
  writeFileSync(join(folder, 'third-party-licenses.txt'), notices.join(`\n${'-'.repeat(80)}\n\n`));
}
