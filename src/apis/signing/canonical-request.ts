/**
 * Canonical requests, as both signature schemes sign them. Two doors: {@link parseRequest} takes a
 * request apart, {@link canonicalRequest} writes what is signed of it. The rest is what a scheme needs
 * in between: names, times, hashes, and a comparison in constant time.
 *
 * Strings are node:http's, one character a byte (latin1), and are hashed as those bytes. Its parser
 * lets no line break into any of them, so no value can pose as a further line.
 */
import crypto, { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiRequest } from '../api.js';

/** The parts of a request that a signature covers. */
export type SignedRequest = Pick<ApiRequest, 'method' | 'path' | 'query' | 'rawHeaders' | 'body'>;

/** Signatures of unknown access keys are verified with it: as much work as for known ones. */
export const dummySecretKey = randomBytes(30).toString('base64');

/** Header fields: lower-case name to values in the order received, without white space around them. */
export type HeaderFields = ReadonlyMap<string, readonly string[]>;

/** A parameter of the query, decoded. */
export type QueryParameter = readonly [name: string, value: string];

const hash = crypto.hash as typeof crypto.hash | undefined;

/** RFC 3986 2.3: all but the unreserved characters. */
const reserved = /[^A-Za-z0-9\-._~]/g;
const escaped = /%[0-9A-Fa-f]{2}/g;

/** ISO 8601 basic format. */
const basicForm = /^\d{8}T\d{6}Z$/;

/** Both schemes write signatures and hashes as 64 lower-case hexadecimal digits. */
const sha256Digits = /^[0-9a-f]{64}$/;

/** The Authorization header of both schemes: `SCHEME Name=value, Name=value`. */
export interface Authorization {
  /** The whole value. */
  readonly text: string;
  readonly scheme: string;
  /** By name; of a repeated one the first. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The first part that is not `Name=value`. */
  readonly malformed: string | undefined;
  /** The first name that occurs twice. */
  readonly repeated: string | undefined;
}

/** A request taken apart. */
export interface ParsedRequest {
  readonly method: string;
  /** As received. */
  readonly path: string;
  readonly fields: HeaderFields;
  /** In the order received. */
  readonly query: readonly QueryParameter[];
  /** The first one, if it is repeated; undefined: there is none. */
  readonly authorization: Authorization | undefined;
}

/** Takes a request apart; whatever it holds, it does not throw. */
export function parseRequest({ method, path, query, rawHeaders }: SignedRequest): ParsedRequest {
  const fields = headerFields(rawHeaders);
  const [authorization] = fields.get('authorization') ?? [];
  return {
    method,
    path,
    fields,
    query: parseQuery(query),
    authorization: authorization === undefined ? undefined : parseAuthorization(authorization),
  };
}

/** Where the canonical forms of the schemes differ. */
export interface CanonicalForm {
  /** In canonical form; default: as received. */
  readonly path?: string;
  /** What is signed of the query; default: all of it. */
  readonly query?: readonly QueryParameter[];
  /** Whether tabs and runs of blanks within a value become one space. */
  readonly foldBlanks?: boolean;
}

/**
 * Writes the canonical request, except its last line, the payload's hash.
 * @param names of the signed header fields, all of them present; several values are joined by commas
 */
export function canonicalRequest(
  parsed: ParsedRequest,
  names: readonly string[],
  { path = parsed.path, query = parsed.query, foldBlanks = false }: CanonicalForm,
): string {
  let lines = '';
  for (const name of names) lines += `${name}:${parsed.fields.get(name)?.join(',')}\n`;
  if (foldBlanks) lines = lines.replace(/[ \t]{2,}|\t/g, ' ');
  return `${parsed.method}\n${path}\n${canonicalQuery(query)}\n${lines}\n${names.join(';')}\n`;
}

/**
 * The names in a SignedHeaders list.
 * @param list `host;x-amz-date`
 * @returns undefined unless they are lower-case, sorted and unique
 */
export function signedNames(list: string): readonly string[] | undefined {
  if (list !== list.toLowerCase()) return undefined;
  const names = list.split(';');
  let last = '';
  for (const name of names) {
    if (name <= last) return undefined;
    last = name;
  }
  return names;
}

/** SHA-256 in lower-case hexadecimal digits. */
export function sha256(data: string | Uint8Array): string {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
  // One call takes a third of the time, and is there from Node 20.12 on.
  return hash === undefined
    ? createHash('sha256').update(bytes).digest('hex')
    : hash('sha256', bytes);
}

/**
 * Compares in constant time.
 * @param signature ours, 64 lower-case hexadecimal digits
 * @param other the client's: anything
 */
export function equalSignatures(signature: string, other: string): boolean {
  return (
    sha256Digits.test(other) &&
    timingSafeEqual(Buffer.from(signature, 'latin1'), Buffer.from(other, 'latin1'))
  );
}

/**
 * Reads a time of either scheme: ISO 8601 basic format in UTC, `20150830T123600Z`.
 * @param text anything
 * @returns milliseconds since the epoch, or undefined for another form or a day that does not exist
 */
export function parseBasicTime(text: string): number | undefined {
  if (!basicForm.test(text)) return undefined;
  const number = (start: number, end: number) => Number(text.slice(start, end));
  const [year, month, day] = [number(0, 4), number(4, 6), number(6, 8)];
  const [hour, minute, second] = [number(9, 11), number(11, 13), number(13, 15)];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC carries over what does not exist: February 30, 24:00, second 60.
  const exists =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return exists ? date.getTime() : undefined;
}

/**
 * Writes a time.
 * @param time milliseconds since the epoch, of a year from 0 to 9999; fractions of a second are dropped
 */
export function formatBasicTime(time: number): string {
  const text = new Date(time).toISOString(); // 2015-08-30T12:36:00.000Z
  return `${text.slice(0, 4)}${text.slice(5, 7)}${text.slice(8, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`;
}

/** Encodes every byte but the unreserved characters, `/` too, with upper-case digits. */
export function percentEncode(text: string): string {
  return text.replace(
    reserved,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Decodes to bytes, never to characters of UTF-8. A `%` without two digits stands for itself. */
export function percentDecode(text: string): string {
  return text.replace(escaped, (triplet) =>
    String.fromCharCode(Number.parseInt(triplet.slice(1), 16)),
  );
}

/**
 * Parts are separated by commas, spaces or both, as the AWS services do it: hence a value with a space
 * in it is malformed.
 */
function parseAuthorization(text: string): Authorization {
  const [scheme = '', ...parts] = text.split(/[, \t]+/);
  const parameters = new Map<string, string>();
  let malformed: string | undefined;
  let repeated: string | undefined;
  for (const part of parts) {
    if (part === '') continue; // after a comma at the end
    const equalAt = part.indexOf('=');
    const name = part.slice(0, Math.max(equalAt, 0));
    if (equalAt < 0) malformed ??= part;
    else if (parameters.has(name)) repeated ??= name;
    else parameters.set(name, part.slice(equalAt + 1));
  }
  return { text, scheme, parameters, malformed, repeated };
}

function headerFields(rawHeaders: readonly string[]): HeaderFields {
  const fields = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    const value = trimmed(rawHeaders[at + 1] as string);
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return fields;
}

/** `+` stands for itself, as in RFC 3986; HTML forms use it for a space. `name` alone has the value ''. */
export function parseQuery(query: string): QueryParameter[] {
  if (query === '') return [];
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equalAt = part.indexOf('=');
      if (equalAt < 0) return [percentDecode(part), ''];
      return [percentDecode(part.slice(0, equalAt)), percentDecode(part.slice(equalAt + 1))];
    });
}

/** Encodes the parameters, sorted by encoded name, then by encoded value. */
function canonicalQuery(parameters: readonly QueryParameter[]): string {
  if (parameters.length === 0) return '';
  // Pairs, not `name=value`, are compared: `-`, `.`, `%` and digits come before `=`.
  return parameters
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([name, value], [otherName, otherValue]) =>
      name === otherName ? compare(value, otherValue) : compare(name, otherName),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** By character code, which is by byte here. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * RFC 9110 5.5: spaces and tabs around a value are not part of it. Not String.trim: that takes the
 * byte A0 for a space, which UTF-8 has inside of characters. Not a RegExp: quadratic in inner spaces.
 */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
