/** The release of this tree, for tests of what it has. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cannotBuild, missing } from '../debian/deb.js';
import { cannotPack } from '../package/tarball.js';

const script = fileURLToPath(new URL('release.sh', import.meta.url));

/** Includes building it, and once more in a clone. */
export const releaseMs = 900_000;

/** Why no release can be made here; undefined if one can. */
export function cannotRelease(): string | undefined {
  const [name] = missing(['rpmbuild', 'aarch64-linux-gnu-g++', 'qemu-aarch64']);
  return name === undefined ? (cannotBuild() ?? cannotPack()) : `${name} is not installed`;
}

/**
 * The release of this tree. The first caller builds it, which takes minutes.
 * @returns its folder
 */
export async function release(): Promise<string> {
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
