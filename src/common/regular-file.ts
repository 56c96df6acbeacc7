/** Reads files that an operator names, which may be anything: what waits or never ends is refused. */
import type { Stats } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import { EntropyError } from './errors.js';

/** Some thousand credentials, or any certificate chain; a configuration is far smaller. */
export const maxFileBytes = 1024 * 1024;

/** Without waiting for the writer of a FIFO. */
const readFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Reads a regular file.
 * @param what it is, for messages, which never repeat its content
 * @param faultOf says why the file is not to be read; it sees the open descriptor, so that what was
 *   checked is what is read
 * @param key of the configuration, which has the path; for errors
 * @returns its bytes, at most 1 MiB, owned by the caller
 * @throws EntropyError `ERR_CONFIG`
 */
export async function readRegularFile(
  path: string,
  what: string,
  faultOf: (stats: Stats) => string | undefined = () => undefined,
  key?: string,
): Promise<Buffer> {
  const refusal = (reason: string, options?: ErrorOptions) =>
    new EntropyError('ERR_CONFIG', `${what} ${path}: ${reason}`, {
      ...options,
      ...(key === undefined ? {} : { key }),
    });
  const failed = (cause: Error) => {
    throw refusal(cause.message, { cause });
  };
  const file = await open(path, readFlags).catch(failed);
  try {
    const stats = await file.stat();
    const { size } = stats;
    if (!stats.isFile()) throw refusal('want a regular file');
    const fault = faultOf(stats);
    if (fault !== undefined) throw refusal(fault);
    if (size > maxFileBytes) throw refusal(`larger than ${maxFileBytes} bytes`);
    const buffer = Buffer.alloc(size + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0).catch(failed);
    if (bytesRead !== size) throw refusal('it changed while it was read; try again');
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
