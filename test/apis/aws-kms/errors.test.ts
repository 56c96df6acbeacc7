import * as sdk from '@aws-sdk/client-kms';
import t from 'tap';
import { commonError } from '../../../src/apis/aws-json/errors.js';
import {
  awsError,
  encodeError,
  KMSServiceException,
  toServiceError,
} from '../../../src/apis/aws-kms/errors.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../../src/common/errors.js';

t.test('tells an upstream that fails from a daemon that does', async (t) => {
  const [theirs, ours] = (['ERR_UPSTREAM', 'ERR_CONNECT'] as const).map((code) =>
    toServiceError(new EntropyError(code, 'detail')),
  );
  t.match(theirs?.message, /endpoint behind this gateway/);
  t.not(theirs?.message, ours?.message);
});

t.test('names failures of the daemon in terms of the service', async (t) => {
  const table: readonly [ErrorCode, string, number][] = [
    ['ERR_RATE', 'ThrottlingException', 400],
    ['ERR_BUSY', 'ThrottlingException', 400],
    ['ERR_CONNECT', 'DependencyTimeoutException', 503],
    ['ERR_CLOSED', 'DependencyTimeoutException', 503],
    ['ERR_TIMEOUT', 'DependencyTimeoutException', 503],
    ['ERR_NOT_SEEDED', 'DependencyTimeoutException', 503],
    ['ERR_UPSTREAM', 'DependencyTimeoutException', 503],
    ['ERR_HEALTH', 'KMSInternalException', 500],
    ['ERR_ENTROPY', 'KMSInternalException', 500],
    ['ERR_INTERNAL', 'KMSInternalException', 500],
    ['ERR_FORBIDDEN', 'KMSInternalException', 500],
    ['ERR_TOO_LARGE', 'RequestEntityTooLargeException', 413],
  ];
  for (const [code, name, status] of table) {
    const cause = new EntropyError(code, 'detail of the host');
    const error = toServiceError(cause);
    t.match(error, { code: name, status, cause }, code);
    t.notMatch(error.message, /detail/, `${code}: tells nothing of the original`);
  }
  t.match(toServiceError(new TypeError('x')), { code: 'KMSInternalException', status: 500 });
  const error = commonError('UnknownOperationException');
  t.equal(toServiceError(error), error, 'an error of the service stays as it is');
});

t.test('writes errors as boto and the SDKs read them', async (t) => {
  for (const [error, body] of [
    [commonError('SerializationException'), { __type: 'SerializationException' }],
    [
      new ServiceError('SerializationException', 400, 'x'),
      { __type: 'SerializationException', Message: 'x' },
    ],
    [awsError('CustomKeyStoreNotFoundException'), { __type: 'CustomKeyStoreNotFoundException' }],
    [
      awsError('ThrottlingException'),
      {
        __type: 'ThrottlingException',
        message:
          'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
      },
    ],
    [
      new ServiceError('AccessDeniedException', 400, 'x'),
      { __type: 'AccessDeniedException', Message: 'x' },
    ],
  ] as const)
    t.strictSame(encodeError(error), body, error.code);
});

const requestId = '7b9d4f2e-0000-4000-8000-000000000000';

t.test('is what the SDK throws, and still a ServiceError', async (t) => {
  const cause = new EntropyError('ERR_CONNECT', 'no daemon');
  const error = new KMSServiceException(toServiceError(cause), requestId);
  t.ok(error instanceof ServiceError);
  t.match(error, {
    name: 'DependencyTimeoutException',
    code: 'DependencyTimeoutException',
    status: 503,
    message: /timed out/,
    $fault: 'server',
    $metadata: { httpStatusCode: 503, requestId, attempts: 1, totalRetryDelay: 0 },
    cause,
  });
  t.match(String(error), /^DependencyTimeoutException: The system timed out/);
});

t.test('whose fault it is and whether to try again goes by type', async (t) => {
  for (const [code, name, $fault, $retryable] of [
    ['ERR_RATE', 'ThrottlingException', 'client', { throttling: true }],
    ['ERR_BUSY', 'ThrottlingException', 'client', { throttling: true }],
    ['ERR_CONNECT', 'DependencyTimeoutException', 'server', {}],
    ['ERR_HEALTH', 'KMSInternalException', 'server', {}],
    ['ERR_TOO_LARGE', 'RequestEntityTooLargeException', 'client', undefined],
  ] as [ErrorCode, string, string, unknown][]) {
    const error = new KMSServiceException(toServiceError(new EntropyError(code, 'x')), requestId);
    t.strictSame([error.name, error.$fault, error.$retryable], [name, $fault, $retryable], code);
  }
});

t.test('has the text that the SDK puts where the service sends none', async (t) => {
  const error = new KMSServiceException(commonError('SerializationException'), requestId);
  t.equal(error.message, 'UnknownError');
});

t.test("the SDK's own classes take it for theirs", async (t) => {
  const make = (code: ErrorCode) =>
    new KMSServiceException(toServiceError(new EntropyError(code, 'x')), requestId);
  t.ok(make('ERR_CONNECT') instanceof sdk.KMSServiceException);
  t.ok(make('ERR_CONNECT') instanceof sdk.DependencyTimeoutException);
  t.notOk(make('ERR_CONNECT') instanceof sdk.KMSInternalException);
  t.ok(make('ERR_HEALTH') instanceof sdk.KMSInternalException);
});
