/** Uniform integers from random bytes, by rejection sampling. */
import type { Fill } from './client-options.js';
import { EntropyError } from './common/errors.js';

/** Bytes of a candidate: the widest that a JavaScript number takes whole bytes of. */
const candidateSize = 6;

/** Candidates, all equally likely; the largest range too. */
const candidates = 2 ** (8 * candidateSize);

/**
 * An integer of `min` <= n < `max`, each with the same probability.
 * @param min a safe integer
 * @param max a safe integer above `min`, at most 2^48 above it
 * @param fill called once or, with a probability below a half each time, again
 * @throws EntropyError `ERR_PARAMS` without asking for bytes, and whatever `fill` throws
 */
export async function randomInt(min: number, max: number, fill: Fill): Promise<number> {
  for (const [name, value] of Object.entries({ min, max }))
    if (!Number.isSafeInteger(value))
      throw new EntropyError('ERR_PARAMS', `${name}: want a safe integer`);
  const range = max - min;
  if (range < 1 || range > candidates)
    throw new EntropyError('ERR_PARAMS', 'max: want an integer of min + 1 to min + 2^48');
  // Below the largest multiple of the range every remainder is as frequent as any other. The
  // candidates from there on, 2^48 mod range of them, would favour the small remainders and are
  // drawn again; as range <= 2^48 they are fewer than half of all.
  const accepted = candidates - (candidates % range);
  const bytes = new Uint8Array(candidateSize);
  try {
    for (;;) {
      await fill(bytes);
      const candidate = bytes.reduce((value, byte) => value * 256 + byte, 0);
      if (candidate < accepted) return min + (candidate % range);
    }
  } finally {
    bytes.fill(0);
  }
}
