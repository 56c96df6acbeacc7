/** Random requests, and changes to them, for the tests of both signature schemes. */
import fc from 'fast-check';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';

/** A request before it is signed. Texts are of characters; {@link wire} makes bytes of them. */
export interface UnsignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Lower-case names, each once; several values are sent as a field each. */
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
  readonly body: Buffer;
}

/** UTF-8 as node:http gives it: a character a byte. */
export function wire(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** A query as clients send it, percent-encoded. */
export function queryText(query: UnsignedRequest['query']): string {
  return query
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

/** Values by name; of one value, the value itself. */
export function byName(pairs: UnsignedRequest['query']): Record<string, string | string[]> {
  const gathered = new Map<string, string[]>();
  for (const [name, value] of pairs) gathered.set(name, [...(gathered.get(name) ?? []), value]);
  return Object.fromEntries(
    [...gathered].map(([name, [first = '', ...rest]]) => [
      name,
      rest.length ? [first, ...rest] : first,
    ]),
  );
}

/** A request with header fields set, or taken away where the value is undefined. */
export function withHeaders<R extends SignedRequest>(
  request: R,
  changes: Readonly<Record<string, string | undefined>>,
): R {
  const kept: string[] = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2)
    if (!(String(request.rawHeaders[at]).toLowerCase() in changes))
      kept.push(...request.rawHeaders.slice(at, at + 2));
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  );
  return { ...request, rawHeaders: [...kept, ...added] };
}

/** The same with one more field, behind the others. */
export function withField<R extends SignedRequest>(request: R, name: string, value: string): R {
  return { ...request, rawHeaders: [...request.rawHeaders, name, value] };
}

/** The value of a header field. */
export function headerOf(request: SignedRequest, name: string): string {
  const at = request.rawHeaders.findIndex(
    (text, index) => index % 2 === 0 && text.toLowerCase() === name,
  );
  return request.rawHeaders[at + 1] ?? '';
}

/** Objects take this name for their prototype, in the oracles as well; Maps and the product do not. */
const prototypeName = '__proto__';

/** Names of fields that mean something to a signer. */
const meaningful =
  /^(authorization|host|date|(x-amz|x-sdk)-(date|content-sha256)|x-amz-security-token|x-security-token|content-type|content-length)$/;

const token = (alphabet: string) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 8 });

/** RFC 9110 5.6.2, in lower case. */
export const tokenAlphabet = "abcxyz019-_.!#$%&'*+^`|~";
/** What every collation sorts as bytes. */
export const plainAlphabet = 'abcxyz019-';

/** Blanks in all places, commas, quotes, and characters whose last byte in UTF-8 is A0 or 85. */
const valueUnit = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...'ab0 \t,;:="%\\àÅé日本😀') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
);

/** A value of a header field, without the characters that HTTP forbids. */
export const headerValue = fc
  .string({ unit: valueUnit, maxLength: 24 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the point
  .map((text) => text.replace(/[\0-\x08\x0a-\x1f\x7f]/g, ''));

/** Without blanks at its ends: RFC 9110 5.5 leaves them to the transport. */
export const trimmedValue = headerValue.map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''));

/**
 * Header fields besides those that a signer sets.
 * @param alphabet of the names
 * @param values of one field
 */
export function headers(
  alphabet: string,
  values: fc.Arbitrary<readonly string[]>,
): fc.Arbitrary<UnsignedRequest['headers']> {
  const name = fc
    .tuple(fc.constantFrom('x-amz-', 'amz-sdk-', 'x-', ''), token(alphabet))
    .map(([prefix, rest]) => prefix + rest)
    .filter((text) => !meaningful.test(text) && text !== prototypeName);
  return fc.uniqueArray(fc.tuple(name, values), { selector: ([text]) => text, maxLength: 6 });
}

const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."ab01-._~!*'()/?&=+%#: é😀"), maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
);

/** Parameters; names come more than once, in any order. */
export const query: fc.Arbitrary<UnsignedRequest['query']> = fc.array(
  fc
    .tuple(fc.oneof(fc.constantFrom('a', 'a-', 'a.b', 'B', 'é'), anyText), anyText)
    .filter(([name]) => !/^x-amz-/i.test(name) && name !== prototypeName),
  { maxLength: 5 },
);

export const method = fc.constantFrom('POST', 'GET', 'PUT', 'DELETE', 'M-SEARCH');
export const body = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
export const host = fc.constantFrom('kms.eu-west-1.amazonaws.com', 'localhost:8478', '[::1]:1');
/** A whole second between 1971 and 2099. */
export const time = fc.integer({ min: 32e6, max: 4070e6 }).map((seconds) => seconds * 1000);
export const secretKey = fc.string({ unit: 'binary', minLength: 1, maxLength: 48 });

/** Where and what to change; see {@link changed}. */
export interface Change {
  readonly part: 'method' | 'path' | 'query' | 'header' | 'body';
  readonly which: number;
  readonly where: number;
}
export const change: fc.Arbitrary<Change> = fc.record({
  part: fc.constantFrom('method', 'path', 'query', 'header', 'body'),
  which: fc.nat(),
  where: fc.nat(),
});

/**
 * One byte of a request changed so that no canonical form hides it. A part that has nothing to change
 * gets one byte more.
 * @param signed names of the fields to choose from
 */
export function changed<R extends SignedRequest>(
  request: R,
  { part, which, where }: Change,
  signed: readonly string[],
): R {
  if (part === 'body') {
    const bytes = Buffer.from(request.body.length ? request.body : [0]);
    const at = where % bytes.length;
    bytes[at] = (bytes[at] as number) ^ 1;
    return { ...request, body: request.body.length ? bytes : Buffer.from([0]) };
  }
  if (part !== 'header') return { ...request, [part]: changedText(request[part], where) };
  const name = signed[which % signed.length];
  const rawHeaders = [...request.rawHeaders];
  const at = rawHeaders.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
  rawHeaders[at + 1] = changedText(rawHeaders[at + 1] as string, where);
  return { ...request, rawHeaders };
}

/** Never a blank for a blank, nor a letter for the same in another case (`%c3` is `%C3`). */
function changedText(text: string, where: number): string {
  const places = [...text].flatMap((character, at) => (/[ \t]/.test(character) ? [] : [at]));
  const at = places[where % places.length];
  if (at === undefined) return `${text}z`;
  return text.slice(0, at) + (/q/i.test(text[at] as string) ? 'z' : 'q') + text.slice(at + 1);
}
