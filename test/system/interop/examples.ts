/** The blocks of code of a page of docs/, to be run as their readers copy them. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { temporaryFolder } from '../../support/paths.js';
import type { Client } from './installed.js';
import type { RealPath } from './real-path.js';
import { type Outcome, run } from './run.js';

export interface Example {
  /** The nearest heading above it. */
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

/** All blocks of a page, in its order. */
export function examplesOf(page: string): Example[] {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
  let heading = '';
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$|^#+ (.+)$/gm)].flatMap(
    ([, language, code, title]) => {
      if (language !== undefined && code !== undefined) return [{ heading, language, code }];
      heading = title ?? '';
      return [];
    },
  );
}

/**
 * The code of a page's only block with this heading and language.
 * @param nth of several, from 0
 */
export function exampleOf(
  examples: readonly Example[],
  wanted: { heading?: string; language: string },
  nth = 0,
): string {
  const found = examples.filter(
    ({ heading, language }) =>
      language === wanted.language && heading === (wanted.heading ?? heading),
  )[nth];
  if (found === undefined) throw new Error(`no example ${JSON.stringify(wanted)}`);
  return found.code;
}

/** The code with the addresses of the test's gateway and daemon for the usual ones. */
export function here(
  code: string,
  {
    port,
    socketPath,
    gatewaySocketPath,
  }: Pick<RealPath, 'port' | 'socketPath'> & Partial<RealPath>,
): string {
  return code
    .replaceAll('127.0.0.1:8478', `127.0.0.1:${port}`)
    .replaceAll('port: 8478', `port: ${port}`)
    .replaceAll('/run/entropyd/entropyd.sock', socketPath)
    .replaceAll('/run/entropyd/gateway.sock', gatewaySocketPath ?? '/nonexistent');
}

/** The commands of a block for a shell, each as one line. */
export function commandsOf(code: string): string[] {
  return code
    .replaceAll(/\\\n */g, '')
    .trimEnd()
    .split('\n');
}

export const node: Client = { name: 'node', command: process.execPath };

/** Runs a module below a folder where `entropyd` is the package itself, and npm's packages are found. */
export function runModule(
  t: Test,
  command: string,
  code: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return run(command, [join(t.testdir({ 'example.mjs': code }), 'example.mjs')], variables);
}

/** npm takes half a minute where nothing is cached. */
const npmMs = 300_000;

/**
 * node with the packages of a folder, fetched in the versions of its package-lock.json.
 * @param folder beside this file
 */
export function nodeWith(folder: string): Client & { folder: string; run: typeof runModule } {
  const packages = temporaryFolder();
  for (const name of ['package.json', 'package-lock.json'])
    cpSync(new URL(`${folder}/${name}`, import.meta.url), join(packages, name));
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', args, { cwd: packages, timeout: npmMs });
  return {
    name: `the packages of test/system/interop/${folder}/package-lock.json`,
    command: status === 0 ? process.execPath : undefined,
    // Not every CI machine reaches the registry.
    optional: true,
    /** Where modules find the packages. */
    folder: packages,
    run(_t, command, code, variables = {}) {
      const module = join(packages, 'example.mjs');
      writeFileSync(module, code);
      return run(command, [module], variables);
    },
  };
}

/** Compiling an SDK takes half a minute where no build has been cached. */
const goBuildMs = 300_000;

/**
 * Go with the modules of a folder, fetched if the cache lacks them.
 * @param folder beside this file, with go.mod and go.sum
 */
export function goWith(folder: string): Client & { run: typeof runModule } {
  const modules = fileURLToPath(new URL(folder, import.meta.url));
  const fetched = spawnSync('go', ['mod', 'download'], { cwd: modules, timeout: goBuildMs });
  return {
    name: `go 1.25, and the modules of test/system/interop/${folder}/go.mod`,
    command: fetched.status === 0 ? 'go' : undefined,
    // Debian 12 has an older one.
    optional: true,
    /** Builds and runs a program of one file, with the versions and hashes of go.sum. */
    async run(t, command, code, variables = {}) {
      const text = (name: string) => readFileSync(join(modules, name), 'utf8');
      const dir = t.testdir({
        'main.go': code,
        'go.mod': text('go.mod'),
        'go.sum': text('go.sum'),
      });
      await promisify(execFile)(command, ['build', '-mod=readonly', '-o', 'example', '.'], {
        cwd: dir,
        timeout: goBuildMs,
      });
      return run(join(dir, 'example'), [], variables);
    },
  };
}
