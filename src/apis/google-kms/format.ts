/**
 * What both transports of GenerateRandomBytes have in common: the fields of a request with their ranges,
 * and the checksum of a response. Pure.
 *
 * Source unless marked otherwise: Google's google/cloud/kms/v1/service.proto and resources.proto.
 */
import { invalidArgument } from './errors.js';

/** Bytes in one response. */
const minBytes = 8;
const maxBytes = 1024;

/** ProtectionLevel, by number. */
const protectionLevels = [
  'PROTECTION_LEVEL_UNSPECIFIED',
  'SOFTWARE',
  'HSM',
  'EXTERNAL',
  'EXTERNAL_VPC',
  'HSM_SINGLE_TENANT',
] as const;

/** The only one that the operation takes. */
const hsm = protectionLevels.indexOf('HSM');

/** Of identifiers in a location; the longest project id has 30 characters and a domain in front of it. */
const maxIdSize = 128;

/** Projects have an id, a number, or an id with a domain: `example.com:project`. */
const location = new RegExp(
  `^projects/(?<project>[\\w.:-]{1,${maxIdSize}})/locations/[\\w-]{1,${maxIdSize}}$`,
);

/** A request as it was read: every field has a value, which may be out of range. */
export interface RandomRequest {
  readonly location: string;
  /** An integer of 32 bits. */
  readonly lengthBytes: number;
  /** An integer of 32 bits. */
  readonly protectionLevel: number;
}

/** The numbers of protection levels, by name. */
export const levelNumbers: ReadonlyMap<string, number> = new Map(
  protectionLevels.map((name, number) => [name, number]),
);

/**
 * Which project a request is about.
 * @throws GoogleError if it does not name a location
 */
export function projectOf(request: RandomRequest): string {
  const { project } = location.exec(request.location)?.groups ?? {};
  if (project === undefined)
    throw invalidArgument('location must be projects/{project}/locations/{location}.', 'location');
  return project;
}

/**
 * How many bytes a request asks for.
 * @throws GoogleError if it asks for too few, too many, or for others than those of an HSM
 */
export function sizeOf({ lengthBytes, protectionLevel }: RandomRequest): number {
  if (lengthBytes < minBytes || lengthBytes > maxBytes)
    throw invalidArgument(
      `length_bytes must be ${minBytes} to ${maxBytes}, and is ${lengthBytes}.`,
      'length_bytes',
    );
  if (protectionLevel !== hsm)
    throw invalidArgument(
      `protection_level must be HSM, and is ${protectionLevels[protectionLevel] ?? protectionLevel}.`,
      'protection_level',
    );
  return lengthBytes;
}

/** RFC 3720 B.4: Castagnoli's polynomial, reflected. */
const polynomial = 0x82f63b78;

/** CRC-32C of each single byte. */
const byteChecksums = Uint32Array.from({ length: 256 }, (_, byte) => {
  let checksum = byte;
  for (let bit = 0; bit < 8; bit++)
    checksum = checksum & 1 ? (checksum >>> 1) ^ polynomial : checksum >>> 1;
  return checksum;
});

/**
 * CRC-32C, as RFC 3720 defines it. Whoever knows it knows 32 bits of the bytes: it belongs where the
 * bytes are, and not into a string.
 */
export function crc32c(bytes: Uint8Array): number {
  let checksum = 0xffff_ffff;
  for (const byte of bytes)
    checksum = (checksum >>> 8) ^ (byteChecksums[(checksum ^ byte) & 0xff] as number);
  return (checksum ^ 0xffff_ffff) >>> 0;
}
