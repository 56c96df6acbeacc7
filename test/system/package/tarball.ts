/** The package's tarball, for tests of what is installed. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Longest that a file may take whose tests need the tarball, and may have to make it. */
const fileMs = 600_000;

/** Why none can be made here, such as a compiler that is missing; undefined where one can. */
export function cannotPack(): string | undefined {
  const args = [path('../../../native/prebuilt/make.mjs'), 'possible'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

/**
 * The tarball that `npm pack` makes of this tree, made by the first who asks: that takes a minute, and
 * minutes on a busy machine, which the file's time is made longer for.
 * @returns its path
 */
export async function tarball(): Promise<string> {
  t.setTimeout(fileMs);
  const { stdout } = await promisify(execFile)(path('tarball.sh'));
  return stdout.trim();
}

/** Runs a file's tests with the tarball; where there can be none they are skipped, with CI=true they fail. */
export async function withTarball(tests: (tarball: string) => Promise<void>): Promise<void> {
  const reason = cannotPack();
  if (reason === undefined) await tests(await tarball());
  else if (process.env.CI === 'true') t.fail(reason);
  else t.plan(0, reason);
}
