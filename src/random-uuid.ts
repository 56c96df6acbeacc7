/** A random UUID, whose bytes are wiped. */
import type { Fill } from './client-options.js';
import { encodeUuid, uuidSize } from './formats/uuid.js';

/**
 * A UUID of version 4, lower case.
 * @throws whatever `fill` throws
 */
export async function randomUuid(fill: Fill): Promise<string> {
  const bytes = new Uint8Array(uuidSize);
  try {
    await fill(bytes);
    return encodeUuid(bytes);
  } finally {
    bytes.fill(0);
  }
}
