/**
 * Authentication and authorization of gen-random requests: SDK-HMAC-SHA256 or X-Auth-Token.
 *
 * A signature, and a request without any proof, are the API gateway's to refuse, with its flat 401;
 * a token is the service's, with its nested 403 (API references, error codes).
 */
import { authenticationError, expiredKeyError, genRandomError } from '../../formats/gen-random.js';
import type { Access } from '../credentials/access.js';
import {
  type Credential,
  type Credentials,
  isSessionOf,
  nobodysSecretKey,
} from '../credentials/credentials.js';
import type { GatewayRequest } from '../route.js';
import { readSdkHmac, type SdkHmacClaim, verifySdkHmac } from '../signatures/sdk-hmac.js';

/**
 * Who asks. Where both proofs are there the signature counts: it covers the request.
 * @returns the credential; undefined where the gateway is open: then there is a well-formed signature
 *   or some token, and nobody is known
 * @throws ServiceError of {@link readSdkHmac} and {@link verifySdkHmac}; `APIGW.0301` also for an
 *   unknown or expired key and for a request without any proof; `KMS.0301`, `KMS.0302`, `KMS.0303`
 */
export function genRandomCaller(request: GatewayRequest, access: Access): Credential | undefined {
  const { authorization, 'x-auth-token': token } = request.headers;
  if (authorization !== undefined) {
    const claim = readSdkHmac(request);
    return access.credentials && signer(request, claim, access.credentials, access.now());
  }
  if (token === undefined) throw authenticationError('tokenAbsent');
  if (token === '') throw genRandomError('KMS.0301');
  return access.credentials && tokenHolder(String(token), access.credentials, access.now());
}

function signer(
  request: GatewayRequest,
  claim: SdkHmacClaim,
  credentials: Credentials,
  now: number,
): Credential {
  const key = credentials.key(claim.accessKey);
  verifySdkHmac(request, claim, key?.secretKey ?? nobodysSecretKey, now);
  if (key === undefined || !isSessionOf(key, claim.securityToken))
    throw genRandomError('APIGW.0301');
  if (now >= key.expiresAt) throw expiredKeyError(key.expiresAt);
  return key;
}

function tokenHolder(token: string, credentials: Credentials, now: number): Credential {
  const credential = credentials.token(token);
  if (credential === undefined) throw genRandomError('KMS.0302');
  if (now >= credential.expiresAt) throw genRandomError('KMS.0303');
  return credential;
}

/**
 * Whether the caller may do it now.
 * @param projectId of the path
 * @throws ServiceError `KMS.0321` for another project, `KMS.0330`, `APIGW.0308`
 */
export function authorizeGenRandom(
  caller: Credential | undefined,
  projectId: string,
  access: Access,
): void {
  if (caller === undefined) return;
  if (caller.projectId !== undefined && caller.projectId !== projectId)
    throw genRandomError('KMS.0321');
  if (!caller.allow.has('gen-random')) throw genRandomError('KMS.0330');
  if (!access.take(caller)) throw genRandomError('APIGW.0308');
}
