/**
 * AWS KMS GenerateRandom (awsJson1_1): members to a size, bytes to a body. Pure.
 *
 * Limits and enumerations are those of the service's model.
 */
import {
  checkConstraints,
  constraintFault,
  rangeFault,
  toBlobSize,
  toMembers,
  toStructure,
  toText,
  toWhole,
  validationError,
} from '../aws-json/members.js';
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
  const size = toWhole(members.NumberOfBytes, 'an Integer');
  const keyStoreId = toText(members.CustomKeyStoreId);
  const recipient = toRecipient(members.Recipient);
  checkConstraints([
    rangeFault('numberOfBytes', size, 'value', size, [1, maxNumberOfBytes]),
    rangeFault('customKeyStoreId', keyStoreId, 'length', keyStoreId?.length, [
      1,
      maxKeyStoreIdLength,
    ]),
    ...(recipient === undefined ? [] : recipientFaults(recipient)),
  ]);
  if (recipient !== undefined) throw awsError('UnsupportedOperationException');
  if (keyStoreId !== undefined) throw awsError('CustomKeyStoreNotFoundException');
  if (size === undefined) throw validationError('NumberOfBytes is required.');
  return { size };
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

interface Recipient {
  readonly algorithm: string | undefined;
  /** Size of the attestation document, bytes. */
  readonly documentSize: number | undefined;
}

function toRecipient(value: unknown): Recipient | undefined {
  const members = toStructure(value);
  if (members === undefined) return undefined;
  return {
    algorithm: toText(members.KeyEncryptionAlgorithm),
    documentSize: toBlobSize(members.AttestationDocument),
  };
}

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
    rangeFault('recipient.attestationDocument', blob, 'length', documentSize, [1, maxDocumentSize]),
  ];
}
