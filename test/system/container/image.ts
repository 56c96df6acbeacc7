/** The image, for tests that run it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('image.sh', import.meta.url));

/**
 * The image of this tree's Debian package, as an archive. The first caller makes it, which takes two
 * minutes.
 * @returns its path
 */
export async function imageArchive(): Promise<string> {
  const { stdout } = await promisify(execFile)(script);
  return stdout.trim();
}
