/** AWS KMS as its clients see it, for the conformance suite. */
import { awsKms } from '../../../src/apis/aws-kms/api.js';
import type { ApiClient } from '../../support/api-client.js';
import { type Kind, signerOf } from '../../support/credentials.js';
import { signAws } from '../../support/signing/signed-calls.js';

const body = '{"NumberOfBytes":48}';
const post = { method: 'POST', path: '/', body };
const request = (kind: Kind) => ({ ...post, headers: signAws(signerOf(kind), body) });
const { authorization: _, ...unsigned } = request('default').headers;

export const awsKmsClient: ApiClient = {
  entry: awsKms,
  operation: 'GenerateRandom',
  size: 48,
  request,
  stranger: { ...post, headers: signAws(signerOf('default', { accessKey: 'X' }), body) },
  anonymous: { ...post, headers: unsigned },
  bytesOf: (text) => Buffer.from(JSON.parse(text).Plaintext, 'base64'),
  errorOf(text) {
    const { __type, ...rest } = JSON.parse(text);
    if (Object.keys(rest).some((name) => !['message', 'Message'].includes(name)))
      throw new Error(`no error of AWS KMS: ${text}`);
    return __type;
  },
  outcomes: {
    webPage: ['AccessDeniedException', 403],
    tooLarge: ['RequestEntityTooLargeException', 413],
    overload: ['ThrottlingException', 400],
    unavailable: ['DependencyTimeoutException', 503],
    fault: ['KMSInternalException', 500],
    anonymous: ['MissingAuthenticationTokenException', 400],
    stranger: ['UnrecognizedClientException', 400],
    denied: ['AccessDeniedException', 400],
    throttled: ['ThrottlingException', 400],
  },
};
