/** `POST /v1.0/{project_id}/kms/gen-random` of Open Telekom Cloud and Huawei Cloud. */
import { ServiceError } from '../../common/errors.js';
import type { Access } from '../../gateway/auth/credentials.js';
import {
  type Credential,
  type Credentials,
  isSessionOf,
  nobodysSecretKey,
} from '../../gateway/auth/credentials.js';
import { isFromWebPage, webPageText } from '../../gateway/browser-guard.js';
import {
  type Answer,
  type GatewayRequest,
  jsonAnswer,
  parseJson,
  type RandomSource,
  type Route,
} from '../api.js';
import { readSdkHmac, type SdkHmacClaim, verifySdkHmac } from '../signing/sdk-hmac.js';
import {
  authenticationError,
  type Dialect,
  decodeRequest,
  encodeAnswer,
  encodeError,
  expiredKeyError,
  genRandomError,
  toServiceError,
} from './format.js';

/** The API has no long member; the daemon's limit for a message is the same. */
const bodyLimitBytes = 64 * 1024;

const genRandomPath = /^\/v1\.0\/(?<projectId>[^/]+)\/kms\/gen-random$/;

/** What the route is built from. */
export interface GenRandomOptions {
  readonly client: RandomSource;
  /** Who may ask. */
  readonly access: Access;
  readonly dialect: Dialect;
  /** Adds to nested errors what Huawei's SDK for Node.js reads. */
  readonly nodeSdkErrors?: boolean;
}

/**
 * The gen-random API. Paths that are no API of ours are answered here too, as the clouds' API
 * gateway answers them.
 */
export function genRandomRoute({
  client,
  access,
  dialect,
  nodeSdkErrors = false,
}: GenRandomOptions): Route {
  return {
    api: 'huawei-kms',
    bodyLimitBytes,
    async answer(request) {
      const { size } = checkedRequest(request, dialect, access);
      request.facts.size = size;
      return answer(200, encodeAnswer(await client.random(size)), request.id);
    },
    refuse(error, requestId) {
      const failure = toServiceError(error);
      const members = encodeError(failure, { requestId, nodeSdkErrors });
      return { ...answer(failure.status, members, requestId), outcome: failure.code };
    },
  };
}

/** The API gateway comes first (path, authentication), then the service (JSON, members). */
function checkedRequest(
  request: GatewayRequest,
  dialect: Dialect,
  access: Access,
): { size: number } {
  if (isFromWebPage(request.headers)) throw new ServiceError('KMS.0326', 403, webPageText);
  const { projectId } = genRandomPath.exec(request.path)?.groups ?? {};
  if (projectId === undefined) throw genRandomError('APIGW.0101');
  if (request.method !== 'POST') throw genRandomError('KMS.0215');
  request.facts.operation = 'gen-random';
  const caller = genRandomCaller(request, access);
  request.facts.key = caller?.name ?? null;
  authorizeGenRandom(caller, projectId, access);
  return decodeRequest(parseJson(request.body, notJson), dialect);
}

const notJson = (options: ErrorOptions) => genRandomError('KMS.0202', options);

function answer(status: number, members: object, requestId: string): Answer<string> {
  return jsonAnswer(status, members, { 'x-request-id': requestId });
}

// Authentication and authorization of gen-random requests: SDK-HMAC-SHA256 or X-Auth-Token.
//
// A signature, and a request without any proof, are the API gateway's to refuse, with its flat 401;
// a token is the service's, with its nested 403 (API references, error codes).

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
