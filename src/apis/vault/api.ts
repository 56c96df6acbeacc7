/** `POST /v1/sys/tools/random` and `/v1/transit/random` of HashiCorp Vault and OpenBao. */
import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '../../common/errors.js';
import type {
  Access,
  Api,
  ApiEntry,
  ApiRequest,
  Credential,
  ErrorReason,
  Example,
  Place,
} from '../api.js';
import { errorReason, jsonResponse, parseJson, thrownBy, webPageText } from '../toolkit.js';
import {
  decodeRequest,
  encodeError,
  encodeResponse,
  invalidRequest,
  type RandomRequest,
  readPath,
  toServiceError,
  vaultError,
} from './format.js';

/** No member is long. The servers take 32 MiB. */
const bodyLimitBytes = 64 * 1024;

/** Where all of Vault's API is, including what is not served here. */
const prefix = '/v1/';

const samplePath = '/v1/sys/tools/random/32';

/** As `allow` and the audit log name it. */
const vaultRandom = 'vault-random';

/** RFC 6750 2.1. */
const bearer = /^Bearer +(\S+)$/i;

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['no token', 'authentication'],
  ['invalid token', 'authentication'],
  ['permission denied', 'forbidden'],
  ['rate limit quota exceeded', 'throttled'],
]);

export const vault = {
  name: 'vault',
  operations: [{ name: vaultRandom, byDefault: true }],
  sample: { method: 'POST', path: samplePath, headers: { 'X-Vault-Token': 'any' }, body: '' },
  create(_settings: object): Api {
    return {
      bodyLimitBytes,
      claim: ({ path }) => (path.startsWith(prefix) ? 'path' : 'no'),
      async answer(request, { random, access }) {
        const { id } = request;
        const wanted = checkedRequest(request, access);
        request.audit.size = wanted.size;
        const bytes = await random(wanted.size);
        return jsonResponse(200, encodeResponse(bytes, wanted, id), { 'x-request-id': id });
      },
      refuse(failure, { id }) {
        const error =
          failure.kind === 'webPage'
            ? new ServiceError('permission denied', 403, webPageText)
            : toServiceError(thrownBy(failure));
        return {
          ...jsonResponse(error.status, encodeError(error), { 'x-request-id': id }),
          error: { code: error.code, reason: errorReason(failure, reasons) },
        };
      },
      malformed: (text, id) => ({ headers: { 'x-request-id': id }, members: { errors: [text] } }),
      examples,
    };
  },
} satisfies ApiEntry;

/**
 * The order of checks: path, method, token, members. The servers read the JSON first; here an unknown
 * caller's is not read.
 */
function checkedRequest(request: ApiRequest, access: Access): RandomRequest {
  const { audit, body, headers, method } = request;
  const path = readPath(request.path);
  if (path === undefined) throw vaultError('unsupported path');
  // The servers do not tell the two apart [S].
  if (method !== 'POST' && method !== 'PUT') throw vaultError('unsupported operation');
  audit.operation = vaultRandom;
  const caller = callerOf(headers, access);
  audit.key = caller?.name ?? null;
  authorize(caller, access);
  // Wrapped bytes are for somebody other than their carrier: never answer with plain ones instead.
  const wrapTtl = headers['x-vault-wrap-ttl'];
  if (wrapTtl && wrapTtl !== '0') throw invalidRequest('response wrapping is not supported');
  return decodeRequest(path, body.length === 0 ? undefined : parseJson(body, notJson));
}

/** The servers' text continues with what the parser says [S]. */
const notJson = (options: ErrorOptions) => invalidRequest('failed to parse JSON input', options);

function examples({ url, verifies }: Place): readonly Example[] {
  const token = verifies ? '"X-Vault-Token: $TOKEN"' : "'X-Vault-Token: any'";
  return [
    {
      title: 'Random bytes as HashiCorp Vault and OpenBao give them',
      note: verifies ? 'A token of the credentials file, in TOKEN.' : 'Any token is accepted.',
      command: `curl -X POST -H ${token} ${url}${samplePath}`,
      hasUrl: true,
    },
  ];
}

// Authentication and authorization: a token, and nothing else.

/**
 * Who asks. Neither the token's project nor the request's namespace matters.
 * @returns the credential; undefined if the gateway is open: then there is some token, and nobody is
 *   known
 * @throws ServiceError `no token`; `invalid token` for an unknown or expired one
 */
function callerOf(headers: IncomingHttpHeaders, access: Access): Credential | undefined {
  const token = tokenOf(headers);
  if (token === undefined) throw vaultError('no token');
  if (!access.verifies) return undefined;
  const credential = access.token(token);
  if (credential === undefined || access.now() >= credential.expiresAt)
    throw vaultError('invalid token');
  return credential;
}

/** @throws ServiceError `permission denied`, `rate limit quota exceeded` */
function authorize(caller: Credential | undefined, access: Access): void {
  if (caller === undefined) return;
  if (!caller.allow.has(vaultRandom)) throw vaultError('permission denied');
  if (!access.take(caller)) throw vaultError('rate limit quota exceeded');
}

/** X-Vault-Token wins if both are there. node:http joins a repeated one by a comma: not a token. */
function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const { 'x-vault-token': token, authorization = '' } = headers;
  return token ? String(token) : bearer.exec(authorization)?.[1];
}
