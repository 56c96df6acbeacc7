/** Errors as the AWS SDK for JavaScript v3 throws them, for callers that come from it. */
import { ServiceError } from '../common/errors.js';

/** What the SDK says of a call; there is one attempt, and no delay, without HTTP. */
export interface ResponseMetadata {
  /** As the service would have answered. */
  readonly httpStatusCode: number;
  /** A UUID of this call. */
  readonly requestId: string;
  readonly attempts: 1;
  readonly totalRetryDelay: 0;
}

/** The SDK's text where the service sends none. */
const noText = 'UnknownError';

/** What the SDK retries: the first by its name, the others by their status. */
const retryable: ReadonlyMap<string, { readonly throttling?: true }> = new Map([
  ['ThrottlingException', { throttling: true }],
  ['DependencyTimeoutException', {}],
  ['KMSInternalException', {}],
]);

/**
 * A failure in the SDK's form. `name` is the error's type, as is `code`; the SDK's own `instanceof`
 * takes it by its names for its KMSServiceException, and for its class of that type.
 */
export class KMSServiceException extends ServiceError {
  readonly $fault: 'client' | 'server';
  readonly $metadata: ResponseMetadata;
  /**
   * Whether to try again is worth it. The SDK's KMS client leaves it undefined and decides by the
   * same names and statuses; here the caller is the one who decides.
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

/** The metadata of a call without HTTP. */
export function responseMetadata(httpStatusCode: number, requestId: string): ResponseMetadata {
  return { httpStatusCode, requestId, attempts: 1, totalRetryDelay: 0 };
}
