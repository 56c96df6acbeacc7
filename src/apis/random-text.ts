/**
 * Random bytes as base64 or hexadecimal digits, written straight into a body. No string is made of
 * them on the way: V8's strings cannot be wiped, and outlive a response by minutes.
 */

/** How bytes are written as text; every character is ASCII. */
export interface Encoding {
  /** Characters of the text of `size` bytes. */
  length(size: number): number;
  /**
   * Writes the text of all bytes; `text` has half as many elements as that has characters, rounded up.
   * If the text has an odd length, the last element's second half is unused, and holds no trace of the bytes.
   */
  write(bytes: Uint8Array, text: Uint16Array): void;
}

/**
 * Every pair of an alphabet's characters, in memory's order: one store writes two characters, which
 * halves the time of a large answer.
 */
function pairsOf(alphabet: string): Uint16Array {
  const pairs = new Uint16Array(alphabet.length ** 2);
  const characters = new Uint8Array(pairs.buffer);
  for (let i = 0; i < pairs.length; i++) {
    characters[2 * i] = alphabet.charCodeAt(Math.floor(i / alphabet.length));
    characters[2 * i + 1] = alphabet.charCodeAt(i % alphabet.length);
  }
  return pairs;
}

const padding = 0x3d; // =

function base64With(lastTwo: string, isPadded: boolean): Encoding {
  const pairs = pairsOf(`ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${lastTwo}`);
  return {
    length: (size) => (isPadded ? Math.ceil(size / 3) * 4 : Math.ceil((size * 4) / 3)),
    write(bytes, text) {
      const whole = bytes.length - (bytes.length % 3);
      let at = 0;
      const put = (bits: number) => {
        text[at++] = pairs[bits >> 12] as number;
        text[at++] = pairs[bits & 0xfff] as number;
      };
      for (let i = 0; i < whole; i += 3)
        put(
          ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number),
        );
      if (whole === bytes.length) return;
      // Without padding this may go past the end, where a typed array takes nothing.
      put(((bytes[whole] as number) << 16) | ((bytes[whole + 1] ?? 0) << 8));
      if (!isPadded) return;
      const characters = new Uint8Array(text.buffer, text.byteOffset, text.byteLength);
      characters.fill(padding, characters.length - 3 + (bytes.length - whole));
    },
  };
}

/** RFC 4648 4, with padding. */
export const base64 = base64With('+/', true);

/** RFC 4648 5, without padding. */
export const base64url = base64With('-_', false);

function hexadecimal(digits: string): Encoding {
  const pairs = pairsOf(digits);
  return {
    length: (size) => size * 2,
    write(bytes, text) {
      for (let i = 0; i < bytes.length; i++) text[i] = pairs[bytes[i] as number] as number;
    },
  };
}

export const lowerHex = hexadecimal('0123456789abcdef');
export const upperHex = hexadecimal('0123456789ABCDEF');

/**
 * A text with random bytes in it.
 * @param before what comes before their text, such as the beginning of a JSON object
 * @param bytes they stay the caller's
 * @param after what follows
 * @returns a new buffer, UTF-8, the caller's. Its memory is its own and never moves: filled with zeros,
 *   nothing is left of the text
 */
export function writeAround(
  before: string,
  bytes: Uint8Array,
  encoding: Encoding,
  after: string,
): Buffer {
  const beforeSize = Buffer.byteLength(before);
  const size = encoding.length(bytes.length);
  // Elements of a Uint16Array are at even addresses.
  const skipped = beforeSize % 2;
  const start = skipped + beforeSize;
  // An ArrayBuffer is never on V8's heap. A small array would be: the collector moves it and leaves
  // copies behind.
  const end = start + size + Buffer.byteLength(after);
  const elements = Math.ceil(size / 2);
  const memory = new ArrayBuffer(Math.max(end, start + 2 * elements));
  encoding.write(bytes, new Uint16Array(memory, start, elements));
  const text = Buffer.from(memory, skipped, end - skipped);
  text.write(before, 0);
  text.write(after, beforeSize + size);
  return text;
}
