/** The package's tarball, for tests that install it. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Longest that a test file may take that may have to make the tarball. */
const fileMs = 600_000;

/** Why no tarball can be made here, such as a missing compiler; undefined if one can. */
export function cannotPack(): string | undefined {
  const args = [path('../../../native/prebuilt/make.mjs'), 'possible'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

/**
 * The tarball that `npm pack` makes of this tree. The first caller makes it: that takes a minute, or
 * minutes on a busy machine, so the test file's timeout is extended.
 * @returns its path
 */
export async function tarball(): Promise<string> {
  t.setTimeout(fileMs);
  const { stdout } = await promisify(execFile)(path('tarball.sh'));
  return stdout.trim();
}

/** Runs a file's tests with the tarball. If there can be none they are skipped; with CI=true they fail. */
export async function withTarball(tests: (tarball: string) => Promise<void>): Promise<void> {
  const reason = cannotPack();
  if (reason === undefined) await tests(await tarball());
  else if (process.env.CI === 'true') t.fail(reason);
  else t.plan(0, reason);
}
