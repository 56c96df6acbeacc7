/**
 * What the canonical requests of both signature schemes share: percent-encoding (RFC 3986 2.1), the
 * sorted query, header fields, hashing.
 *
 * Strings are those of node:http, a character a byte (latin1), and are hashed as those bytes. Its
 * parser lets no line break into any of them, so no value can pose as a further line.
 */
import crypto, { createHash, timingSafeEqual } from 'node:crypto';
import type { GatewayRequest } from '../api.js';

/** The parts of a request that a signature covers. */
export type SignedRequest = Pick<
  GatewayRequest,
  'method' | 'path' | 'query' | 'rawHeaders' | 'body'
>;

/** Header fields: lower-case name to values in the order received, without white space around them. */
export type HeaderFields = ReadonlyMap<string, readonly string[]>;

/** A parameter of the query, decoded. */
export type QueryParameter = readonly [name: string, value: string];

const hash = crypto.hash as typeof crypto.hash | undefined;

/** RFC 3986 2.3: all but the unreserved characters. */
const reserved = /[^A-Za-z0-9\-._~]/g;
const escaped = /%[0-9A-Fa-f]{2}/g;

/** Both schemes write signatures and hashes as 64 lower-case hexadecimal digits. */
const sha256Digits = /^[0-9a-f]{64}$/;

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
 * Reads a query. `+` stands for itself, as in RFC 3986; in forms of HTML it is a space.
 * @param query without its question mark
 * @returns the parameters in their order, `name` without `=` with the value ''
 */
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
export function canonicalQuery(parameters: readonly QueryParameter[]): string {
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

/**
 * Gathers header fields by name.
 * @param rawHeaders name, value, name, value
 */
export function headerFields(rawHeaders: readonly string[]): HeaderFields {
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

/**
 * The canonical request but for its last line, the payload's hash.
 * @param path and query in canonical form
 * @param headerLines `name:value\n` for each signed header
 */
export function canonicalRequest(
  method: string,
  path: string,
  query: string,
  headerLines: string,
  signedHeaders: string,
): string {
  return `${method}\n${path}\n${query}\n${headerLines}\n${signedHeaders}\n`;
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

/** By character code, which is by byte here. */
function compare(a: string, b: string): number {
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

// The Authorization header of both signature schemes: `SCHEME Name=value, Name=value`. Pure.

/** What the header says. */
export interface Authorization {
  readonly scheme: string;
  /** By name; of a repeated one the first. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The first part that is no `Name=value`. */
  readonly malformed: string | undefined;
  /** The first name that occurs twice. */
  readonly repeated: string | undefined;
}

/**
 * Reads the header. Parts are separated by commas, spaces or both, as the AWS services do it: hence a
 * value with a space in it is malformed.
 * @param header the whole value
 */
export function parseAuthorization(header: string): Authorization {
  const [scheme = '', ...parts] = header.split(/[, \t]+/);
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
  return { scheme, parameters, malformed, repeated };
}

// ISO 8601 basic format in UTC, `20150830T123600Z`: the time in both signature schemes. Pure.

const basicForm = /^\d{8}T\d{6}Z$/;

/**
 * Reads a time.
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
 * @param time milliseconds since the epoch, of a year from 0 to 9999; fractions of a second are cut off
 */
export function formatBasicTime(time: number): string {
  const text = new Date(time).toISOString(); // 2015-08-30T12:36:00.000Z
  return `${text.slice(0, 4)}${text.slice(5, 7)}${text.slice(8, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`;
}
