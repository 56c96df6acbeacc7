/** Google Cloud KMS over REST as its clients see it, for the conformance suite and the fuzz. */
import { googleKms } from '../../../src/apis/google-kms/api.js';
import { crc32c } from '../../../src/apis/google-kms/format.js';
import { type ApiClient, decoded, membersOf } from '../../support/api-client.js';
import { tokenOf } from '../../support/credentials.js';

const path = '/v1/projects/project/locations/europe-west3:generateRandomBytes';
const post = { method: 'POST', path, body: '{"lengthBytes":96,"protectionLevel":"HSM"}' };
const known = { authorization: `Bearer ${tokenOf('default')}` };
const json = 'application/json; charset=UTF-8';

export const googleKmsClient: ApiClient = {
  entry: googleKms,
  operation: 'GenerateRandomBytes',
  size: 96,
  sizes: [8, 1024],
  request: (kind, { size = 96 } = {}) => ({
    ...post,
    headers: { authorization: `Bearer ${tokenOf(kind)}` },
    body: `{"lengthBytes":${size},"protectionLevel":"HSM"}`,
  }),
  stranger: { ...post, headers: { authorization: 'Bearer x' } },
  anonymous: { ...post, headers: {} },
  needsNoProof: true,
  contentTypes: [json, json],
  bytesOf(text) {
    const { data, dataCrc32c } = membersOf(text, 'data,dataCrc32c');
    const bytes = decoded(data, 'base64');
    if (dataCrc32c !== String(crc32c(bytes))) throw new Error(`another checksum: ${text}`);
    return bytes;
  },
  errorOf(text) {
    const { error } = membersOf(text, 'error');
    const { code, message, status, details = [], ...rest } = error;
    if (Object.keys(rest).length > 0 || !(code >= 400) || !/^[A-Z_]+$/.test(status))
      throw new Error(`no error of Google: ${text}`);
    for (const detail of details)
      if (!/^type\.googleapis\.com\/google\.rpc\.\w+$/.test(detail['@type']))
        throw new Error(`no detail of Google: ${text}`);
    return message;
  },
  outcomes: {
    webPage: ['PERMISSION_DENIED', 403],
    tooLarge: ['RESOURCE_EXHAUSTED', 413],
    overload: ['RESOURCE_EXHAUSTED', 429],
    unavailable: ['UNAVAILABLE', 503],
    fault: ['INTERNAL', 500],
    error: ['UNAVAILABLE', 503],
    anonymous: ['UNAUTHENTICATED', 401],
    stranger: ['UNAUTHENTICATED', 401],
    denied: ['PERMISSION_DENIED', 403],
    throttled: ['RESOURCE_EXHAUSTED', 429],
  },
  fuzz: {
    good: [
      (size) => ({
        ...post,
        headers: known,
        body: `{"length_bytes":"${size}","protection_level":2}`,
      }),
      (size) => ({
        ...post,
        path: `${path}?%24alt=json%3Benum-encoding=int`,
        headers: known,
        body: `{"lengthBytes":${size}.0,"protectionLevel":"HSM","location":null}`,
      }),
    ],
    refused: () => [
      [{ ...post, method: 'GET', headers: known, body: '' }, 404],
      [{ ...post, path: '/v1/projects/p/locations/l/keyRings', headers: known }, 404],
      [{ ...post, path: `${path}?alt=proto`, headers: known }, 400],
      [{ ...post, headers: { authorization: 'Basic eDp4' } }, 401],
      [{ ...post, headers: known, body: '{"lengthBytes":7,"protectionLevel":"HSM"}' }, 400],
      [{ ...post, headers: known, body: '{"lengthBytes":1025,"protectionLevel":"HSM"}' }, 400],
      [{ ...post, headers: known, body: '{"lengthBytes":8}' }, 400],
      [{ ...post, headers: known, body: '{"lengthBytes":8,"protectionLevel":"HSM","x":1}' }, 400],
    ],
    targets: [
      ...['/v1/projects/', '/v1/projects/p/locations/l', `${path}:`, `${path}?x=1`, `${path}?alt=`],
      ...['%', '%2F', 'a:b', 'a%3Ab', '%ff', '.', '..', 'x'.repeat(200)].map(
        (project) => `/v1/projects/${project}/locations/l:generateRandomBytes`,
      ),
      '/google.cloud.kms.v1.KeyManagementService/GenerateRandomBytes',
    ],
    bodies: '1025 7 -1 "8" "08" "8.0" "1e1" null [] {} 1e999 true 2147483648'
      .split(' ')
      .flatMap((value) => [
        `{"lengthBytes":${value},"protectionLevel":"HSM"}`,
        `{"lengthBytes":8,"protection_level":${value}}`,
        `{"lengthBytes":8,"length_bytes":8,"location":${value}}`,
      ]),
    fields: [
      ['Authorization', `Bearer ${tokenOf('default')}`, 'Bearer', 'Bearer x y', 'bearer x'],
      ['X-Goog-Request-Params', 'location=projects%2Fp%2Flocations%2Fl'],
      ['Content-Type', 'application/json', 'application/grpcx', 'application/grpc-web'],
    ],
  },
};
