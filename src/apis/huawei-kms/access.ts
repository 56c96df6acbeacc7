/**
 * Who may ask, and for what: SDK-HMAC-SHA256 or X-Auth-Token, both verified by the clouds' API gateway, with its
 * flat 401 (API Request Signing Guide and API Gateway's guide, errors of IAM authentication).
 */
import type { Access, ApiRequest, Credential } from '../api.js';
import { dummySecretKey } from '../signing/canonical-request.js';
import { readSdkHmac, verifySdkHmac } from '../signing/sdk-hmac.js';
import {
  authenticationError,
  expiredError,
  genRandomError,
  throttledError,
  unknownKeyError,
} from './format.js';

/** The operation that is served here, as `allow` and the audit log name it. */
export const genRandom = 'gen-random';

/** Grants every operation of the upstream. */
export const forwarding = 'huawei-upstream';

/** What signature errors are made with: one text for all faults of a known key but a late one. */
const signatureErrors = {
  invalid: () => genRandomError('APIGW.0301'),
  expired: () => authenticationError('expired'),
};

/**
 * Who asks. If both proofs are there the signature counts: it covers the request.
 * @returns the credential; undefined if the gateway is open: then there is a well-formed signature or
 *   some token, and nobody is known
 * @throws ServiceError `APIGW.0301`; `KMS.0301` for an empty token
 */
export function callerOf(request: ApiRequest, access: Access): Credential | undefined {
  const { authorization, 'x-auth-token': token } = request.headers;
  if (authorization !== undefined) return signerOf(request, access);
  if (token === undefined) throw authenticationError('tokenAbsent');
  if (token === '') throw genRandomError('KMS.0301');
  if (!access.verifies) return undefined;
  const credential = access.token(String(token));
  if (credential === undefined) throw authenticationError('tokenInvalid');
  if (access.now() >= credential.expiresAt) throw expiredError(credential.expiresAt);
  return credential;
}

function signerOf(request: ApiRequest, access: Access): Credential | undefined {
  const claim = readSdkHmac(request, signatureErrors);
  if (!access.verifies) return undefined;
  const key = access.key(claim.accessKey);
  const now = access.now();
  const unknown = () => unknownKeyError(claim.accessKey);
  verifySdkHmac(request, claim, {
    secretKey: key?.secretKey ?? dummySecretKey,
    now,
    errors: key === undefined ? { ...signatureErrors, invalid: unknown } : signatureErrors,
  });
  if (key === undefined || !key.hasSession(claim.securityToken)) throw genRandomError('APIGW.0301');
  if (now >= key.expiresAt) throw expiredError(key.expiresAt);
  return key;
}

/**
 * Checks that the caller may have it for this project, now.
 * @param caller undefined: the gateway is open
 * @param rights of which one suffices
 * @throws ServiceError `KMS.0321` for another project, `KMS.0330`, `APIGW.0308`
 */
export async function authorize(
  caller: Credential | undefined,
  projectId: string,
  rights: readonly string[],
  access: Access,
): Promise<void> {
  if (caller === undefined) return;
  if (caller.projectId !== undefined && caller.projectId !== projectId)
    throw genRandomError('KMS.0321');
  if (!rights.some((right) => caller.allow.has(right))) throw genRandomError('KMS.0330');
  if (!(await access.take(caller))) throw throttledError(caller.requestsPerSecond);
}

/**
 * A token that is good here is a secret between its bearer and this gateway; it says nothing to anybody
 * else. A signature gives nothing away.
 */
export function withoutKnownToken(request: ApiRequest, access: Access): ApiRequest {
  const rawHeaders = [...request.rawHeaders];
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    const isKnown = name.toLowerCase() === 'x-auth-token' && access.token(value) !== undefined;
    if (isKnown) rawHeaders.splice(at, 2);
  }
  return { ...request, rawHeaders };
}
