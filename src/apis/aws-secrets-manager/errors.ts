/**
 * Errors of AWS Secrets Manager besides those that all services have: failures of the gateway in its terms,
 * and the SDK's class. Pure.
 *
 * Sources of each text below: [D] its model (2017-10-17) or documentation, [C] recorded from a sibling of it
 * (Systems Manager), [G] a guess: correct it here once somebody has seen the real one.
 */
import { type FailureKind, failureKind, ServiceError } from '../../common/errors.js';
import {
  AwsServiceException,
  commonError,
  type ErrorTable,
  encodeError as encode,
} from '../aws-json/errors.js';

/** Errors with a fixed text. */
const errors = {
  ThrottlingException: [400, 'Rate exceeded'], // [C]
  // 503 and 500 are retried by every SDK.
  ServiceUnavailable: [503, 'The request has failed due to a temporary failure of the server.'], // [D]
  InternalServiceError: [500, 'An error occurred on the server side.'], // [D]
} as const satisfies ErrorTable;

const failures = {
  overload: 'ThrottlingException',
  unavailable: 'ServiceUnavailable',
  fault: 'InternalServiceError',
} as const satisfies Record<Exclude<FailureKind, 'tooLarge'>, keyof typeof errors>;

/** An error of the service with a fixed text. */
export function secretsError(code: keyof typeof errors, options?: ErrorOptions): ServiceError {
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
  const kind = failureKind(error);
  if (kind === 'tooLarge') return commonError('RequestEntityTooLargeException', { cause: error });
  return secretsError(failures[kind], { cause: error });
}

/** The body of an error, as {@link encode} writes it. */
export function encodeError(error: ServiceError): Record<string, string> {
  return encode(error, capitalized);
}

/** Types that spell their member with a capital: [D] those of the model, and as KMS does the others. */
const capitalized: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'InternalServiceError',
  'InvalidParameterException',
  'SerializationException',
]);

/** A failure as the SDK throws it; the SDK's own `instanceof` knows the class by its name. */
export class SecretsManagerServiceException extends AwsServiceException {}
