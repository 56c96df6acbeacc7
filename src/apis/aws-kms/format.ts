/**
 * AWS KMS GenerateRandom (awsJson1_1): members to a size, bytes to a body. Pure.
 *
 * Limits and enumerations are those of the service's model. Sources of each text below: [S] recorded from
 * the live service, [C] recorded from a sibling of it behind the same front end (Athena), [G] a guess:
 * correct it here once somebody has seen the real one.
 */
import { ServiceError } from '../../common/errors.js';
import { base64, writeAround } from '../random-text.js';
import { awsError } from './errors.js';

/** Bytes in one response. */
export const maxNumberOfBytes = 1024;

/** CustomKeyStoreId, characters. */
const maxKeyStoreIdLength = 64;

/** Recipient.AttestationDocument, bytes. */
const maxDocumentSize = 256 * 1024;

/** Recipient.KeyEncryptionAlgorithm. */
const recipientAlgorithms: readonly string[] = ['RSAES_OAEP_SHA_256'];

/** The model's type Integer has 32 bits. */
const maxInteger = 2 ** 31 - 1;
const minInteger = -(2 ** 31);

/**
 * The size that a GenerateRandom request asks for. The types of all members are checked first, then the
 * model's constraints, then what is not supported: whatever else is wrong, Recipient and CustomKeyStoreId
 * never yield bytes. null equals absent, unknown members are ignored, decimals are truncated (0.5 is 0,
 * hence refused).
 * @param input the request's members, as JSON or a caller of the client library gives them
 * @returns the size in bytes, 1 to 1024
 * @throws ServiceError `SerializationException`, `ValidationException`,
 *   `UnsupportedOperationException`, `CustomKeyStoreNotFoundException`
 */
export function decodeRequest(input: unknown): { size: number } {
  const members = toMembers(input);
  const size = toInteger(members.NumberOfBytes);
  const keyStoreId = toText(members.CustomKeyStoreId);
  const recipient = toRecipient(members.Recipient);
  const faults = [
    rangeFault('numberOfBytes', size, 'value', size, maxNumberOfBytes),
    rangeFault('customKeyStoreId', keyStoreId, 'length', keyStoreId?.length, maxKeyStoreIdLength),
    ...(recipient === undefined ? [] : recipientFaults(recipient)),
  ].filter((fault) => fault !== undefined);
  if (faults.length > 0) {
    const found = `${faults.length} validation error${faults.length === 1 ? '' : 's'} detected`;
    throw validationError(`${found}: ${faults.join('; ')}`);
  }
  if (recipient !== undefined) throw awsError('UnsupportedOperationException');
  if (keyStoreId !== undefined) throw awsError('CustomKeyStoreNotFoundException');
  if (size === undefined) throw validationError('NumberOfBytes is required.');
  return { size };
}

/**
 * The members of a request of any operation.
 * @param input the parsed body
 * @returns `input`
 * @throws ServiceError `SerializationException` unless it is an object
 */
export function toMembers(input: unknown): Record<string, unknown> {
  if (Array.isArray(input)) throw typeError(listText);
  if (typeof input !== 'object' || input === null) throw typeError('');
  return input as Record<string, unknown>;
}

/**
 * Whether only the cloud's service can answer a GenerateRandom request: it wants bytes of a custom key
 * store, or bytes encrypted for an attested Recipient.
 * @param input the request's members; false for anything but an object
 */
export function needsKms(input: unknown): boolean {
  const { Recipient, CustomKeyStoreId } = Object(input);
  return Recipient != null || CustomKeyStoreId != null;
}

/**
 * The body of a good response.
 * @param bytes 1 to 1024 random bytes; they stay the caller's
 * @returns JSON, as {@link writeAround} makes it
 */
export function encodeResponse(bytes: Uint8Array): Buffer {
  return writeAround('{"Plaintext":"', bytes, base64, '"}');
}

// Types. Each function gives undefined for null and for what is absent.

/** [C] Texts of a SerializationException. */
const listText = 'Start of list found where not expected';
const structureText = 'Start of structure or map found where not expected.';

/** Truncates and saturates, as Java's narrowing of a number to int does; never wraps around. */
function toInteger(value: unknown): number | undefined {
  if (value == null) return undefined;
  // The SDK for JavaScript sends NaN as the string "NaN".
  if (typeof value !== 'number' || Number.isNaN(value)) throw conversionError(value, 'an Integer');
  return Math.min(Math.max(Math.trunc(value), minInteger), maxInteger);
}

function toText(value: unknown): string | undefined {
  if (value == null) return undefined;
  if (typeof value !== 'string') throw conversionError(value, 'a String');
  return value;
}

interface Recipient {
  readonly algorithm: string | undefined;
  /** Size of the attestation document, bytes. */
  readonly documentSize: number | undefined;
}

function toRecipient(value: unknown): Recipient | undefined {
  if (value == null) return undefined;
  if (Array.isArray(value)) throw typeError(listText);
  if (typeof value !== 'object') throw typeError('Expected null'); // [C]
  const { KeyEncryptionAlgorithm, AttestationDocument } = value as Record<string, unknown>;
  return {
    algorithm: toText(KeyEncryptionAlgorithm),
    documentSize: toBlobSize(AttestationDocument),
  };
}

/** JSON has blobs in base64; a caller of the client library may give the bytes. */
function toBlobSize(value: unknown): number | undefined {
  if (value == null) return undefined;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'string') throw conversionError(value, 'a Blob'); // [G]
  const bytes = Buffer.from(value, 'base64');
  // The service's text repeats the value; this one does not.
  if (bytes.toString('base64') !== value) throw typeError('');
  return bytes.length;
}

/** [C] A value of another type than `wanted`. */
function conversionError(value: unknown, wanted: string): ServiceError {
  if (Array.isArray(value)) return typeError(listText);
  if (typeof value === 'object') return typeError(structureText);
  return typeError(`${jsonToken(value)} can not be converted to ${wanted}`);
}

function jsonToken(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  return typeof value === 'number' && !Number.isNaN(value) ? 'NUMBER_VALUE' : 'STRING_VALUE';
}

function typeError(text: string): ServiceError {
  return new ServiceError('SerializationException', 400, text);
}

// The model's constraints: [S] the texts of numbers, and the form of the others.

function recipientFaults({ algorithm, documentSize }: Recipient): (string | undefined)[] {
  const isKnown = algorithm === undefined || recipientAlgorithms.includes(algorithm);
  const blob = `java.nio.HeapByteBuffer[pos=0 lim=${documentSize} cap=${documentSize}]`;
  return [
    isKnown
      ? undefined
      : constraintFault(
          'recipient.keyEncryptionAlgorithm',
          algorithm,
          `satisfy enum value set: [${recipientAlgorithms.join(', ')}]`,
        ),
    rangeFault('recipient.attestationDocument', blob, 'length', documentSize, maxDocumentSize),
  ];
}

/** What is wrong unless `size` is 1 to `max`, or absent. */
function rangeFault(
  name: string,
  value: unknown,
  noun: 'value' | 'length',
  size: number | undefined,
  max: number,
): string | undefined {
  if (size === undefined || (size >= 1 && size <= max)) return undefined;
  const range = size < 1 ? 'greater than or equal to 1' : `less than or equal to ${max}`;
  return constraintFault(name, value, `have ${noun} ${range}`);
}

function constraintFault(name: string, value: unknown, constraint: string): string {
  return `Value '${value}' at '${name}' failed to satisfy constraint: Member must ${constraint}`;
}

function validationError(text: string): ServiceError {
  return new ServiceError('ValidationException', 400, text);
}
