/** What APIs share: failures in terms of every API, JSON in and out, words of a shell. */
import { EntropyError, errorCode, failureKind, ServiceError } from '../common/errors.js';
import type { ApiResponse, ErrorReason, Failure } from './api.js';

/** What an API tells a web page, in its own form. */
export const webPageText = 'Requests of web pages are refused.';

/** A failure as the error that an API's format.ts puts into its own words. */
export function thrownBy(failure: Failure): unknown {
  switch (failure.kind) {
    case 'thrown':
      return failure.error;
    case 'webPage':
      return new EntropyError('ERR_FORBIDDEN', webPageText);
    case 'tooLarge':
      return new EntropyError('ERR_TOO_LARGE', 'the body is too large');
    case 'busy':
      return new EntropyError('ERR_BUSY', 'too many requests at once');
    case 'unrecorded':
      return new EntropyError('ERR_AUDIT', 'the audit log cannot be written');
  }
}

/**
 * Why a request failed, before an API puts it into its own words.
 * @param reasons of the API's codes; a code that is not among them is a fault of the request
 */
export function errorReason(
  failure: Failure,
  reasons: ReadonlyMap<string, ErrorReason>,
): ErrorReason {
  if (failure.kind === 'webPage') return 'forbidden';
  const error = thrownBy(failure);
  if (error instanceof ServiceError) return reasons.get(error.code) ?? 'request';
  if (errorCode(error) === 'ERR_UPSTREAM') return 'upstream';
  const kind = failureKind(error);
  return kind === 'tooLarge' ? 'request' : kind;
}

/**
 * Reads a request's body.
 * @param body UTF-8; malformed sequences become U+FFFD, as in any string of the platform
 * @param refusal makes the API's own error if it is not JSON, with the parser's as its cause
 * @returns whatever JSON the body is
 */
export function parseJson(body: Buffer, refusal: (options: ErrorOptions) => Error): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw refusal({ cause });
  }
}

/**
 * A response in JSON.
 * @param content the members; or JSON that is already written, as it is when random bytes are in it
 * @param headers added to the content type, or in its place
 */
export function jsonResponse(
  status: number,
  content: object | Uint8Array,
  headers: Readonly<Record<string, string>>,
): ApiResponse {
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: content instanceof Uint8Array ? content : JSON.stringify(content),
  };
}

/**
 * The token of an Authorization field (RFC 6750 2.1).
 * @returns undefined: there is none, or the field is of another scheme
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

/** Quotes any text as one word of a POSIX shell (2.2.2). */
export function shellWord(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
