/** AWS Secrets Manager as its clients see it, for the conformance suite and the fuzz. */
import { awsSecretsManager } from '../../../src/apis/aws-secrets-manager/api.js';
import { type ApiClient, type Changes, membersOf } from '../../support/api-client.js';
import { type Kind, now, signerOf } from '../../support/credentials.js';
import { signAws } from '../../support/signing/signed-calls.js';
import { awsKmsClient } from '../aws-kms/client.js';

const awsJson = 'application/x-amz-json-1.1';

/** All characters of passwords, in order of their indices. */
const characters = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`;

function signed(
  kind: Kind,
  body: string,
  {
    target = 'GetRandomPassword',
    ...changed
  }: { time?: number | undefined; accessKey?: string; target?: string | undefined } = {},
) {
  const { time = now, ...other } = changed;
  const headers = signAws(signerOf(kind, { service: 'secretsmanager', time, ...other }), body, {
    'x-amz-target': `secretsmanager.${target}`,
  });
  return { method: 'POST', path: '/', headers, body };
}

/** No type is required, so that a source of equal bytes serves as well. */
const request = (kind: Kind, { size = 48, time }: Changes = {}) =>
  signed(kind, `{"PasswordLength":${size},"RequireEachIncludedType":false}`, { time });

const { headers, ...rest } = request('default');
const { authorization: _, ...unsigned } = headers;

export const awsSecretsManagerClient: ApiClient = {
  entry: awsSecretsManager,
  operation: 'GetRandomPassword',
  size: 48,
  sizes: [1, 4096],
  request,
  signs: 'default',
  stranger: signed('default', rest.body, { accessKey: 'X' }),
  anonymous: { ...rest, headers: unsigned },
  contentTypes: [awsJson, awsJson],
  bytesOf(text) {
    const { RandomPassword } = membersOf(text, 'RandomPassword');
    if (typeof RandomPassword !== 'string' || !/^[ -~]+$/.test(RandomPassword))
      throw new Error(`no password: ${text.slice(0, 100)}`);
    return Buffer.from(RandomPassword, 'latin1');
  },
  received: (bytes) =>
    Buffer.from(
      [...bytes]
        // The lowest of the 256 * 94 products, 256 mod 94 for each character, are drawn again.
        .filter((byte) => (byte * 94) % 256 >= 68)
        .map((byte) => characters[Math.floor((byte * 94) / 256)])
        .join(''),
      'latin1',
    ),
  errorOf: awsKmsClient.errorOf,
  outcomes: {
    webPage: ['AccessDeniedException', 403],
    tooLarge: ['RequestEntityTooLargeException', 413],
    overload: ['ThrottlingException', 400],
    unavailable: ['ServiceUnavailable', 503],
    fault: ['InternalServiceError', 500],
    anonymous: ['MissingAuthenticationTokenException', 400],
    stranger: ['UnrecognizedClientException', 400],
    denied: ['AccessDeniedException', 400],
    throttled: ['ThrottlingException', 400],
  },
  fuzz: {
    good: [
      (size) =>
        signed(
          'default',
          JSON.stringify({
            PasswordLength: size,
            ExcludeCharacters: '/@"\'\\é🎲',
            ExcludeNumbers: true,
            IncludeSpace: size > 1,
            RequireEachIncludedType: size >= 3,
          }),
          { time: Date.now() },
        ),
    ],
    refused: (time) =>
      [
        ['{"PasswordLength":0}'],
        ['{"PasswordLength":4097}'],
        ['{"PasswordLength":3}'],
        ['{"PasswordLength":"32"}'],
        ['{"ExcludeNumbers":1}'],
        ['[]'],
        ['{'],
        ['{}', 'GetSecretValue'],
        ['{}', 'Nope'],
      ].map(([body = '', target]) => [signed('default', body, { time, target }), 400] as const),
    otherErrorTypes: [null, 'application/json'],
    targets: ['/?Action=GetRandomPassword&Version=2017-10-17'],
    bodies: ['{"PasswordLength":8,"ExcludeCharacters":"a"}', '{"IncludeSpace":true}'],
    fields: [
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=a/20260101/r/secretsmanager/aws4_request, SignedHeaders=host, Signature=zz',
      ],
      [
        'X-Amz-Target',
        'secretsmanager.GetRandomPassword',
        'secretsmanager.GetSecretValue',
        'secretsmanager.',
        'secretsmanager',
      ],
    ],
  },
};
