/** gen-random as its clients see it, for the conformance suite and the fuzz. */
import { huaweiKms } from '../../../src/apis/huawei-kms/api.js';
import { type ApiClient, decoded, membersOf } from '../../support/api-client.js';
import { signerOf, tokenOf } from '../../support/credentials.js';
import { signSdkHmac } from '../../support/signing/signed-calls.js';

const body = '{"random_data_length":"512"}';
const path = '/v1.0/project/kms/gen-random';
const post = { method: 'POST', path, body };
const json = { 'content-type': 'application/json' };
const known = { ...json, 'x-auth-token': tokenOf('default') };

export const huaweiKmsClient: ApiClient = {
  entry: huaweiKms,
  operation: 'gen-random',
  size: 64,
  sizes: [64, 64], // the dialect otc
  // Two kinds sign, so that both proofs are seen.
  request: (kind, { time } = {}) => ({
    ...post,
    headers:
      kind === 'limited' || kind === 'project'
        ? signSdkHmac(signerOf(kind, time === undefined ? {} : { time }), path, body)
        : { ...json, 'x-auth-token': tokenOf(kind) },
  }),
  signs: 'project',
  stranger: { ...post, headers: signSdkHmac(signerOf('default', { accessKey: 'X' }), path, body) },
  anonymous: { ...post, headers: json },
  contentTypes: [json['content-type'], json['content-type']],
  bytesOf(text) {
    const digits: string = membersOf(text, 'random_data').random_data;
    if (digits !== digits.toUpperCase()) throw new Error(`not in capitals: ${text}`);
    return decoded(digits.toLowerCase(), 'hex');
  },
  errorOf(text) {
    const { error, ...flat } = JSON.parse(text);
    const { error_code, error_msg } = error ?? flat;
    const code = error === undefined ? /^APIGW\.\d{4}$/ : /^KMS\.\d{4}$/;
    if (typeof error_msg !== 'string' || !code.test(error_code))
      throw new Error(`no error of gen-random: ${text}`);
    return error_code;
  },
  outcomes: {
    webPage: ['KMS.0326', 403],
    tooLarge: ['KMS.0203', 400],
    overload: ['APIGW.0308', 429],
    unavailable: ['KMS.0104', 503],
    fault: ['KMS.0101', 500],
    anonymous: ['APIGW.0301', 401],
    stranger: ['APIGW.0301', 401],
    denied: ['KMS.0330', 403],
    throttled: ['APIGW.0308', 429],
  },
  fuzz: {
    refused: () => [
      [{ ...post, headers: known, method: 'GET', body: '' }, 405],
      [{ ...post, headers: known, method: 'PUT', path: '/nothing' }, 404],
      [{ ...post, headers: known, body: '{"random_data_length":"8"}' }, 400],
      [{ ...post, headers: known, body: '[' }, 400],
    ],
    targets: ['/v1.0//kms/gen-random', '/v1.0/%2e%2e/kms/gen-random', `${path}/?a`],
    fields: [
      ['Authorization', 'SDK-HMAC-SHA256 Access=,,Access=', `SDK-HMAC-SHA256 ${'a '.repeat(4000)}`],
      [
        'Authorization',
        'SDK-HMAC-SHA256 Credential=a/20260101///sdk_request, SignedHeaders=x-sdk-date, Signature=0',
        `SDK-HMAC-SHA256 Credential=${'/'.repeat(8000)}`,
      ],
      ['X-Sdk-Date', '20260101T000000Z', ''],
    ],
  },
};
