/**
 * Errors of AWS KMS (awsJson1_1): what is said when, failures of the gateway in its terms, and the forms
 * that clients read. Pure.
 *
 * Sources of each text below: [S] recorded from the live service, [C] recorded from a sibling of it behind
 * the same front end (Kinesis, Athena), [D] its documentation, [G] a guess: correct it here once
 * somebody has seen the real one.
 */
import { errorCode, type FailureKind, failureKind, ServiceError } from '../../common/errors.js';

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
  CustomKeyStoreNotFoundException: [400, ''], // [S]
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
 * [S] AccessDeniedException: no policy allows the operation. Without an account there are no ARNs of keys,
 * so the resource is always `*`, as the service has it for operations without a key.
 * @param arn who asks
 * @param operation such as `GenerateRandom`
 */
export function accessDenied(arn: string, operation: string): ServiceError {
  return new ServiceError(
    'AccessDeniedException',
    400,
    `User: ${arn} is not authorized to perform: kms:${operation} on resource: * because no identity-based policy allows the kms:${operation} action`,
  );
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
 * @param error what {@link toServiceError} gave
 * @returns the members, to be sent as JSON with `error.status`
 */
export function encodeError({ code, message }: ServiceError): Record<string, string> {
  if (message === '') return { __type: code };
  return { __type: code, [capitalized.has(code) ? 'Message' : 'message']: message };
}

/** Types that spell their member with a capital: [S] the first, [C] the second. */
const capitalized: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'SerializationException',
]);

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
