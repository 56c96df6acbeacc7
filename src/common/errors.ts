/** Errors with stable codes, and what kind of failure a code stands for. */

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
  | 'ERR_UPSTREAM'
  | 'ERR_AUDIT';

/** A failure of the generator, the daemon, the client library or the configuration. */
export class EntropyError extends Error {
  override name = 'EntropyError';
  /** Stable: match on this, never on the message. */
  readonly code: ErrorCode;
  /** `ERR_CONFIG`: the key of the configuration file at fault, if it is one: `gateway.audit`. */
  readonly key: string | undefined;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { key?: string }) {
    super(message, options);
    this.code = code;
    this.key = options?.key;
  }
}

/**
 * A failure in the terms of one HTTP API. The code is the API's error type (`ValidationException`)
 * or error number (`KMS.1801`).
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

/** The code of an `EntropyError`; `ERR_INTERNAL` for any other thrown value. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof EntropyError ? error.code : 'ERR_INTERNAL';
}

/**
 * What a failure means to a client, whatever an API calls it. `overload`: too much at once;
 * `unavailable`: no bytes now, but soon; `tooLarge`: the body is too large; `fault`: the generator
 * is in its error state, or the program has a defect.
 */
export type FailureKind = 'overload' | 'unavailable' | 'tooLarge' | 'fault';

/**
 * Classifies a failure of the generator, the daemon or the client library.
 * @param error anything thrown; values other than `EntropyError` are a `fault`
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
    case 'ERR_AUDIT':
      return 'unavailable';
    case 'ERR_TOO_LARGE':
      return 'tooLarge';
    default:
      return 'fault';
  }
}
