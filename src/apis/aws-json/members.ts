/**
 * Members of a request in awsJson1_1: their types first, then the model's constraints, all at once. Pure.
 *
 * Sources of each text below: [S] recorded from the live service (KMS), [C] recorded from a sibling of it
 * behind the same front end (Athena), [G] a guess: correct it here once somebody has seen the real one.
 */
import { ServiceError } from '../../common/errors.js';

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

// Types. Each function gives undefined for null and for what is absent, and throws a ServiceError
// `SerializationException` for another type.

/** [C] Texts of a SerializationException. */
const listText = 'Start of list found where not expected';
const structureText = 'Start of structure or map found where not expected.';

/** A type of whole numbers, with the words of its conversion error: [C] the first, [G] the second. */
const wholeTypes = {
  'an Integer': [-(2 ** 31), 2 ** 31 - 1],
  // 64 bits; beyond these, JSON's numbers are not exact here, and no member's range comes near them.
  'a Long': [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
} as const;

/** Truncates and saturates, as Java's narrowing of a number does; never wraps around. */
export function toWhole(value: unknown, type: keyof typeof wholeTypes): number | undefined {
  if (value == null) return undefined;
  // The SDK for JavaScript sends NaN as the string "NaN".
  if (typeof value !== 'number' || Number.isNaN(value)) throw conversionError(value, type);
  const [min, max] = wholeTypes[type];
  return Math.min(Math.max(Math.trunc(value), min), max);
}

/** A string. */
export function toText(value: unknown): string | undefined {
  if (value == null) return undefined;
  if (typeof value !== 'string') throw conversionError(value, 'a String');
  return value;
}

/** A boolean; [G] its text. */
export function toBoolean(value: unknown): boolean | undefined {
  if (value == null) return undefined;
  if (typeof value !== 'boolean') throw conversionError(value, 'a Boolean');
  return value;
}

/** The size of a blob in bytes. JSON has it in base64; a caller of the client library may give the bytes. */
export function toBlobSize(value: unknown): number | undefined {
  if (value == null) return undefined;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'string') throw conversionError(value, 'a Blob'); // [G]
  const bytes = Buffer.from(value, 'base64');
  // The service's text repeats the value; this one does not.
  if (bytes.toString('base64') !== value) throw typeError('');
  return bytes.length;
}

/** A structure's members. */
export function toStructure(value: unknown): Record<string, unknown> | undefined {
  if (value == null) return undefined;
  if (Array.isArray(value)) throw typeError(listText);
  if (typeof value !== 'object') throw typeError('Expected null'); // [C]
  return value as Record<string, unknown>;
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

/**
 * Refuses a request that breaks constraints, and names them all.
 * @param faults what {@link rangeFault} and {@link constraintFault} gave; undefined: none
 * @throws ServiceError `ValidationException`
 */
export function checkConstraints(faults: readonly (string | undefined)[]): void {
  const found = faults.filter((fault) => fault !== undefined);
  if (found.length === 0) return;
  const count = `${found.length} validation error${found.length === 1 ? '' : 's'} detected`;
  throw validationError(`${count}: ${found.join('; ')}`);
}

/** What is wrong unless `size` is `min` to `max`, or absent. */
export function rangeFault(
  name: string,
  value: unknown,
  noun: 'value' | 'length',
  size: number | undefined,
  [min, max]: readonly [min: number, max: number],
): string | undefined {
  if (size === undefined || (size >= min && size <= max)) return undefined;
  const range = size < min ? `greater than or equal to ${min}` : `less than or equal to ${max}`;
  return constraintFault(name, value, `have ${noun} ${range}`);
}

/** A constraint that a member does not satisfy. */
export function constraintFault(name: string, value: unknown, constraint: string): string {
  return `Value '${value}' at '${name}' failed to satisfy constraint: Member must ${constraint}`;
}

/** What breaks the model's constraints. */
export function validationError(text: string): ServiceError {
  return new ServiceError('ValidationException', 400, text);
}
