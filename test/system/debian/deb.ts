/** The Debian package, for tests that install it. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('deb.sh', import.meta.url));
const tools = ['dpkg-buildpackage', 'dh_installsysusers', 'dh_python3', 'dh_apparmor'];

/** The programs of a list that are not installed. */
export function missing(programs: readonly string[]): string[] {
  return programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
}

/** Why no package can be built here; undefined if one can. */
export function cannotBuild(): string | undefined {
  const [name] = missing(tools);
  return name && `${name} is not installed`;
}

/** The packages that are built with another, and that one, by name. */
export function beside(deb: string): Record<string, string> {
  const files = readdirSync(dirname(deb)).filter((file) => file.endsWith('.deb'));
  return Object.fromEntries(
    files.map((file) => [file.split('_')[0] as string, join(dirname(deb), file)]),
  );
}

/**
 * The package of this tree. The first caller builds it, which takes a minute.
 * @returns its path
 */
export async function deb(): Promise<string> {
  const { stdout } = await promisify(execFile)(script);
  return stdout.trim();
}
