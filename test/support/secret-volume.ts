/** A mounted Secret: a folder whose files a kubelet replaces all at once. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Puts files into a folder as a kubelet's atomic writer does, the first time or again: in a folder of their
 * own, behind the link `..data`, which is replaced by rename(2).
 * @param path made if it is not there
 * @param version of the data: 1, 2 and so on, with the same names
 */
export function writeSecret(
  path: string,
  version: number,
  data: Readonly<Record<string, string | Buffer>>,
): void {
  const former = join(path, `..${version - 1}`);
  mkdirSync(join(path, `..${version}`), { recursive: true });
  for (const [name, content] of Object.entries(data)) {
    writeFileSync(join(path, `..${version}`, name), content, { mode: 0o600 });
    if (version === 1) symlinkSync(join('..data', name), join(path, name));
  }
  symlinkSync(`..${version}`, join(path, '..data_tmp'));
  renameSync(join(path, '..data_tmp'), join(path, '..data'));
  rmSync(former, { recursive: true, force: true });
}
