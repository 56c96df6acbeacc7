/**
 * The random API of HashiCorp Vault and OpenBao: path and members to a size, bytes to a body, failures
 * to errors. Pure.
 *
 * Sources of each text below: [D] Vault's API documentation, [S] the servers' source or responses
 * recorded from them, [G] a guess. If the two servers differ the text is Vault's.
 */
import { type FailureKind, failureKind, ServiceError } from '../../common/errors.js';
import { base64, type Encoding, lowerHex, writeAround } from '../random-text.js';

/** Bytes in one response, 1 to 131,072 [S]. Vault 2 gives more from `platform` [D]; this does not. */
export const maxBytes = 128 * 1024;
const minBytes = 1;

/** API documentation, /sys/tools and Transit: bytes, format. */
const defaultBytes = 32;
const defaultFormat = 'base64';

/** How bytes are written. */
export type Format = 'hex' | 'base64';

const encodings = { hex: lowerHex, base64 } as const satisfies Record<Format, Encoding>;

/** Both mounts have the same function [D]. Transit is at its default mount. */
const randomPath =
  /^\/v1\/(?:sys\/tools|transit)\/random(?:\/(?<first>[^/]+)(?:\/(?<second>.+))?)?$/;

/** The servers' mounts that have a path here. */
const mount = /^(?:sys|transit|auth\/token)(?:\/|$)/;

const sources: readonly string[] = ['platform', 'seal', 'all'];

/**
 * Decimal integers, one spelling each. The servers read more, and not all of it as it looks [S]: `010` is
 * ten in a path and eight in a body, where `0x10` is sixteen and `true` one. Refused, because a caller
 * notices an error, and not a key of eight bytes. With a sign it is a number out of range, rather than
 * not a number.
 */
const decimal = /^-?(?:0|[1-9]\d*)$/;

/** Members that only the path sets; a body's have no effect, and the response says so. */
const pathMembers: readonly string[] = ['source', 'urlbytes'];

/** Members that a body may have; others are ignored, and the response says so. */
const members: readonly string[] = ['bytes', 'format', ...pathMembers];

/** HTTP status and text of every error with a fixed text; the names are Vault's or ours. */
const errors = {
  'no token': [403, 'permission denied'], // [S]
  'invalid token': [403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'], // [S]
  'permission denied': [403, '1 error occurred:\n\t* permission denied\n\n'], // [S]
  'unsupported path': [404, '1 error occurred:\n\t* unsupported path\n\n'], // [S]
  'unsupported operation': [405, '1 error occurred:\n\t* unsupported operation\n\n'], // [S]
  'request body too large': [413, 'http: request body too large'], // [S]
  'rate limit quota exceeded': [429, 'rate limit quota exceeded'], // [S], there after the path
  'internal error': [500, 'internal error'], // [S]
  'Vault is sealed': [503, 'Vault is sealed'], // [D] status, [S] text
} as const satisfies Record<string, readonly [status: number, text: string]>;

const failures = {
  overload: 'rate limit quota exceeded',
  unavailable: 'Vault is sealed',
  tooLarge: 'request body too large',
  fault: 'internal error',
} as const satisfies Record<FailureKind, keyof typeof errors>;

/** [S] both servers say so if only the platform has entropy. */
const noSealWarning = 'no seal/entropy augmentation available, using platform entropy source';

/**
 * An error with a fixed text.
 * @param code its name
 * @returns a new error with the status and text that go with it
 */
export function vaultError(code: keyof typeof errors, options?: ErrorOptions): ServiceError {
  const [status, text] = errors[code];
  return new ServiceError(code, status, text, options);
}

/**
 * An error of status 400.
 * @param text what is wrong
 */
export function invalidRequest(text: string, options?: ErrorOptions): ServiceError {
  return new ServiceError('invalid request', 400, text, options);
}

/**
 * The error for a path that is not served. The servers tell a mount that they do not have from a path
 * that its mount does not have [S].
 * @param path below /v1/
 */
export function unsupportedPath(path: string): ServiceError {
  const error = vaultError('unsupported path');
  if (mount.test(path)) return error;
  const text = `no handler for route ${JSON.stringify(path)}. route entry not found.`;
  return new ServiceError(error.code, error.status, text);
}

/** What a path of this API asks for. */
export interface RandomPath {
  readonly source?: string;
  /** Not yet checked. */
  readonly bytes?: string;
}

/**
 * Reads a path. Source and bytes may both be left out; one that is alone is a source if it is the name
 * of one [S]. The servers overlook a lone count that ends in a slash or begins with a sign, and give 32
 * bytes [S]; here it is refused.
 * @param path as received, without the query; percent-encoding is not decoded
 * @returns undefined: the path is not of this API
 */
export function readPath(path: string): RandomPath | undefined {
  const match = randomPath.exec(path);
  if (match === null) return undefined;
  const { first, second } = match.groups ?? {};
  if (first === undefined) return {};
  if (second !== undefined) return { source: first, bytes: second };
  return sources.includes(first) ? { source: first } : { bytes: first };
}

/** A checked request. */
export interface RandomRequest {
  /** Bytes, 1 to 131,072. */
  readonly size: number;
  readonly format: Format;
  /** For the response. */
  readonly warnings: readonly string[];
}

/**
 * Checks a request in the servers' order: types, size, format, source. Bytes of the path take
 * precedence over those of the body; a source counts only in the path [S]. All sources give the same
 * bytes here, as on servers without entropy augmentation.
 * @param path of {@link readPath}
 * @param input the parsed body; undefined or null: there was none
 * @throws ServiceError `invalid request`
 */
export function decodeRequest(path: RandomPath, input: unknown): RandomRequest {
  const given = toMembers(input);
  const bodyBytes = given.bytes === undefined ? defaultBytes : toInteger(given.bytes);
  if (bodyBytes === undefined) throw fieldError('bytes', 'int');
  const format = toText(given.format === undefined ? defaultFormat : given.format);
  if (format === undefined) throw fieldError('format', 'string');
  const size = path.bytes === undefined ? bodyBytes : toInteger(path.bytes);
  if (size === undefined)
    throw invalidRequest(
      `error parsing url-set byte count: strconv.Atoi: parsing ${JSON.stringify(path.bytes)}: invalid syntax`,
    );
  if (size < minBytes) throw invalidRequest(`"bytes" cannot be less than ${minBytes}`);
  if (size > maxBytes) throw invalidRequest(`"bytes" should be less than ${maxBytes}`);
  if (!isFormat(format))
    throw invalidRequest(
      `unsupported encoding format ${JSON.stringify(format)}; must be "hex" or "base64"`,
    );
  const { source = 'platform' } = path;
  if (!sources.includes(source))
    throw invalidRequest(
      `unsupported entropy source ${JSON.stringify(source)}; must be "platform" or "seal", or "all"`,
    );
  return { size, format, warnings: warningsOf(source, given) };
}

/**
 * The body of a good response, in the envelope of every response of the servers.
 * @param bytes 1 to 131,072 random bytes; they stay the caller's
 * @param requestId the response's id
 * @returns JSON, as {@link writeAround} makes it; hexadecimal digits in lower case
 */
export function encodeResponse(
  bytes: Uint8Array,
  { format, warnings }: Pick<RandomRequest, 'format' | 'warnings'>,
  requestId: string,
): Buffer {
  const id = JSON.stringify(requestId);
  const told = warnings.length === 0 ? 'null' : JSON.stringify(warnings);
  return writeAround(
    `{"request_id":${id},"lease_id":"","renewable":false,"lease_duration":0,"data":{"random_bytes":"`,
    bytes,
    encodings[format],
    `"},"wrap_info":null,"warnings":${told},"auth":null}`,
  );
}

/**
 * A failure of the generator, the daemon or the client, in this API's terms.
 * @param error anything thrown; a ServiceError comes back as it is
 * @returns an error with the original as its cause; its text says nothing about the original
 */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return vaultError(failures[failureKind(error)], { cause: error });
}

/**
 * The body of an error.
 * @param error what {@link decodeRequest} or {@link toServiceError} gave
 * @returns the members, to be sent as JSON with `error.status`
 */
export function encodeError(error: ServiceError): { errors: string[] } {
  return { errors: [error.message] };
}

function toMembers(input: unknown): Record<string, unknown> {
  if (input === undefined || input === null) return {};
  if (typeof input === 'object' && !Array.isArray(input)) return input as Record<string, unknown>;
  throw invalidRequest('failed to parse JSON input');
}

/**
 * Accepts strings: the servers' own command sends nothing else. null, false and an empty one are zero [S],
 * hence out of range.
 */
function toInteger(value: unknown): number | undefined {
  if (value === null || value === false || value === '') return 0;
  if (typeof value === 'string' && decimal.test(value)) return Number(value);
  return Number.isInteger(value) ? (value as number) : undefined;
}

/** As the servers make a text of any value but lists and objects [S]; none of them names a format. */
function toText(value: unknown): string | undefined {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function isFormat(text: string): text is Format {
  return text === 'hex' || text === 'base64';
}

/** The beginning is the servers' [S], the end is ours. */
function fieldError(name: string, type: string): ServiceError {
  return invalidRequest(
    `Field validation failed: error converting input for field "${name}": want ${type}`,
  );
}

function warningsOf(source: string, given: Record<string, unknown>): string[] {
  const ignored = Object.keys(given).filter((name) => !members.includes(name));
  const replaced = pathMembers.filter((name) => Object.hasOwn(given, name) && given[name] !== null);
  return [
    ...(source === 'seal' ? [noSealWarning] : []),
    ...(ignored.length === 0
      ? []
      : [`Endpoint ignored these unrecognized parameters: [${ignored.sort().join(' ')}]`]), // [S]
    ...(replaced.length === 0
      ? []
      : [
          `Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [${replaced.join(' ')}]`, // [S]
        ]),
  ];
}
