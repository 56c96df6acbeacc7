/** Authentication and authorization of requests to Vault's random API: a token, and nothing else. */
import type { IncomingHttpHeaders } from 'node:http';
import { vaultError } from '../../formats/vault.js';
import type { Access } from '../credentials/access.js';
import type { Credential } from '../credentials/credentials.js';
import type { GatewayRequest } from '../route.js';

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
