/** Raw samples of a device, file or FIFO as it gives them, for assessment. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { EntropyError } from './common/errors.js';

const timeoutMs = 30_000;
const pauseMs = 10;

/**
 * Reads without blocking, so that no thread is held by a device that has nothing.
 * @param size bytes, from 1 up
 * @returns a new array
 * @throws EntropyError `ERR_ENTROPY` where the device is not there, ends, or takes longer than 30 s
 */
export async function readDevice(path: string, size: number): Promise<Uint8Array> {
  const samples = new Uint8Array(size);
  const deadline = performance.now() + timeoutMs;
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    for (let at = 0; at < size; ) {
      const read = await file.read(samples, at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EAGAIN') throw error;
      });
      if (read?.bytesRead === 0) throw new Error(`ends after ${at} of ${size} bytes`);
      at += read?.bytesRead ?? 0;
      if (performance.now() > deadline) throw new Error(`gave ${at} of ${size} bytes in time`);
      if (read === undefined) await setTimeout(pauseMs);
    }
    return samples;
  } catch (cause) {
    samples.fill(0);
    const reason = (cause as Error).message;
    throw new EntropyError('ERR_ENTROPY', `no samples of ${path}: ${reason}`, { cause });
  }
}
