/** UUIDs of version 4, RFC 9562 section 5.4. Pure. */

/** Bytes of a UUID. */
export const uuidSize = 16;

/**
 * Writes random bytes as a UUID: 122 of their bits, version and variant in place of the others.
 * @param bytes 16 of them; left as they are
 * @returns 36 characters, lower case
 */
export function encodeUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, uuidSize).toString('hex');
  const variant = (((bytes[8] as number) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20)}`;
}
