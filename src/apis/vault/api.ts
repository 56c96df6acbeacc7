/** `POST /v1/sys/tools/random` and `/v1/transit/random` of HashiCorp Vault and OpenBao. */

import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '../../common/errors.js';
import type { Access, Credential } from '../../gateway/auth/credentials.js';
import { isFromWebPage, webPageText } from '../../gateway/browser-guard.js';
import {
  type GatewayRequest,
  jsonAnswer,
  parseJson,
  type RandomSource,
  type Route,
} from '../api.js';
import {
  decodeRequest,
  encodeAnswer,
  encodeError,
  invalidRequest,
  type RandomRequest,
  readPath,
  toServiceError,
  vaultError,
} from './format.js';

/** No member is long. The servers take 32 MiB. */
const bodyLimitBytes = 64 * 1024;

/** Where all of Vault's API stands, also what is not served here. */
const prefix = '/v1/';

/** What the route is built from. */
export interface VaultOptions {
  readonly client: RandomSource;
  /** Who may ask. */
  readonly access: Access;
}

/** Whether a path is Vault's to answer. */
export function isVaultPath(path: string): boolean {
  return path.startsWith(prefix);
}

/**
 * The random API of Vault.
 * @returns a route for paths that {@link isVaultPath} accepts
 */
export function vaultRoute({ client, access }: VaultOptions): Route {
  return {
    api: 'vault',
    bodyLimitBytes,
    async answer(request) {
      const { facts, id } = request;
      const wanted = checkedRequest(request, access);
      facts.size = wanted.size;
      const bytes = await client.random(wanted.size);
      return jsonAnswer(200, encodeAnswer(bytes, wanted, id), { 'x-request-id': id });
    },
    refuse(error, requestId) {
      const failure = toServiceError(error);
      const headers = { 'x-request-id': requestId };
      return {
        ...jsonAnswer(failure.status, encodeError(failure), headers),
        outcome: failure.code,
      };
    },
  };
}

/** Path, method, token, members. The servers read the JSON first; here nobody unknown has it read. */
function checkedRequest(request: GatewayRequest, access: Access): RandomRequest {
  const { body, facts, headers, method } = request;
  if (isFromWebPage(headers)) throw new ServiceError('permission denied', 403, webPageText);
  const path = readPath(request.path);
  if (path === undefined) throw vaultError('unsupported path');
  // The servers take both for the same [S].
  if (method !== 'POST' && method !== 'PUT') throw vaultError('unsupported operation');
  facts.operation = 'vault-random';
  const caller = vaultCaller(request, access);
  facts.key = caller?.name ?? null;
  authorizeVault(caller, access);
  // Wrapped bytes are for somebody else than who carries them: never answered plain instead.
  const wrapTtl = headers['x-vault-wrap-ttl'];
  if (wrapTtl && wrapTtl !== '0') throw invalidRequest('response wrapping is not supported');
  return decodeRequest(path, body.length === 0 ? undefined : parseJson(body, notJson));
}

/** The text goes on there with what the parser says [S]. */
const notJson = (options: ErrorOptions) => invalidRequest('failed to parse JSON input', options);

// Authentication and authorization of requests to Vault's random API: a token, and nothing else.

/** RFC 6750 2.1. */
const bearer = /^Bearer +(\S+)$/i;

/**
 * Who asks. Neither the token's project nor the request's namespace matters.
 * @returns the credential; undefined where the gateway is open: then there is some token, and nobody
 *   is known
 * @throws ServiceError `no token`; `invalid token` for an unknown or expired one
 */
export function vaultCaller({ headers }: GatewayRequest, access: Access): Credential | undefined {
  const token = tokenOf(headers);
  if (token === undefined) throw vaultError('no token');
  if (access.credentials === undefined) return undefined;
  const credential = access.credentials.token(token);
  if (credential === undefined || access.now() >= credential.expiresAt)
    throw vaultError('invalid token');
  return credential;
}

/**
 * Whether the caller may do it now.
 * @throws ServiceError `permission denied`, `rate limit quota exceeded`
 */
export function authorizeVault(caller: Credential | undefined, access: Access): void {
  if (caller === undefined) return;
  if (!caller.allow.has('vault-random')) throw vaultError('permission denied');
  if (!access.take(caller)) throw vaultError('rate limit quota exceeded');
}

/** X-Vault-Token counts where both are there. A repeated one is joined by a comma, and no token. */
function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const { 'x-vault-token': token, authorization = '' } = headers;
  return token ? String(token) : bearer.exec(authorization)?.[1];
}
