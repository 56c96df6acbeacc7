/**
 * Errors that every service of AWS with the protocol awsJson1_1 has, and the form of all of them. Pure.
 *
 * Sources of each text below: [S] recorded from the live service (KMS), [G] a guess: correct it here once
 * somebody has seen the real one.
 */
import { ServiceError } from '../../common/errors.js';

/** Errors with a fixed text, by their code: HTTP status and text, '' if the service sends none. */
export type ErrorTable = Readonly<Record<string, readonly [status: number, text: string]>>;

const commonErrors = {
  SerializationException: [400, ''], // [S]
  UnknownOperationException: [400, ''], // [S]
  RequestEntityTooLargeException: [413, ''], // status [S], name [G]
  MissingAuthenticationTokenException: [400, 'Missing Authentication Token'], // [S]
  InvalidSignatureException: [
    400,
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.', // [S]
  ],
  UnrecognizedClientException: [400, 'The security token included in the request is invalid.'], // [S]
  ExpiredTokenException: [400, 'The security token included in the request is expired'], // [G]
} as const satisfies ErrorTable;

/**
 * An error that all services have.
 * @returns a new error with the status and text that go with the code
 */
export function commonError(code: keyof typeof commonErrors, options?: ErrorOptions): ServiceError {
  const [status, text] = commonErrors[code];
  return new ServiceError(code, status, text, options);
}

/**
 * The body of an error. `__type` is mandatory: boto reads the type from nowhere else.
 * @param capitalized codes whose text is in `Message`; others have it in `message`
 * @returns the members, to be sent as JSON with `error.status`
 */
export function encodeError(
  { code, message }: ServiceError,
  capitalized: ReadonlySet<string>,
): Record<string, string> {
  if (message === '') return { __type: code };
  return { __type: code, [capitalized.has(code) ? 'Message' : 'message']: message };
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

/** Metadata of a call without HTTP. */
export function responseMetadata(httpStatusCode: number, requestId: string): ResponseMetadata {
  return { httpStatusCode, requestId, attempts: 1, totalRetryDelay: 0 };
}

/** The SDK's text if the service sends none. */
const noText = 'UnknownError';

/**
 * A failure in the SDK's form. Both `name` and `code` are the error's type; by these names the SDK's
 * own `instanceof` takes it for its class of that type, and for its class of all the service's errors.
 */
export class AwsServiceException extends ServiceError {
  readonly $fault: 'client' | 'server';
  readonly $metadata: ResponseMetadata;
  /**
   * Whether a retry is worthwhile: if the caller is throttled, or the server at fault. The SDK's clients
   * leave it undefined and decide by the same names and statuses; here the caller decides.
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
    this.$retryable =
      code === 'ThrottlingException' ? { throttling: true } : status >= 500 ? {} : undefined;
  }
}
