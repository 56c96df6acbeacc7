/** Vault's random API as its clients see it, for the conformance suite. */
import { vault } from '../../../src/apis/vault/api.js';
import type { ApiClient } from '../../support/api-client.js';
import { tokenOf } from '../../support/credentials.js';

const post = { method: 'POST', path: '/v1/sys/tools/random', body: '{"bytes":96}' };

export const vaultClient: ApiClient = {
  entry: vault,
  operation: 'vault-random',
  size: 96,
  request: (kind) => ({ ...post, headers: { 'x-vault-token': tokenOf(kind) } }),
  stranger: { ...post, headers: { 'x-vault-token': 'x' } },
  anonymous: { ...post, headers: {} },
  bytesOf: (text) => Buffer.from(JSON.parse(text).data.random_bytes, 'base64'),
  errorOf(text) {
    const { errors, ...rest } = JSON.parse(text);
    if (Object.keys(rest).length > 0 || typeof errors[0] !== 'string')
      throw new Error(`no error of Vault: ${text}`);
    return errors[0];
  },
  outcomes: {
    webPage: ['permission denied', 403],
    tooLarge: ['request body too large', 413],
    overload: ['rate limit quota exceeded', 429],
    unavailable: ['Vault is sealed', 503],
    fault: ['internal error', 500],
    anonymous: ['no token', 403],
    stranger: ['invalid token', 403],
    denied: ['permission denied', 403],
    throttled: ['rate limit quota exceeded', 429],
  },
};
