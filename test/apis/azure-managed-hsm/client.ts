/** Azure Managed HSM's GetRandomBytes as its clients see it, for the conformance suite and the fuzz. */
import { azureManagedHsm } from '../../../src/apis/azure-managed-hsm/api.js';
import { type ApiClient, decoded, membersOf } from '../../support/api-client.js';
import { tokenOf } from '../../support/credentials.js';

const json = 'application/json; charset=utf-8';
const path = '/rng?api-version=2025-07-01';
const post = { method: 'POST', path, body: '{"count":48}' };
const authorized = (token: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});
const known = authorized(tokenOf('default'));

export const azureManagedHsmClient: ApiClient = {
  entry: azureManagedHsm,
  operation: 'azure-random',
  size: 48,
  sizes: [1, 128],
  request: (kind, { size = 48 } = {}) => ({
    ...post,
    headers: authorized(tokenOf(kind)),
    body: `{"count":${size}}`,
  }),
  stranger: { ...post, headers: authorized('x') },
  // As every client's first request.
  anonymous: { ...post, headers: { 'content-type': 'application/json' }, body: '' },
  contentTypes: [json, json],
  bytesOf: (text) => decoded(membersOf(text, 'value').value, 'base64url'),
  errorOf(text) {
    const { code, message, ...rest } = membersOf(text, 'error').error;
    if (Object.keys(rest).length > 0 || typeof code !== 'string' || typeof message !== 'string')
      throw new Error(`no error of Managed HSM: ${text}`);
    return code;
  },
  outcomes: {
    webPage: ['Forbidden', 403],
    tooLarge: ['RequestEntityTooLarge', 413],
    overload: ['Throttled', 429],
    unavailable: ['ServiceUnavailable', 503],
    fault: ['InternalError', 500],
    anonymous: ['Unauthorized', 401],
    stranger: ['Unauthorized', 401],
    denied: ['Forbidden', 403],
    throttled: ['Throttled', 429],
  },
  fuzz: {
    good: [
      (size) => ({
        ...post,
        path: '/rng?api%2Dversion=7.3',
        headers: known,
        body: `{"count":${size}}`,
      }),
      (size) => ({
        ...post,
        path: `/${path}&x=y`,
        headers: { authorization: `bearer  ${tokenOf('default')}` },
        body: `{"x":{},"count":${size}.0}`,
      }),
    ],
    refused: () => [
      [{ ...post, method: 'GET', headers: {}, body: '' }, 401],
      [{ ...post, method: 'GET', headers: known, body: '' }, 405],
      [{ ...post, path: '/rng', headers: known }, 400],
      [{ ...post, path: '/rng?api-version=', headers: known }, 400],
      [{ ...post, headers: known, body: '{"count":0}' }, 400],
      [{ ...post, headers: known, body: '{"count":129}' }, 400],
      [{ ...post, headers: known, body: '{"count":"16"}' }, 400],
      [{ ...post, headers: { ...known, 'content-type': 'text/plain' } }, 415],
    ],
    targets: [
      ...['/rng', '//rng', '///rng', '/rng/', '/RNG', '/rng?api-version', '/rng?%61pi%2dversion=1'],
      ...['/rng?API-VERSION=7.4', '/rng?api-version=&api-version=7.4', '/rng?api-version=%', path],
    ],
    bodies: '0 129 -1 1.5 "8" null [] {} 1e999 true'
      .split(' ')
      .map((value) => `{"count":${value}}`),
    fields: [
      ['Authorization', `Bearer ${tokenOf('default')}`, 'Bearer', 'Bearer x', 'PoP x'],
      ['Content-Type', 'application/json', 'application/json; charset=utf-8', 'application/jsonx'],
    ],
  },
};
