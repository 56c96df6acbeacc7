/** The folder of a report: private, and complete or not there. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, isSystemError } from '../../common/program.js';
import { outputFailure } from '../output.js';
import type { DataFile } from './report.js';

/** Raw samples of a source in use are its owner's only. */
const folderMode = 0o700;
const fileMode = 0o600;

/**
 * Creates the folder, or takes an empty one.
 * @throws CommandError `ERR_REPORT` if it has files; a system error's code if it cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: folderMode });
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST') throw outputFailure(error, path);
    const names = await readdir(path).catch((cause: unknown) => {
      throw outputFailure(cause, path);
    });
    if (names.length > 0)
      throw new CommandError('ERR_REPORT', `${path} is not empty: name a new folder`);
  }
}

/** A file to write, and its bytes. */
export type Content = readonly [name: string, data: Uint8Array | string];

/**
 * Writes files into the folder, each synced. A file that cannot be written takes those before it with it.
 * @throws CommandError with a system error's code
 */
export async function writeFiles(path: string, files: readonly Content[]): Promise<void> {
  const written: string[] = [];
  try {
    for (const [name, data] of files) {
      const file = join(path, name);
      // Never a file, or a link, that somebody else has put there meanwhile.
      const handle = await open(file, 'wx', fileMode);
      written.push(file);
      try {
        await handle.writeFile(data);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true });
    throw outputFailure(error, path);
  }
}

/** A file's name, size and hash, as a report has them. */
export function describeFile(name: string, data: Uint8Array): DataFile {
  return { name, size: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

/** What `sha256sum -c` reads. */
export function hashLines(files: readonly DataFile[]): string {
  return files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
}
