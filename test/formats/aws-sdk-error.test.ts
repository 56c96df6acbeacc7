import * as sdk from '@aws-sdk/client-kms';
import t from 'tap';
import { EntropyError, type ErrorCode, ServiceError } from '../../src/common/errors.js';
import { awsError, toServiceError } from '../../src/formats/aws-kms.js';
import { KMSServiceException } from '../../src/formats/aws-sdk-error.js';

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
  const error = new KMSServiceException(awsError('SerializationException'), requestId);
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
