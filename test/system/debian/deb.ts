/** The Debian package, for tests of what is installed. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('deb.sh', import.meta.url));
const tools = ['dpkg-buildpackage', 'dh_installsysusers'];

/** Which of these programs are not installed. */
export function missing(programs: readonly string[]): string[] {
  return programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
}

/** Why none can be made here; undefined where one can. */
export function cannotBuild(): string | undefined {
  const [name] = missing(tools);
  return name && `${name} is not installed`;
}

/**
 * The package of this tree, made by the first who asks: that takes a minute.
 * @returns its path
 */
export async function deb(): Promise<string> {
  const { stdout } = await promisify(execFile)(script);
  return stdout.trim();
}
