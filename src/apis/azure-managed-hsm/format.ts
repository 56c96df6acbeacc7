/**
 * GetRandomBytes of Azure Key Vault Managed HSM: query and members to a size, bytes to a body, failures
 * to errors, a host to the challenge that its clients accept. Pure.
 *
 * Sources: [D] the service's documentation, [S] its published specification or the source of its
 * clients, [R] answers recorded from the service. What has no mark is ours.
 */
import { type FailureKind, failureKind, ServiceError } from '../../common/errors.js';
import { base64url, writeAround } from '../random-text.js';

/** Bytes in one response, 1 to 128 [D]. */
const maxBytes = 128;
const minBytes = 1;

/** HTTP status and text of every error with a fixed text. */
const errors = {
  Unauthorized: [401, 'AKV10000: Request is missing a Bearer or PoP token.'], // [R] of Key Vault
  Forbidden: [403, 'The caller is not allowed to get random bytes.'], // [R] status and code
  MethodNotAllowed: [405, 'Only POST gets random bytes.'],
  RequestEntityTooLarge: [413, 'The body is too large.'],
  UnsupportedMediaType: [415, 'The Content-Type must be application/json.'],
  Throttled: [429, 'Too many requests.'], // [D] status
  InternalError: [500, 'The generator failed.'],
  ServiceUnavailable: [503, 'Random bytes are not available at the moment.'],
} as const satisfies Record<string, readonly [status: number, text: string]>;

const failures = {
  overload: 'Throttled',
  unavailable: 'ServiceUnavailable',
  tooLarge: 'RequestEntityTooLarge',
  fault: 'InternalError',
} as const satisfies Record<FailureKind, keyof typeof errors>;

/**
 * An error with a fixed text.
 * @param code its name
 * @returns a new error with the status and text that go with it
 */
export function hsmError(code: keyof typeof errors, options?: ErrorOptions): ServiceError {
  const [status, text] = errors[code];
  return new ServiceError(code, status, text, options);
}

/** Unauthorized for a token that is unknown or has expired. */
export function tokenError(): ServiceError {
  return new ServiceError('Unauthorized', 401, 'The token is unknown or has expired.');
}

/**
 * An error of status 400; its code is [R].
 * @param text what is wrong
 */
export function badParameter(text: string, options?: ErrorOptions): ServiceError {
  return new ServiceError('BadParameter', 400, text, options);
}

/** A host that fits into a challenge as it is: nothing in it ends a quoted text. DNS names have 253 bytes. */
const plainHost = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** A name below a domain. Of an address every label is digits, and nothing is below it. */
const nameInDomain = /^[\w-]+\.(?<domain>[\w.-]*[a-z][\w.-]*(?::\d+)?)$/i;

/**
 * What asks a client for its token. Clients accept a resource only if they called a name below its host [S];
 * some compare with the port, others without [S], so that it has the port if the client sent one. Nobody
 * accepts one for an address or a single label: such clients have to be told not to verify.
 *
 * It never names the real service: no client gets a token for that by calling here. Clients want an
 * authorization URL with a path, whose first element they take for the tenant [S]; nothing is at this one.
 * @param authority the request's `Host`
 * @returns the value of WWW-Authenticate
 */
export function challengeFor(authority: string): string {
  const host = plainHost.test(authority) ? authority : 'localhost';
  const resource = nameInDomain.exec(host)?.groups?.domain ?? host;
  // Clients take it apart at commas, blanks or both [S]: both are needed.
  return `Bearer authorization="https://${host}/entropyd", resource="https://${resource}"`;
}

/**
 * Checks that there is an API version. Which one does not matter: request and response are the same in all
 * that have the operation, 7.3 and later [S].
 * @param query without the question mark; the client for JavaScript encodes the hyphen of the name [S]
 * @throws ServiceError `BadParameter`
 */
export function checkVersion(query: string): void {
  if (!new URLSearchParams(query).get('api-version'))
    throw badParameter('The query parameter api-version is missing.');
}

/**
 * The size that a request asks for. Unknown members are ignored.
 * @param input the parsed body
 * @returns bytes, 1 to 128
 * @throws ServiceError `BadParameter`
 */
export function decodeRequest(input: unknown): number {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw badParameter('The body must be a JSON object.');
  const { count } = input as Record<string, unknown>;
  if (count == null) throw badParameter('count is missing.');
  if (!Number.isInteger(count)) throw badParameter('count must be an integer.');
  const size = count as number;
  if (size < minBytes || size > maxBytes)
    throw badParameter(`count must be between ${minBytes} and ${maxBytes}.`);
  return size;
}

/**
 * The body of a good response.
 * @param bytes 1 to 128 random bytes; they stay the caller's
 * @returns JSON, as {@link writeAround} makes it: base64url without padding [S]
 */
export function encodeResponse(bytes: Uint8Array): Buffer {
  return writeAround('{"value":"', bytes, base64url, '"}');
}

/**
 * A failure of the generator, the daemon or the client, in this API's terms.
 * @param error anything thrown; a ServiceError comes back as it is
 * @returns an error with the original as its cause; its text says nothing about the original
 */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return hsmError(failures[failureKind(error)], { cause: error });
}

/**
 * The body of an error.
 * @param error what {@link decodeRequest} or {@link toServiceError} gave
 * @param requestId the response's id. Clients show the text and not the header, so the service has it in the
 *   text, too; the answer to a caller without a token has not [R]
 * @returns the members, to be sent as JSON with `error.status`
 */
export function encodeError({ code, status, message }: ServiceError, requestId: string): object {
  return {
    error: { code, message: status === 401 ? message : `${message} (Activity ID: ${requestId})` },
  };
}
