/** Random bytes of any number, chunk after chunk, in a few buffers that are used again. */
import type { Client, RandomOptions } from '../client/client.js';

/** Asked for at a time: a multiple of 3 for base64, of 16 for UUIDs. */
export const chunkSize = 768 * 1024;

/** Requests under way while one chunk is written out. */
const requestsAhead = 3;

/**
 * Requests `size` bytes, some chunks ahead of the one that is used.
 * @returns chunks, each of which may be used until the next is asked for; all are wiped in the end
 */
export async function* requestChunks(
  client: Client,
  size: number,
  options: RandomOptions,
): AsyncGenerator<Uint8Array> {
  const buffers: Uint8Array[] = [];
  const free: Uint8Array[] = [];
  const underWay: { buffer: Uint8Array; filled: Promise<Uint8Array> }[] = [];
  const takeBuffer = () => {
    const buffer = free.pop() ?? new Uint8Array(Math.min(size, chunkSize));
    if (!buffers.includes(buffer)) buffers.push(buffer);
    return buffer;
  };
  try {
    for (let left = size; left > 0 || underWay.length > 0; ) {
      while (left > 0 && underWay.length < requestsAhead) {
        const buffer = takeBuffer();
        const filled = client.randomFill(buffer.subarray(0, Math.min(left, chunkSize)), options);
        // The loop sees a failure in its turn.
        filled.catch(() => {});
        underWay.push({ buffer, filled });
        left -= Math.min(left, chunkSize);
      }
      const { buffer, filled } = underWay.shift() as (typeof underWay)[number];
      yield await filled;
      free.push(buffer);
    }
  } finally {
    // What fails from now on is zero already.
    for (const buffer of buffers) buffer.fill(0);
  }
}
