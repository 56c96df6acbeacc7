/** `POST /v1.0/{project_id}/kms/gen-random` of Open Telekom Cloud and Huawei Cloud. */
import { ServiceError } from '../../common/errors.js';
import type {
  Access,
  Api,
  ApiEntry,
  ApiRequest,
  ApiResponse,
  Credential,
  ErrorReason,
  Example,
  Place,
} from '../api.js';
import { dummySecretKey } from '../signing/canonical-request.js';
import { readSdkHmac, verifySdkHmac } from '../signing/sdk-hmac.js';
import {
  errorReason,
  jsonResponse,
  parseJson,
  shellWord,
  thrownBy,
  webPageText,
} from '../toolkit.js';
import {
  authenticationError,
  type Dialect,
  decodeRequest,
  encodeError,
  encodeResponse,
  expiredError,
  genRandomError,
  throttledError,
  toServiceError,
  unknownKeyError,
} from './format.js';

/** The API has no long member; the daemon's limit for a message is the same. */
const bodyLimitBytes = 64 * 1024;

const genRandomPath = /^\/v1\.0\/(?<projectId>[^/]+)\/kms\/gen-random$/;

/** As `allow` and the audit log name it. */
const genRandom = 'gen-random';

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['APIGW.0301', 'authentication'],
  ['KMS.0301', 'authentication'],
  ['KMS.0321', 'forbidden'],
  ['KMS.0326', 'forbidden'],
  ['KMS.0330', 'forbidden'],
  ['APIGW.0308', 'throttled'],
]);

/** What signature errors are made with: one text for all faults of a known key but a late one. */
const signatureErrors = {
  invalid: () => genRandomError('APIGW.0301'),
  expired: () => authenticationError('expired'),
};

/** [G] the number that Huawei's API gateway gives to all that it cannot take as a request. */
const unreadableCode = 'APIGW.0201';

/** 32 bytes do not exist in the dialect `otc`: it gives 64 and nothing else. */
const sampleBody = '{"random_data_length":"512"}';

/** The part of the configuration that this API reads. */
export type HuaweiKmsSettings = {
  readonly dialect: Dialect;
  /** Adds to nested errors what Huawei's SDK for Node.js reads. */
  readonly nodeSdkErrors?: boolean | undefined;
};

export const huaweiKms = {
  name: 'huawei-kms',
  operations: [{ name: genRandom, byDefault: true }],
  sample: {
    method: 'POST',
    path: '/v1.0/project/kms/gen-random',
    headers: { 'Content-Type': 'application/json', 'X-Auth-Token': 'any' },
    body: sampleBody,
  },
  create({ dialect, nodeSdkErrors = false }: HuaweiKmsSettings): Api {
    return {
      bodyLimitBytes,
      // The API gateway of the clouds also answers paths that are no API.
      // [R] ids of the API gateway are of 32 digits.
      requestId: (uuid) => uuid.replaceAll('-', ''),
      claim: ({ path }) => (genRandomPath.test(path) ? 'path' : 'leftover'),
      async answer(request, { random, access }) {
        const { size } = checkedRequest(request, dialect, access);
        request.audit.size = size;
        return respond(200, encodeResponse(await random(size)), request.id);
      },
      refuse(failure, { id }) {
        const error =
          failure.kind === 'webPage'
            ? new ServiceError('KMS.0326', 403, webPageText)
            : toServiceError(thrownBy(failure));
        return {
          ...respond(error.status, encodeError(error, { requestId: id, nodeSdkErrors }), id),
          error: { code: error.code, reason: errorReason(failure, reasons) },
        };
      },
      malformed: (text, id) => ({
        headers: { 'x-request-id': id },
        // Huawei's SDKs read the flat members.
        members: { error_msg: text, error_code: unreadableCode, request_id: id },
      }),
      examples: (at) => examples(at, dialect),
      about: () => ({ dialect }),
    };
  },
} satisfies ApiEntry;

/** The API gateway comes first (path, authentication), then the service (JSON, members). */
function checkedRequest(request: ApiRequest, dialect: Dialect, access: Access): { size: number } {
  const { projectId } = genRandomPath.exec(request.path)?.groups ?? {};
  if (projectId === undefined) throw genRandomError('APIGW.0101');
  // Huawei's API gateway has no API for another method; OTC's KMS has a code of its own for it.
  if (request.method !== 'POST')
    throw genRandomError(dialect === 'hwc' ? 'APIGW.0101' : 'KMS.0215');
  request.audit.operation = genRandom;
  const caller = callerOf(request, access);
  request.audit.key = caller?.name ?? null;
  authorize(caller, projectId, access);
  const input = parseJson(request.body, (options) => genRandomError('KMS.0202', options));
  return decodeRequest(input, dialect);
}

function respond(status: number, content: object, requestId: string): ApiResponse {
  return jsonResponse(status, content, { 'x-request-id': requestId });
}

function examples({ url, verifies, socketPath }: Place, dialect: Dialect): readonly Example[] {
  const token = verifies ? '"X-Auth-Token: $TOKEN"' : "'X-Auth-Token: any'";
  const path = `/v1.0/${verifies ? '"$PROJECT_ID"' : 'project'}/kms/gen-random`;
  const note = verifies
    ? 'A token of the credentials file in TOKEN, and its project in PROJECT_ID.'
    : 'Any token is accepted; without one the answer is 401.';
  const overUrl = {
    title: `gen-random of Open Telekom Cloud and Huawei Cloud (dialect ${dialect})`,
    note,
    command: `curl -H ${token} -d '${sampleBody}' ${url}${path}`,
    hasUrl: true,
  };
  if (socketPath === undefined) return [overUrl];
  return [
    overUrl,
    {
      title: 'gen-random over the Unix socket',
      note: `For members of the socket's group. ${note}`,
      command: `curl --unix-socket ${shellWord(socketPath)} -H ${token} -d '${sampleBody}' http://localhost${path}`,
      hasUrl: false,
    },
  ];
}

// Authentication and authorization: SDK-HMAC-SHA256 or X-Auth-Token, both verified by the API gateway, with
// its flat 401 (API Request Signing Guide and API Gateway's guide, errors of IAM authentication).

/**
 * Who asks. If both proofs are there the signature counts: it covers the request.
 * @returns the credential; undefined if the gateway is open: then there is a well-formed signature or
 *   some token, and nobody is known
 * @throws ServiceError `APIGW.0301`; `KMS.0301` for an empty token
 */
function callerOf(request: ApiRequest, access: Access): Credential | undefined {
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
 * @throws ServiceError `KMS.0321` for another project, `KMS.0330`, `APIGW.0308`
 */
function authorize(caller: Credential | undefined, projectId: string, access: Access): void {
  if (caller === undefined) return;
  if (caller.projectId !== undefined && caller.projectId !== projectId)
    throw genRandomError('KMS.0321');
  if (!caller.allow.has(genRandom)) throw genRandomError('KMS.0330');
  if (!access.take(caller)) throw throttledError(caller.requestsPerSecond);
}
