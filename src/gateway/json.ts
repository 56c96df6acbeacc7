/** JSON in and out, for the routes of all APIs. */
import type { Answer } from './route.js';

/**
 * Reads a request's body.
 * @param body UTF-8; malformed sequences become U+FFFD, as in any string of the platform
 * @param refusal makes the API's own error for what is no JSON, from the parser's as its cause
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
 * An answer.
 * @param headers added to the content type, or in its place
 */
export function jsonAnswer(
  status: number,
  members: object,
  headers: Readonly<Record<string, string>>,
): Answer<string> {
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(members),
  };
}
