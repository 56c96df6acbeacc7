/**
 * Passwords of one or more types of characters, each password with the same probability. The gateway, the
 * client library and entropyctl make theirs here.
 */
import { EntropyError } from '../../common/errors.js';

/** The types of characters; [D] the API reference of Secrets Manager lists the punctuation. */
export const characterTypes = {
  uppercase: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  lowercase: 'abcdefghijklmnopqrstuvwxyz',
  numbers: '0123456789',
  punctuation: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
} as const;

/** What a password consists of. */
export interface PasswordRules {
  /** Characters: 1 or more, and as many as there are required types. */
  readonly length: number;
  /** The types' characters, ASCII, each once and none of them empty. At most 95 in all, and at least one. */
  readonly types: readonly string[];
  /** How many of the types, the first ones, must each be in the password. */
  readonly required: number;
}

/** Values of a byte. */
const byteValues = 256;

/**
 * Requests for random bytes at most. Fewer than half of them end without a password, see
 * {@link bytesFor}: that all do has a probability below 2^-64, unless the bytes are not random.
 */
const maxRequests = 64;

/**
 * A random password: every password that has the required types has the same probability. Passwords are
 * drawn from all that the characters allow, and drawn again while a required type is missing. To put
 * one character of each required type at a random position first, and to fill up, is no substitute: the
 * probability of a password would be proportional to the product of the types' numbers of characters in it.
 *
 * A character is the upper byte of a random byte times their number; those lower bytes that would come
 * once too often are drawn again (Lemire, "Fast random integer generation in an interval", 2019).
 * How often anything is drawn again says nothing of the password that is returned.
 * @param random new arrays of random bytes, which are wiped here; at most 131,072 bytes each, and 64 of
 *   them
 * @returns ASCII, the caller's to wipe: its memory is its own and never moves
 * @throws EntropyError `ERR_ENTROPY` if the bytes are not random, and whatever `random` throws
 */
export async function drawPassword(
  rules: PasswordRules,
  random: (size: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const { length, types, required } = rules;
  const characters = Buffer.from(types.join(''), 'latin1');
  /** The bit of each character's type. */
  const bits = Uint8Array.from(types.flatMap((type, i) => Array(type.length).fill(1 << i)));
  const wanted = (1 << required) - 1;
  const tooOften = byteValues % characters.length;
  const size = bytesFor(rules);
  // An ArrayBuffer's memory is never on V8's heap.
  const password = new Uint8Array(new ArrayBuffer(length));
  let at = 0;
  let found = 0;
  let isDone = false;
  try {
    for (let request = 0; request < maxRequests; request++) {
      const bytes = await random(size);
      for (let i = 0; i < bytes.length && !isDone; i++) {
        const product = (bytes[i] as number) * characters.length;
        if (product % byteValues < tooOften) continue;
        const index = product >> 8;
        password[at++] = characters[index] as number;
        found |= bits[index] as number;
        if (at < length) continue;
        isDone = (found & wanted) === wanted;
        at = found = 0;
      }
      bytes.fill(0);
      if (isDone) return password;
    }
  } finally {
    if (!isDone) password.fill(0);
  }
  throw new EntropyError('ERR_ENTROPY', 'no password in 64 requests: the bytes are not random');
}

/**
 * Bytes of a request: as many as a password takes on average, and some for the deviation of characters
 * that are drawn again. Where nearly all passwords have all types, the deviation is 6 standard
 * deviations and more, and one request nearly always suffices. Where few have, a request is worth 1/p
 * passwords on average, and all of them miss a type with a probability of (1 - p)^(1/p) < 1/e.
 * @returns 17 to 12,000, for passwords of up to 4096 characters
 */
export function bytesFor(rules: PasswordRules): number {
  const count = rules.types.join('').length;
  const accepted = (byteValues - (byteValues % count)) / byteValues;
  const average = rules.length / accepted / shareWithAllTypes(rules);
  return Math.ceil(average + 6 * Math.sqrt(average)) + 16;
}

/** The share of passwords that have all required types, by inclusion and exclusion of the missing ones. */
function shareWithAllTypes({ length, types, required }: PasswordRules): number {
  const count = types.join('').length;
  let share = 0;
  for (let missing = 0; missing < 1 << required; missing++) {
    let sign = 1;
    let left = count;
    for (let i = 0; i < required; i++)
      if (missing & (1 << i)) {
        sign = -sign;
        left -= types[i]?.length ?? 0;
      }
    share += sign * (left / count) ** length;
  }
  return share;
}
