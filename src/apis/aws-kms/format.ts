/**
 * AWS KMS GenerateRandom (awsJson1_1): members to a size, bytes to a body, failures to errors. Pure.
 *
 * Sources of each text below: [S] recorded from the live service, [D] its documentation, [G] a guess:
 * correct it here once somebody has seen the real one.
 */
import { errorCode, type FailureKind, failureKind, ServiceError } from '../../common/errors.js';
import { base64, writeAround } from '../random-text.js';

/** Bytes in one response, 1 to 1024: API reference, GenerateRandom, NumberOfBytes. */
export const maxNumberOfBytes = 1024;
const minNumberOfBytes = 1;

/** The model's type Integer has 32 bits. */
const maxInteger = 2 ** 31 - 1;
const minInteger = -(2 ** 31);

/** Errors with a fixed text: HTTP status and text, '' if the service sends none. */
const errors = {
  SerializationException: [400, ''], // [S]
  UnknownOperationException: [400, ''], // [S]
  RequestEntityTooLargeException: [413, ''], // status [S], name [G]
  ThrottlingException: [
    400,
    'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.', // [D]
  ],
  // Both may be retried; 503 and 500 are the statuses of the SDK models, and the SDKs retry on them.
  DependencyTimeoutException: [
    503,
    'The system timed out while trying to fulfill the request. You can retry the request.', // [D]
  ],
  KMSInternalException: [
    500,
    'The request was rejected because an internal exception occurred. The request can be retried.', // [D]
  ],
  MissingAuthenticationTokenException: [400, 'Missing Authentication Token'], // [S]
  InvalidSignatureException: [
    400,
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.', // [S]
  ],
  UnrecognizedClientException: [400, 'The security token included in the request is invalid.'], // [S]
  ExpiredTokenException: [400, 'The security token included in the request is expired'], // [G]
  UnsupportedOperationException: [400, 'Recipient is not supported.'], // code [D], text [G]
  CustomKeyStoreNotFoundException: [400, 'Custom key stores are not supported.'], // code [D], text [G]
} as const satisfies Record<string, readonly [status: number, text: string]>;

const failures = {
  overload: 'ThrottlingException',
  unavailable: 'DependencyTimeoutException',
  tooLarge: 'RequestEntityTooLargeException',
  fault: 'KMSInternalException',
} as const satisfies Record<FailureKind, keyof typeof errors>;

/**
 * The text of DependencyTimeoutException if the endpoint behind the gateway fails: the SDKs retry as
 * with our own failures, and whoever reads the text can tell them apart. Ours.
 */
const upstreamText =
  'The KMS endpoint behind this gateway did not answer. You can retry the request.';

/** SerializationException for a member of the wrong type: [S] of another live service, [G] for KMS. */
const wrongTypeTexts = {
  string: 'STRING_VALUE can not be converted to an Integer',
  true: 'TRUE_VALUE can not be converted to an Integer',
  false: 'FALSE_VALUE can not be converted to an Integer',
  list: 'Start of list found where not expected',
  structure: 'Start of structure or map found where not expected.',
} as const;

/**
 * An error of the service with a fixed text.
 * @param code the error's type
 * @returns a new error with the status and text that go with it
 */
export function awsError(code: keyof typeof errors, options?: ErrorOptions): ServiceError {
  const [status, text] = errors[code];
  return new ServiceError(code, status, text, options);
}

/**
 * [S] AccessDeniedException: no policy allows the operation.
 * @param arn who asks
 * @param operation such as `GenerateRandom`
 */
export function accessDenied(arn: string, operation: string): ServiceError {
  return new ServiceError(
    'AccessDeniedException',
    400,
    `User: ${arn} is not authorized to perform: kms:${operation} because no identity-based policy allows the kms:${operation} action`,
  );
}

/**
 * The size that a GenerateRandom request asks for. Types are checked first, then unsupported members,
 * then values: whatever else is wrong, Recipient and CustomKeyStoreId never yield bytes. null equals
 * absent, unknown members are ignored, decimals are truncated (0.5 is 0, hence refused).
 * @param input the request's members, as JSON or a caller of the client library gives them
 * @returns the size in bytes, 1 to 1024
 * @throws ServiceError `SerializationException`, `UnsupportedOperationException`,
 *   `CustomKeyStoreNotFoundException`, `ValidationException`
 */
export function decodeRequest(input: unknown): { size: number } {
  const { NumberOfBytes, Recipient, CustomKeyStoreId } = toMembers(input);
  const size = NumberOfBytes == null ? undefined : toInteger(NumberOfBytes);
  if (Recipient != null) throw awsError('UnsupportedOperationException');
  if (CustomKeyStoreId != null) throw awsError('CustomKeyStoreNotFoundException');
  if (size === undefined) throw validationError('NumberOfBytes is required.');
  if (size < minNumberOfBytes)
    throw constraintError(size, `greater than or equal to ${minNumberOfBytes}`);
  if (size > maxNumberOfBytes)
    throw constraintError(size, `less than or equal to ${maxNumberOfBytes}`);
  return { size };
}

/**
 * The members of a request of any operation.
 * @param input the parsed body
 * @returns `input`
 * @throws ServiceError `SerializationException` unless it is an object
 */
export function toMembers(input: unknown): Record<string, unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw awsError('SerializationException');
  return input as Record<string, unknown>;
}

/**
 * Whether only the cloud's service can answer a GenerateRandom request: it wants bytes of a custom key
 * store, or bytes encrypted for an attested Recipient.
 * @param input the request's members; false for anything but an object
 */
export function needsKms(input: unknown): boolean {
  const { Recipient, CustomKeyStoreId } = Object(input);
  return Recipient != null || CustomKeyStoreId != null;
}

/**
 * The body of a good response.
 * @param bytes 1 to 1024 random bytes; they stay the caller's
 * @returns JSON, as {@link writeAround} makes it
 */
export function encodeResponse(bytes: Uint8Array): Buffer {
  return writeAround('{"Plaintext":"', bytes, base64, '"}');
}

/**
 * A failure of the generator, the daemon or the client, in this API's terms.
 * @param error anything thrown; a ServiceError comes back as it is
 * @returns an error with the original as its cause; its text says nothing about the original
 */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (errorCode(error) === 'ERR_UPSTREAM')
    return new ServiceError('DependencyTimeoutException', 503, upstreamText, { cause: error });
  return awsError(failures[failureKind(error)], { cause: error });
}

/**
 * The body of an error. `__type` is mandatory: boto reads the type from nowhere else.
 * @param error what {@link decodeRequest} or {@link toServiceError} gave
 * @returns the members, to be sent as JSON with `error.status`
 */
export function encodeError(error: ServiceError): Record<string, string> {
  if (error.message === '') return { __type: error.code };
  // [S] this type alone spells its member with a capital.
  const key = error.code === 'AccessDeniedException' ? 'Message' : 'message';
  return { __type: error.code, [key]: error.message };
}

/** Truncates and saturates, as Java's narrowing of a number to int does; never wraps around. */
function toInteger(value: unknown): number {
  // The SDK for JavaScript sends NaN as the string "NaN".
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new ServiceError('SerializationException', 400, wrongTypeTexts[jsonType(value)]);
  return Math.min(Math.max(Math.trunc(value), minInteger), maxInteger);
}

function jsonType(value: unknown): keyof typeof wrongTypeTexts {
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' ? 'structure' : 'string';
}

function constraintError(value: number, range: string): ServiceError {
  return validationError(
    `1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${range}`,
  );
}

function validationError(text: string): ServiceError {
  return new ServiceError('ValidationException', 400, text);
}

// Errors as the AWS SDK for JavaScript v3 throws them, for callers that are used to it.

/** The SDK's metadata of a call; without HTTP there is one attempt and no delay. */
export interface ResponseMetadata {
  /** As the service would have answered. */
  readonly httpStatusCode: number;
  /** A UUID of this call. */
  readonly requestId: string;
  readonly attempts: 1;
  readonly totalRetryDelay: 0;
}

/** The SDK's text if the service sends none. */
const noText = 'UnknownError';

/** Errors that the SDK retries: the first by its name, the others by their status. */
const retryable: ReadonlyMap<string, { readonly throttling?: true }> = new Map([
  ['ThrottlingException', { throttling: true }],
  ['DependencyTimeoutException', {}],
  ['KMSInternalException', {}],
]);

/**
 * A failure in the SDK's form. Both `name` and `code` are the error's type; by these names the SDK's
 * own `instanceof` takes it for its KMSServiceException and for its class of that type.
 */
export class KMSServiceException extends ServiceError {
  readonly $fault: 'client' | 'server';
  readonly $metadata: ResponseMetadata;
  /**
   * Whether a retry is worthwhile. The SDK's KMS client leaves it undefined and decides by the same
   * names and statuses; here the caller decides.
   */
  readonly $retryable: { readonly throttling?: true } | undefined;

  /**
   * @param error its code, status, text and cause are taken over
   * @param requestId of the call
   */
  constructor(error: ServiceError, requestId: string) {
    const { code, status, message, cause } = error;
    super(code, status, message === '' ? noText : message, cause === undefined ? {} : { cause });
    this.name = code;
    this.$fault = status >= 500 ? 'server' : 'client';
    this.$metadata = responseMetadata(status, requestId);
    this.$retryable = retryable.get(code);
  }
}

/** Metadata of a call without HTTP. */
export function responseMetadata(httpStatusCode: number, requestId: string): ResponseMetadata {
  return { httpStatusCode, requestId, attempts: 1, totalRetryDelay: 0 };
}
