/**
 * GenerateRandomBytes over REST: path, query and JSON to a request, bytes and errors to JSON.
 *
 * JSON is that of proto3 (https://protobuf.dev/programming-guides/json/). Sources of texts as in
 * errors.ts.
 */
import type { ApiRequest, ApiResponse, Head } from '../api.js';
import { base64, writeAround } from '../random-text.js';
import { jsonResponse, parseJson } from '../toolkit.js';
import { type Detail, GoogleError, invalidArgument, missingCredentials } from './errors.js';
import { crc32c, levelNumbers, type RandomRequest } from './format.js';

/** Where all that belongs to a project is, including what is not served here. */
export const restPrefix = '/v1/projects/';

const randomPath = /^\/v1\/(?<location>projects\/[^/]+\/locations\/[^/]+):generateRandomBytes$/;

/** The path that asks for bytes, for messages and examples. */
export function randomPathOf(project: string, location: string): string {
  return `${restPrefix}${project}/locations/${location}:generateRandomBytes`;
}

/**
 * Parameters that every method of Google's takes. Those of the first list choose the form of an answer; the
 * others change nothing here.
 */
const formParameters: readonly string[] = ['alt', '$alt'];
const ignoredParameters: readonly string[] = [
  ...['fields', '$fields', 'key', '$key', 'prettyPrint', '$prettyPrint', '$.xgafv', '$userProject'],
  ...['quotaUser', '$quotaUser', 'userIp', 'uploadType', 'upload_protocol'],
];

/** JSON; whether enums are numbers in it does not matter, as no answer has any. */
const forms: readonly string[] = ['json', 'json;enum-encoding=int'];

/** Members of a body, by both of their names. */
const fieldNames: ReadonlyMap<string, keyof RandomRequest> = new Map([
  ['location', 'location'],
  ['lengthBytes', 'lengthBytes'],
  ['length_bytes', 'lengthBytes'],
  ['protectionLevel', 'protectionLevel'],
  ['protection_level', 'protectionLevel'],
]);

/** RFC 8259 6: what a string must look like to be a number. */
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A name of a caller's in a message is cut to this many characters. */
const maxShown = 64;

/**
 * Refuses what asks for something else than random bytes. The service answers a wrong method as a wrong
 * path.
 * @throws GoogleError `NOT_FOUND`
 */
export function checkRoute({ method, path }: Head): void {
  if (method === 'POST' && randomPath.test(path)) return;
  const served = randomPathOf('{project}', '{location}');
  throw new GoogleError('NOT_FOUND', `Nothing is served here but POST ${served}.`);
}

/**
 * Reads a request.
 * @throws GoogleError `INVALID_ARGUMENT`
 */
export function decodeRequest({ path, query, body }: ApiRequest): RandomRequest {
  const { location = '' } = randomPath.exec(path)?.groups ?? {};
  checkQuery(query);
  // Without a body every field has its default.
  const input = body.length === 0 ? {} : parseJson(body, notJson);
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw invalidArgument('Invalid JSON payload received. Expected an object.');
  const fields: { -readonly [name in keyof RandomRequest]?: RandomRequest[name] } = {};
  for (const [name, value] of Object.entries(input)) {
    const field = fieldNames.get(name);
    if (field === undefined) throw unknownName(name, 'Cannot find field.');
    if (field in fields) throw invalidArgument(`Duplicate field ${name}.`, name);
    if (field === 'location') fields.location = toText(value);
    else fields[field] = field === 'lengthBytes' ? toInteger(value) : toLevel(value);
  }
  const { lengthBytes = 0, protectionLevel = 0 } = fields;
  // The path's counts.
  return { location: unescaped(location), lengthBytes, protectionLevel };
}

/** Clients escape the colon in the name of a project. */
function unescaped(location: string): string {
  try {
    return decodeURIComponent(location);
  } catch (cause) {
    throw invalidArgument('The path is not valid UTF-8.', 'location', { cause });
  }
}

function checkQuery(query: string): void {
  for (const [name, value] of new URLSearchParams(query)) {
    if (formParameters.includes(name)) {
      if (!forms.includes(value)) throw invalidArgument(`${name} must be json.`);
    } else if (!ignoredParameters.includes(name))
      throw unknownName(name, 'Cannot bind query parameter.');
  }
}

/** [C] The service continues with the place in the text. */
const notJson = (options: ErrorOptions) =>
  invalidArgument('Invalid JSON payload received. Unexpected token.', undefined, options);

/** [C] */
function unknownName(name: string, end: string): GoogleError {
  const shown = JSON.stringify(name.slice(0, maxShown));
  return invalidArgument(`Invalid JSON payload received. Unknown name ${shown}: ${end}`);
}

/** [C], but the value is left out. */
function invalidValue(field: string, type: string): GoogleError {
  return invalidArgument(`Invalid value at '${field}' (${type}).`, field);
}

function toText(value: unknown): string {
  if (typeof value === 'string' || value === null) return value ?? '';
  throw invalidValue('location', 'TYPE_STRING');
}

function toInteger(value: unknown): number {
  if (value === null) return 0;
  const integer = typeof value === 'string' && number.test(value) ? Number(value) : value;
  if (isInt32(integer)) return integer;
  throw invalidValue('length_bytes', 'TYPE_INT32');
}

function toLevel(value: unknown): number {
  if (value === null) return 0;
  const level = typeof value === 'string' ? levelNumbers.get(value) : value;
  if (isInt32(level)) return level;
  throw invalidValue('protection_level', 'type.googleapis.com/google.cloud.kms.v1.ProtectionLevel');
}

function isInt32(value: unknown): value is number {
  return typeof value === 'number' && value === (value | 0);
}

const digitZero = 0x30;

/**
 * The answer with bytes: data in base64, its checksum as a decimal string, as JSON has integers of 64 bits.
 * @param bytes they stay the caller's
 */
export function encodeResponse(bytes: Uint8Array, id: string): ApiResponse {
  let checksum = crc32c(bytes);
  let digits = 1;
  for (let rest = checksum; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  const after = `","dataCrc32c":"${'0'.repeat(digits)}"}`;
  const body = writeAround('{"data":"', bytes, base64, after);
  // Digit by digit: a string with them could not be wiped.
  for (let at = body.length - '"}'.length - 1; checksum > 0; at--) {
    body[at] = digitZero + (checksum % 10);
    checksum = Math.floor(checksum / 10);
  }
  return respond(200, body, id);
}

/** [R] for a wrong proof; RFC 6750 3.1: to a caller without any, nothing is said about it. */
const challenge = 'Bearer realm="https://accounts.google.com/"';
const wrongProof = `${challenge}, error="invalid_token"`;

/** The answer with an error. */
export function encodeError(error: GoogleError, id: string): ApiResponse {
  const { status: httpStatus, message, code, details } = error;
  const response = respond(
    httpStatus,
    {
      error: {
        code: httpStatus,
        message,
        status: code,
        ...(details.length === 0 ? {} : { details: details.map(jsonDetail) }),
      },
    },
    id,
  );
  if (code !== 'UNAUTHENTICATED') return response;
  const isMissing = details.some((each) => 'reason' in each && each.reason === missingCredentials);
  const authenticate = isMissing ? challenge : wrongProof;
  return { ...response, headers: { ...response.headers, 'WWW-Authenticate': authenticate } };
}

function respond(status: number, content: object | Uint8Array, id: string): ApiResponse {
  const headers = { 'Content-Type': 'application/json; charset=UTF-8', 'x-request-id': id };
  return jsonResponse(status, content, headers);
}

function jsonDetail(detail: Detail): object {
  return 'reason' in detail
    ? { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', ...detail }
    : { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [detail] };
}
