/** Why requests fail, in few words that hold for every API: the metrics' view of an error. */
import { errorCode, failureKind, ServiceError } from '../common/errors.js';

/**
 * `authentication`: no proof of who asks, or a wrong one; `forbidden`: known, and not allowed, and all
 * web pages; `throttled`: more than the credential's rate; `request`: the request itself is at fault;
 * `overload`: too much at once for gateway or daemon; `unavailable`: the daemon is away or not yet
 * seeded; `upstream`: no answer from there; `fault`: the generator's error state, or a defect.
 */
export const errorReasons = [
  'authentication',
  'forbidden',
  'throttled',
  'request',
  'overload',
  'unavailable',
  'upstream',
  'fault',
] as const;

export type ErrorReason = (typeof errorReasons)[number];

/** The codes of all APIs that are no fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['MissingAuthenticationTokenException', 'authentication'],
  ['IncompleteSignatureException', 'authentication'],
  ['InvalidSignatureException', 'authentication'],
  ['UnrecognizedClientException', 'authentication'],
  ['ExpiredTokenException', 'authentication'],
  ['AccessDeniedException', 'forbidden'],
  ['ThrottlingException', 'throttled'],
  ['APIGW.0301', 'authentication'],
  ['KMS.0301', 'authentication'],
  ['KMS.0302', 'authentication'],
  ['KMS.0303', 'authentication'],
  ['KMS.0321', 'forbidden'],
  ['KMS.0326', 'forbidden'],
  ['KMS.0330', 'forbidden'],
  ['APIGW.0308', 'throttled'],
  ['no token', 'authentication'],
  ['invalid token', 'authentication'],
  ['permission denied', 'forbidden'],
  ['rate limit quota exceeded', 'throttled'],
]);

/**
 * The reason of a failure, before a route puts it into its API's words.
 * @param error anything thrown; what is not ours is a `fault`
 */
export function errorReason(error: unknown): ErrorReason {
  if (error instanceof ServiceError) return reasons.get(error.code) ?? 'request';
  if (errorCode(error) === 'ERR_UPSTREAM') return 'upstream';
  const kind = failureKind(error);
  return kind === 'tooLarge' ? 'request' : kind;
}
