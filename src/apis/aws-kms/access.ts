/** Who may ask AWS KMS, and for what: Signature Version 4 and the service's errors. */
import type { Access, ApiRequest, Credential } from '../api.js';
import { dummySecretKey } from '../signing/canonical-request.js';
import { readSigV4, type SigningKeys, verifySigV4 } from '../signing/sigv4.js';
import { accessDenied, awsError } from './errors.js';

/** The operation that is served here. */
export const generateRandom = 'GenerateRandom';

/** Grants every operation of the upstream. */
export const forwarding = 'upstream';

/** What signature errors are made with. */
const signatureErrors = {
  missing: () => awsError('MissingAuthenticationTokenException'),
  mismatch: () => awsError('InvalidSignatureException'),
};

/** What signatures have to be like, and what they are verified with. */
export interface SignatureRules {
  /** Scopes that a signature may have; none: any. */
  readonly regions: readonly string[];
  /** Header fields that must be signed if they are there, besides Host. */
  readonly mustSign: readonly string[];
  /** For the credentials in force. */
  readonly keys: SigningKeys;
}

/**
 * Who asks.
 * @returns the credential that signed the request; undefined if the gateway is open: then the
 *   signature is well-formed, and nobody is known
 * @throws ServiceError of {@link readSigV4} and {@link verifySigV4};
 *   `UnrecognizedClientException` for an unknown key and for a session token that is not the key's,
 *   `ExpiredTokenException`
 */
export function callerOf(
  request: ApiRequest,
  access: Access,
  { regions, mustSign, keys }: SignatureRules,
): Credential | undefined {
  const claim = readSigV4(request, signatureErrors, {
    mustSign,
    regions: regions.length === 0 ? undefined : regions,
  });
  if (!access.verifies) return undefined;
  const key = access.key(claim.accessKey);
  const now = access.now();
  const verify = (secretKey: string) =>
    verifySigV4(request, claim, { secretKey, now, keys, errors: signatureErrors });
  if (key === undefined) {
    spendSameTime(verify);
    throw awsError('UnrecognizedClientException');
  }
  verify(key.secretKey);
  if (!key.hasSession(claim.sessionToken)) throw awsError('UnrecognizedClientException');
  if (now >= key.expiresAt) throw awsError('ExpiredTokenException');
  return key;
}

/** Takes the time that a known key would, so that it does not tell which keys exist. */
function spendSameTime(verify: (secretKey: string) => void): void {
  try {
    verify(dummySecretKey);
  } catch {
    // Whatever it says, the key is unknown.
  }
}

/**
 * Checks that the caller may have GenerateRandom, now.
 * @param caller undefined: the gateway is open
 * @throws ServiceError `AccessDeniedException`, `ThrottlingException`
 */
export function authorize(caller: Credential | undefined, access: Access): void {
  if (caller === undefined) return;
  if (!caller.allow.has(generateRandom)) throw accessDenied(arnOf(caller), generateRandom);
  if (!access.take(caller)) throw awsError('ThrottlingException');
}

/**
 * Checks that the caller may have an operation of the upstream, now. The gateway's own rights there may
 * come with it, so an unknown caller never may.
 * @param operation such as `Decrypt`
 * @throws ServiceError `AccessDeniedException`, `ThrottlingException`
 */
export function authorizeForwarding(
  caller: Credential | undefined,
  operation: string,
  access: Access,
): void {
  if (
    caller === undefined ||
    !(caller.allow.has(forwarding) || caller.allow.has(`${forwarding}:${operation}`))
  )
    throw accessDenied(arnOf(caller), operation);
  if (!access.take(caller)) throw awsError('ThrottlingException');
}

/** There is no account here, but AWS's text names one. */
function arnOf(caller: Credential | undefined): string {
  return `arn:aws:iam::000000000000:user/${caller?.name ?? 'anonymous'}`;
}
