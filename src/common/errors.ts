/** Every failure that a caller can meet, with a stable code. */

/** Codes on the socket; docs/protocol.md says when each is sent. */
export const socketErrorCodes = [
  'ERR_LENGTH',
  'ERR_PARAMS',
  'ERR_METHOD',
  'ERR_MESSAGE',
  'ERR_TOO_LARGE',
  'ERR_FORBIDDEN',
  'ERR_BUSY',
  'ERR_RATE',
  'ERR_NOT_SEEDED',
  'ERR_HEALTH',
  'ERR_ENTROPY',
  'ERR_INTERNAL',
] as const;

/** Codes on the socket, and those that a program or the client library raises itself. */
export type ErrorCode =
  | (typeof socketErrorCodes)[number]
  | 'ERR_CONNECT'
  | 'ERR_TIMEOUT'
  | 'ERR_CLOSED'
  | 'ERR_CONFIG'
  | 'ERR_LISTEN'
  | 'ERR_UPSTREAM';

/** A failure of the generator, the daemon, the client library or the configuration. */
export class EntropyError extends Error {
  override name = 'EntropyError';
  /** Stable: match on this, never on the message. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * A failure in the terms of one of the APIs: the error type (`ValidationException`) or
 * number (`KMS.1801`) is the code, with the HTTP status that goes with it.
 */
export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: string;
  /** HTTP status, 400 to 599. */
  readonly status: number;

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

/** The stable code of any thrown value; what is not ours is `ERR_INTERNAL`. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof EntropyError ? error.code : 'ERR_INTERNAL';
}

// What a failure is to the clients of any API, whatever that API then calls it.

/**
 * `overload`: too much at once; `unavailable`: no bytes now, but soon; `tooLarge`: the body is;
 * `fault`: the generator's error state, or a defect.
 */
export type FailureKind = 'overload' | 'unavailable' | 'tooLarge' | 'fault';

/**
 * The kind of a failure of the generator, the daemon or the client library.
 * @param error anything thrown; what is not ours is a `fault`
 */
export function failureKind(error: unknown): FailureKind {
  switch (errorCode(error)) {
    case 'ERR_RATE':
    case 'ERR_BUSY':
      return 'overload';
    case 'ERR_CONNECT':
    case 'ERR_CLOSED':
    case 'ERR_TIMEOUT':
    case 'ERR_NOT_SEEDED':
      return 'unavailable';
    case 'ERR_TOO_LARGE':
      return 'tooLarge';
    default:
      return 'fault';
  }
}
