/** Where commands put what may be long: standard output, a device, or a file as a whole. */
import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createAtomicFile } from './atomic-file.js';
import type { Output } from './output.js';
import { openFifo, StreamOutput } from './stream-output.js';

export interface OutputOptions {
  /** Of a new file, whatever the umask. */
  mode: number;
  /** Whether an old file's mode and owner are taken over. */
  keepsMode: boolean;
}

const ownersAlone: OutputOptions = { mode: 0o600, keepsMode: true };

/** These are descriptors of this process, and no files to replace. */
const descriptors = /^\/(?:dev\/(?:stdout|stderr|fd\/\d+)|proc\/(?:self|\d+)\/fd\/\d+)$/;

/**
 * Opens an output.
 * @param path a file, which is replaced when all is written; a device, a FIFO or a descriptor below
 *   /dev, which is written straight; undefined for standard output
 * @throws system errors
 */
export async function openOutput(
  path: string | undefined,
  { mode, keepsMode }: OutputOptions = ownersAlone,
): Promise<Output> {
  if (path === undefined || path === '/dev/stdout') return new StreamOutput(process.stdout);
  const there = await statOf(path);
  if (there?.isFIFO()) return new StreamOutput(await openFifo(path));
  // A folder fails here, and the message says so.
  if (descriptors.test(path) || (there !== undefined && !there.isFile())) {
    const file = await open(path, constants.O_WRONLY | constants.O_TRUNC);
    return new StreamOutput(file.createWriteStream());
  }
  return createAtomicFile(path, { mode, replaces: keepsMode ? there : undefined });
}

function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
