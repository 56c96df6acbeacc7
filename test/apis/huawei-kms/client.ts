/** gen-random as its clients see it, for the conformance suite. */
import { huaweiKms } from '../../../src/apis/huawei-kms/api.js';
import type { ApiClient } from '../../support/api-client.js';
import { signerOf, tokenOf } from '../../support/credentials.js';
import { signSdkHmac } from '../../support/signing/signed-calls.js';

const body = '{"random_data_length":"512"}';
const path = '/v1.0/project/kms/gen-random';
const post = { method: 'POST', path, body };
const json = { 'content-type': 'application/json' };

export const huaweiKmsClient: ApiClient = {
  entry: huaweiKms,
  operation: 'gen-random',
  size: 64,
  // One kind signs, so that both proofs are seen.
  request: (kind) => ({
    ...post,
    headers:
      kind === 'limited'
        ? signSdkHmac(signerOf(kind), path, body)
        : { ...json, 'x-auth-token': tokenOf(kind) },
  }),
  stranger: { ...post, headers: signSdkHmac(signerOf('default', { accessKey: 'X' }), path, body) },
  anonymous: { ...post, headers: json },
  bytesOf: (text) => Buffer.from(JSON.parse(text).random_data, 'hex'),
  errorOf(text) {
    const { error, ...flat } = JSON.parse(text);
    const { error_code, error_msg } = error ?? flat;
    if (typeof error_msg !== 'string' || (error === undefined) !== error_code.startsWith('APIGW.'))
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
};
