/** The release of this tree, for tests of what it has. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { cannotBuild, missing } from '../debian/deb.js';
import { cannotPack } from '../package/tarball.js';

const script = fileURLToPath(new URL('release.sh', import.meta.url));

/** Includes building it. */
const releaseMs = 1_800_000;

/** What builds a release, and what these tests use. */
const tools = [
  ...['rpmbuild', 'aarch64-linux-gnu-g++', 'qemu-aarch64', 'faketime', 'openssl', 'rpm', 'dnf'],
  ...['createrepo_c', 'debootstrap', 'readelf'],
];

/** Runs a file's tests with the release. If there can be none they are skipped; with CI=true they fail. */
export async function withRelease(
  tests: (folder: string) => Promise<void>,
  impossible: () => string | undefined = () => undefined,
): Promise<void> {
  t.setTimeout(releaseMs);
  const [name] = missing(tools);
  const absent = name && `${name} is not installed`;
  const reason = absent ?? cannotBuild() ?? cannotPack() ?? impossible();
  if (reason === undefined) await tests(await release());
  else if (process.env.CI === 'true') t.fail(`a release: ${reason}`);
  else t.plan(0, `no release: ${reason}`);
}

/**
 * The release of this tree. The first caller builds it, which takes minutes.
 * @returns its folder
 */
async function release(): Promise<string> {
  const { stdout } = await promisify(execFile)(script);
  return stdout.trim();
}

/** The only file of a folder whose name matches. */
export function fileOf(folder: string, pattern: RegExp): string {
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  if (names.length !== 1 || names[0] === undefined)
    throw new Error(`${names.length} files are like ${pattern}`);
  return join(folder, names[0]);
}

/** The lines of SHA256SUMS: digest by name. */
export function sumsOf(folder: string): Map<string, string> {
  const lines = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n');
  return new Map(lines.map((line) => line.split('  ').reverse() as [string, string]));
}

/** The regular files below a folder, by their paths in it. */
export function filesOf(folder: string): string[] {
  return ok('find', ['.', '-type', 'f', '-printf', '%P\\n'], { cwd: folder }).trim().split('\n');
}

export function isElf(path: string): boolean {
  return readFileSync(path).subarray(0, 4).equals(Buffer.from('\x7fELF'));
}

/** An image's `config`, and its `files`, laid out in a folder of the test. */
export function unpackImage(t: Test, folder: string, architecture: string) {
  const top = t.testdir({ archive: {}, files: {} });
  const [archive, files] = [join(top, 'archive'), join(top, 'files')];
  ok('tar', ['-xzf', join(folder, `entropyd-oci-${architecture}.tar.gz`), '-C', archive]);
  const json = (path: string) => JSON.parse(readFileSync(join(archive, path), 'utf8'));
  const blob = (digest: string) => join('blobs/sha256', digest.replace('sha256:', ''));
  const { config, layers } = json(blob(json('index.json').manifests[0].digest));
  for (const { digest } of layers) ok('tar', ['-xzf', join(archive, blob(digest)), '-C', files]);
  return { config: json(blob(config.digest)), files };
}

/** Runs a command that must succeed. @returns standard output */
export function ok(command: string, args: readonly string[], options: object = {}): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  return stdout;
}
