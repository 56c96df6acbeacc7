/** Reads a file that holds secrets, and only if nobody but its owner can reach it. */
import { constants, open } from 'node:fs/promises';
import { EntropyError } from '../errors.js';

/** Ours: some thousand credentials, or any certificate chain. */
export const maxFileBytes = 1024 * 1024;

/** Any permission of group or others. */
const foreignMode = 0o077;

/** Without waiting for a FIFO's writer. */
const readFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Whom a file must belong to. */
const self = (process.geteuid as () => number)();

/**
 * Reads a file.
 * @param path of a regular file
 * @param what it is, for messages, which never repeat its content
 * @param secret whether this process's user must own it and nobody else have any permission on it:
 *   asked of the open descriptor, so that what was checked is what is read
 * @returns its bytes, at most 1 MiB, owned by the caller, who overwrites them after use
 * @throws EntropyError `ERR_CONFIG`
 */
export async function readGivenFile(path: string, what: string, secret: boolean): Promise<Buffer> {
  const refusal = (reason: string, options?: ErrorOptions) =>
    new EntropyError('ERR_CONFIG', `${what} ${path}: ${reason}`, options);
  const failed = (cause: Error) => {
    throw refusal(cause.message, { cause });
  };
  const file = await open(path, readFlags).catch(failed);
  try {
    const stats = await file.stat();
    const { uid, mode, size } = stats;
    if (!stats.isFile()) throw refusal('want a regular file');
    if (secret && uid !== self)
      throw refusal(`it belongs to user ${uid}, and this process runs as user ${self}; chown it`);
    if (secret && (mode & foreignMode) !== 0)
      throw refusal(
        `mode ${(mode & 0o777).toString(8).padStart(4, '0')} lets other users reach it; chmod 600 it`,
      );
    if (size > maxFileBytes) throw refusal(`larger than ${maxFileBytes} bytes`);
    const buffer = Buffer.alloc(size + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0).catch(failed);
    if (bytesRead !== size) throw refusal('it changed while it was read; try again');
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
