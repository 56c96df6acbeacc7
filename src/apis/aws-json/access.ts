/** Who may ask a service of AWS, and for what: Signature Version 4 and the texts of the services. */
import { ServiceError } from '../../common/errors.js';
import type { Access, ApiRequest, Credential } from '../api.js';
import { dummySecretKey } from '../signing/canonical-request.js';
import { readSigV4, type SigningKeys, verifySigV4 } from '../signing/sigv4.js';
import { commonError } from './errors.js';

/** What signature errors are made with. */
const signatureErrors = {
  missing: () => commonError('MissingAuthenticationTokenException'),
  mismatch: () => commonError('InvalidSignatureException'),
};

/** What signatures have to be like, and what they are verified with. */
export interface SignatureRules {
  /** In the scope: `kms`. */
  readonly service: string;
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
  { service, regions, mustSign, keys }: SignatureRules,
): Credential | undefined {
  const claim = readSigV4(request, signatureErrors, {
    service,
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
    throw commonError('UnrecognizedClientException');
  }
  verify(key.secretKey);
  if (!key.hasSession(claim.sessionToken)) throw commonError('UnrecognizedClientException');
  if (now >= key.expiresAt) throw commonError('ExpiredTokenException');
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

/** What is asked for, and how it is refused. */
export interface Action {
  /** As IAM names it: `kms:GenerateRandom`. */
  readonly name: string;
  /** Names in `allow` of which one suffices. */
  readonly grants: readonly string[];
  /** The service's own error. */
  throttled(): ServiceError;
}

/**
 * Checks that the caller may do this, now.
 * @param caller undefined: nobody known, who may do nothing
 * @throws ServiceError `AccessDeniedException`, and `action.throttled()`
 */
export async function authorize(
  caller: Credential | undefined,
  access: Access,
  action: Action,
): Promise<void> {
  if (caller === undefined || !action.grants.some((name) => caller.allow.has(name)))
    throw accessDenied(caller, action.name);
  if (!(await access.take(caller))) throw action.throttled();
}

/**
 * [S] AccessDeniedException: no policy allows the operation. Without an account there are no ARNs of
 * resources, so the resource is always `*`, as KMS has it for operations without a key.
 */
function accessDenied(caller: Credential | undefined, action: string): ServiceError {
  // There is no account here, but AWS's text names one.
  const arn = `arn:aws:iam::000000000000:user/${caller?.name ?? 'anonymous'}`;
  return new ServiceError(
    'AccessDeniedException',
    400,
    `User: ${arn} is not authorized to perform: ${action} on resource: * because no identity-based policy allows the ${action} action`,
  );
}
