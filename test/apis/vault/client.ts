/** Vault's random API as its clients see it, for the conformance suite and the fuzz. */
import { vault } from '../../../src/apis/vault/api.js';
import { type ApiClient, decoded, membersOf } from '../../support/api-client.js';
import { tokenOf } from '../../support/credentials.js';

const tools = '/v1/sys/tools/random';
const transit = '/v1/transit/random';
const post = { method: 'POST', path: tools, body: '{"bytes":96}' };
const known = { 'x-vault-token': tokenOf('default') };
const json = 'application/json';

/** Of a successful response, in order. */
const members = 'request_id,lease_id,renewable,lease_duration,data,wrap_info,warnings,auth';

const bytesIn = (encoding: 'base64' | 'hex') => (text: string) =>
  decoded(membersOf(text, members).data.random_bytes, encoding);

export const vaultClient: ApiClient = {
  entry: vault,
  operation: 'vault-random',
  size: 96,
  sizes: [1, 131_072],
  request: (kind, { size = 96 } = {}) => ({
    ...post,
    headers: { 'x-vault-token': tokenOf(kind) },
    body: `{"bytes":${size}}`,
  }),
  stranger: { ...post, headers: { 'x-vault-token': 'x' } },
  anonymous: { ...post, headers: {} },
  probe: { method: 'GET', path: '/v1/sys/health', headers: {}, body: '' },
  isBare(text) {
    const { initialized, data } = JSON.parse(text);
    if (initialized === true) return true;
    if (data?.id !== undefined) membersOf(text, members);
    return data?.id !== undefined;
  },
  contentTypes: [json, json],
  bytesOf: bytesIn('base64'),
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
  fuzz: {
    good: [
      (size) => ({ method: 'PUT', path: `${transit}/${size}`, headers: known, body: '' }),
      // The path's count wins.
      (size) => ({ ...post, path: `${tools}/all/${size}`, headers: known, body: '{"bytes":7}' }),
      (size) => ({ ...post, path: `${tools}/seal`, headers: known, body: `{"bytes":"${size}"}` }),
      (size) => ({
        ...post,
        path: `${transit}/platform`,
        headers: { authorization: `Bearer ${tokenOf('default')}` },
        body: `{"bytes":${size},"format":"hex"}`,
        bytesOf: bytesIn('hex'),
      }),
      (size) => ({
        ...post,
        headers: { ...known, 'content-type': 'application/x-www-form-urlencoded' },
        body: `format=hex&bytes=${size}`,
        bytesOf: bytesIn('hex'),
      }),
    ],
    refused: () => [
      [{ method: 'PUT', path: '/v1/secret/data/x', headers: known, body: '{}' }, 404],
      [{ ...post, path: '/v1/other/random', headers: {} }, 403],
      [{ method: 'GET', path: transit, headers: known, body: '' }, 405],
      [{ ...post, path: '/v1/sys/health', headers: {} }, 405],
      [{ method: 'GET', path: '/v1/auth/token/lookup-self', headers: {}, body: '' }, 403],
      [{ ...post, path: `${transit}/0`, headers: known }, 400],
      [{ ...post, headers: known, body: '{"bytes":131073}' }, 400],
      [{ ...post, headers: known, body: '{"format":"octal"}' }, 400],
      [{ ...post, headers: { ...known, 'x-vault-wrap-ttl': '60' } }, 400],
    ],
    targets: [
      ...['/v1', '/v1/', '/v1/sys/health', '/v1/sys/seal-status', '/v1/__proto__', transit],
      '/v1/sys/health?sealedcode=299&activecode=9',
      '/v1/auth/token/lookup-self',
      ...[
        '8',
        '010',
        '-1',
        'all',
        'seal/8',
        'none/8',
        '8/all',
        '%38',
        '9'.repeat(400),
        '',
        '8/8/8',
      ].map((rest) => `${tools}/${rest}`),
    ],
    bodies: '131073 -1 "8" "08" null [] {} 1e999 true'
      .split(' ')
      .flatMap((value) => [`{"bytes":${value}}`, `{"format":${value},"source":${value},"x":1}`]),
    fields: [
      ['Content-Type', 'application/x-www-form-urlencoded', json],
      ['Authorization', `Bearer ${tokenOf('default')}`, 'Bearer', 'Bearer x'],
      ['X-Vault-Token', tokenOf('default')],
      ['X-Vault-Wrap-TTL', '0', '60', ''],
      ['X-Vault-Namespace', 'x', ''],
    ],
  },
};
