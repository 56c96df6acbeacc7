/** Authentication and authorization of AWS KMS requests: Signature Version 4 and its errors. */
import { accessDenied, awsError } from '../../formats/aws-kms.js';
import type { Access } from '../credentials/access.js';
import { type Credential, isSessionOf, nobodysSecretKey } from '../credentials/credentials.js';
import { allowsForwarding, type RandomOperation } from '../credentials/operations.js';
import type { GatewayRequest } from '../route.js';
import { readSigV4, type SigV4Claim, verifySigV4 } from '../signatures/sigv4.js';

/**
 * Who asks.
 * @returns the credential that signed the request; undefined where the gateway is open: then the
 *   signature is well-formed, and nobody is known
 * @throws ServiceError of {@link readSigV4} and {@link verifySigV4};
 *   `UnrecognizedClientException` for an unknown key and for another session token than the key's,
 *   `ExpiredTokenException`
 */
export function awsCaller(request: GatewayRequest, access: Access): Credential | undefined {
  const { credentials, derivedKeys, regions } = access;
  const claim = readSigV4(request, regions.length === 0 ? {} : { regions });
  if (credentials === undefined) return undefined;
  const key = credentials.key(claim.accessKey);
  const now = access.now();
  if (key === undefined) {
    verifyForNobody(request, claim, now, derivedKeys);
    throw awsError('UnrecognizedClientException');
  }
  verifySigV4(request, claim, key.secretKey, now, derivedKeys);
  if (!isSessionOf(key, claim.sessionToken)) throw awsError('UnrecognizedClientException');
  if (now >= key.expiresAt) throw awsError('ExpiredTokenException');
  return key;
}

/**
 * Whether the caller may have an operation that is served here, now.
 * @throws ServiceError `AccessDeniedException`, `ThrottlingException`
 */
export function authorizeAws(
  caller: Credential | undefined,
  operation: RandomOperation,
  access: Access,
): void {
  if (caller === undefined) return;
  if (!caller.allow.has(operation)) throw accessDenied(arnOf(caller), operation);
  if (!access.take(caller)) throw awsError('ThrottlingException');
}

/**
 * Whether the caller may have an operation of the upstream, now. It may come with the gateway's own
 * rights there, so that nobody unknown may.
 * @param operation such as `Decrypt`
 * @throws ServiceError `AccessDeniedException`, `ThrottlingException`
 */
export function authorizeForwarding(
  caller: Credential | undefined,
  operation: string,
  access: Access,
): void {
  if (caller === undefined || !allowsForwarding(caller.allow, operation))
    throw accessDenied(arnOf(caller), operation);
  if (!access.take(caller)) throw awsError('ThrottlingException');
}

/** Takes the time that a known key would: answers do not tell which keys there are sooner. */
function verifyForNobody(
  request: GatewayRequest,
  claim: SigV4Claim,
  now: number,
  derivedKeys: Access['derivedKeys'],
): void {
  try {
    verifySigV4(request, claim, nobodysSecretKey, now, derivedKeys);
  } catch {
    // Whatever it says, the key is unknown.
  }
}

/** There is no account here; the text of AWS names one. */
function arnOf(caller: Credential | undefined): string {
  return `arn:aws:iam::000000000000:user/${caller?.name ?? 'anonymous'}`;
}
