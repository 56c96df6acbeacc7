/**
 * Errors of AWS KMS besides those that all services have: what is said when, failures of the gateway in its
 * terms, and the SDK's class. Pure.
 *
 * Sources of each text below: [S] recorded from the live service, [C] recorded from a sibling of it behind
 * the same front end (Athena), [D] its documentation, [G] a guess: correct it here once somebody has
 * seen the real one.
 */
import { errorCode, type FailureKind, failureKind, ServiceError } from '../../common/errors.js';
import {
  AwsServiceException,
  commonError,
  type ErrorTable,
  encodeError as encode,
} from '../aws-json/errors.js';

/** Errors with a fixed text. */
const errors = {
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
  UnsupportedOperationException: [400, 'Recipient is not supported.'], // code [D], text [G]
  CustomKeyStoreNotFoundException: [400, ''], // [S]
} as const satisfies ErrorTable;

const failures = {
  overload: 'ThrottlingException',
  unavailable: 'DependencyTimeoutException',
  fault: 'KMSInternalException',
} as const satisfies Record<Exclude<FailureKind, 'tooLarge'>, keyof typeof errors>;

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
 * A failure of the generator, the daemon or the client, in this API's terms.
 * @param error anything thrown; a ServiceError comes back as it is
 * @returns an error with the original as its cause; its text says nothing about the original
 */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (errorCode(error) === 'ERR_UPSTREAM')
    return new ServiceError('DependencyTimeoutException', 503, upstreamText, { cause: error });
  const kind = failureKind(error);
  if (kind === 'tooLarge') return commonError('RequestEntityTooLargeException', { cause: error });
  return awsError(failures[kind], { cause: error });
}

/** The body of an error, as {@link encode} writes it. */
export function encodeError(error: ServiceError): Record<string, string> {
  return encode(error, capitalized);
}

/** Types that spell their member with a capital: [S] the first, [C] the second. */
const capitalized: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'SerializationException',
]);

/** A failure as the SDK throws it; the SDK's own `instanceof` knows the class by its name. */
export class KMSServiceException extends AwsServiceException {}
