import t from 'tap';
import {
  AwsServiceException,
  commonError,
  encodeError,
} from '../../../src/apis/aws-json/errors.js';
import { ServiceError } from '../../../src/common/errors.js';

t.test('refuses who cannot be let in with the texts of the service', async (t) => {
  for (const [error, code, message] of [
    [
      commonError('MissingAuthenticationTokenException'),
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    ],
    [
      commonError('InvalidSignatureException'),
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ],
    [
      commonError('UnrecognizedClientException'),
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    ],
    [
      commonError('ExpiredTokenException'),
      'ExpiredTokenException',
      'The security token included in the request is expired',
    ],
  ] as const)
    t.match(error, { name: 'ServiceError', code, status: 400, message }, code);
});

t.test('a type spells its text as its service does, and no text is no member', async (t) => {
  const capitalized = new Set(['A']);
  for (const [code, text, body] of [
    ['A', 'x', { __type: 'A', Message: 'x' }],
    ['B', 'x', { __type: 'B', message: 'x' }],
    ['A', '', { __type: 'A' }],
  ] as const)
    t.strictSame(encodeError(new ServiceError(code, 400, text), capitalized), body);
});

t.test('an exception says whose fault it is, and whether to try again', async (t) => {
  for (const [code, status, text, $fault, $retryable, message] of [
    ['ThrottlingException', 400, 'x', 'client', { throttling: true }, 'x'],
    ['Other', 400, '', 'client', undefined, 'UnknownError'],
    ['Other', 503, 'x', 'server', {}, 'x'],
  ] as const) {
    const cause = new Error('x');
    const error = new AwsServiceException(new ServiceError(code, status, text, { cause }), 'id');
    t.match(error, { name: code, code, status, $fault, message, cause });
    t.strictSame(error.$retryable, $retryable);
    t.match(error.$metadata, { httpStatusCode: status, requestId: 'id' });
  }
});
