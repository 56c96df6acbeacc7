/** A file that comes into being whole: written beside its place, synchronised, and renamed (rename(2)). */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, type Stats, unlinkSync } from 'node:fs';
import { type FileHandle, open, realpath, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Output } from './output.js';

const permissionBits = 0o777;

/** Of the file that was made here, and of nothing that has taken its place. */
const writeFlags = constants.O_WRONLY | constants.O_NOFOLLOW;

export interface AtomicFileOptions {
  /** Whatever the umask. */
  mode: number;
  /** The file there, if the new one is to take over its mode and, where that is allowed, its owner. */
  replaces?: Stats | undefined;
}

/**
 * Begins a file. Until `finish` nothing of it is at `path`; without it, also where a signal ends the
 * process by its 'exit' event, nothing is left. SIGKILL leaves `.entropyctl-*.tmp` in the folder.
 * @throws system errors
 */
export async function createAtomicFile(path: string, options: AtomicFileOptions): Promise<Output> {
  const { mode, replaces } = options;
  // A link stays, and what it points to is replaced.
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.entropyctl-${randomUUID()}.tmp`);
  let opened: FileHandle | undefined;
  let unfinished = true;
  const discard = () => {
    process.off('exit', discard);
    if (!unfinished) return;
    unfinished = false;
    try {
      unlinkSync(temporary);
    } catch {
      // Somebody else has.
    }
    void opened?.close().catch(() => {});
  };
  // At once: no signal's handler runs between the file and what removes it.
  closeSync(openSync(temporary, 'wx', mode));
  process.once('exit', discard);
  try {
    opened = await open(temporary, writeFlags);
    // Only root may give files away; for others it is their own as a rule.
    if (replaces !== undefined) await opened.chown(replaces.uid, replaces.gid).catch(() => {});
    await opened.chmod((replaces?.mode ?? mode) & permissionBits);
  } catch (error) {
    discard();
    throw error;
  }
  const file = opened;
  return {
    async write(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length; )
        at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
    },
    async finish() {
      await file.sync();
      await rename(temporary, target);
      unfinished = false;
      process.off('exit', discard);
      await file.close();
      await synchroniseFolder(dirname(target));
    },
    discard,
  };
}

/** So that the new name survives a power failure; not every file system has it. */
async function synchroniseFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
