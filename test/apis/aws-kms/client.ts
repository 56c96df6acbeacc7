/** AWS KMS as its clients see it, for the conformance suite and the fuzz. */
import { awsKms } from '../../../src/apis/aws-kms/api.js';
import { type ApiClient, type Changes, decoded, membersOf } from '../../support/api-client.js';
import { type Kind, signerOf } from '../../support/credentials.js';
import { signAws } from '../../support/signing/signed-calls.js';

const post = { method: 'POST', path: '/' };
const awsJson = 'application/x-amz-json-1.1';

const request = (kind: Kind, { size = 48, time }: Changes = {}) =>
  signed(`{"NumberOfBytes":${size}}`, kind, time);

function signed(body: string, kind: Kind, time?: number, target = 'GenerateRandom') {
  const headers = { 'x-amz-target': `TrentService.${target}` };
  const signer = signerOf(kind, time === undefined ? {} : { time });
  return { ...post, headers: signAws(signer, body, headers), body };
}

const { headers, body } = request('default');
const { authorization: _, ...unsigned } = headers;

export const awsKmsClient: ApiClient = {
  entry: awsKms,
  operation: 'GenerateRandom',
  size: 48,
  sizes: [1, 1024],
  request,
  signs: 'default',
  stranger: { ...post, headers: signAws(signerOf('default', { accessKey: 'X' }), body), body },
  anonymous: { ...post, headers: unsigned, body },
  contentTypes: [awsJson, awsJson],
  bytesOf: (text) => decoded(membersOf(text, 'Plaintext').Plaintext, 'base64'),
  errorOf(text) {
    const [, inXml] = /^<(UnknownOperationException)\/>\n$/.exec(text) ?? [];
    if (inXml !== undefined) return inXml;
    const { Output, Version, ...members } = JSON.parse(text);
    const { __type, ...rest } = Version === '1.0' ? Output : members;
    const names = Object.keys(rest);
    if (typeof __type !== 'string' || names.some((name) => !['message', 'Message'].includes(name)))
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
  fuzz: {
    refused: (time) =>
      [
        signed('{}', 'default', time),
        signed('{"NumberOfBytes":0}', 'default', time),
        signed('{"NumberOfBytes":1025}', 'default', time),
        signed('{}', 'default', time, 'Decrypt'),
        signed('{', 'default', time),
      ].map((each) => [each, 400] as const),
    otherErrorTypes: [null, 'application/json'],
    targets: [
      '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=x&X-Amz-SignedHeaders=host',
    ],
    bodies: ['{"NumberOfBytes":32,"Recipient":{},"CustomKeyStoreId":[]}'],
    fields: [
      [
        'Authorization',
        'AWS4-',
        'AWS4-HMAC-SHA256 =,=,',
        `AWS4-HMAC-SHA256 ${'a=b,'.repeat(2000)}`,
      ],
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=a/20260101/r/kms/aws4_request, SignedHeaders=host, Signature=zz',
      ],
      [
        'X-Amz-Target',
        'TrentService.GenerateRandom',
        'TrentService.Nope',
        'TrentService.__proto__',
        '',
      ],
      ['X-Amz-Date', '20260101T000000Z', '99999999T999999Z', '', 'x'],
      ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD', ''],
      ['X-Amz-Security-Token', 'x', ''],
      ['Content-Type', awsJson, `${awsJson.toUpperCase()} ; a`, 'application/json', 'text/plain'],
    ],
  },
};
