import * as sdk from '@aws-sdk/client-secrets-manager';
import t from 'tap';
import { commonError } from '../../../src/apis/aws-json/errors.js';
import {
  encodeError,
  SecretsManagerServiceException,
  secretsError,
  toServiceError,
} from '../../../src/apis/aws-secrets-manager/errors.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../../src/common/errors.js';

t.test('names failures of the daemon in terms of the service', async (t) => {
  for (const [code, name, status, retryable] of [
    ['ERR_RATE', 'ThrottlingException', 400, { throttling: true }],
    ['ERR_BUSY', 'ThrottlingException', 400, { throttling: true }],
    ['ERR_CONNECT', 'ServiceUnavailable', 503, {}],
    ['ERR_TIMEOUT', 'ServiceUnavailable', 503, {}],
    ['ERR_NOT_SEEDED', 'ServiceUnavailable', 503, {}],
    ['ERR_HEALTH', 'InternalServiceError', 500, {}],
    ['ERR_ENTROPY', 'InternalServiceError', 500, {}],
    ['ERR_INTERNAL', 'InternalServiceError', 500, {}],
    ['ERR_TOO_LARGE', 'RequestEntityTooLargeException', 413, undefined],
  ] as readonly [ErrorCode, string, number, unknown][]) {
    const cause = new EntropyError(code, 'detail of the host');
    const error = toServiceError(cause);
    t.match(error, { code: name, status, cause }, code);
    t.notMatch(error.message, /detail/, `${code}: tells nothing of the original`);
    t.strictSame(new SecretsManagerServiceException(error, 'id').$retryable, retryable, code);
  }
  const error = commonError('UnknownOperationException');
  t.equal(toServiceError(error), error, 'an error of the service stays as it is');
});

t.test("spells the text's member as the service's model does", async (t) => {
  for (const [code, member] of [
    ['InvalidParameterException', 'Message'],
    ['InternalServiceError', 'Message'],
    ['AccessDeniedException', 'Message'],
    ['ThrottlingException', 'message'],
    ['ValidationException', 'message'],
  ] as const)
    t.strictSame(encodeError(new ServiceError(code, 400, 'x')), { __type: code, [member]: 'x' });
});

t.test("the SDK's own classes take it for theirs", async (t) => {
  const make = (error: ServiceError) => new SecretsManagerServiceException(error, 'id');
  const failed = make(secretsError('InternalServiceError'));
  t.ok(failed instanceof sdk.SecretsManagerServiceException);
  t.ok(failed instanceof sdk.InternalServiceError);
  t.notOk(failed instanceof sdk.InvalidParameterException);
  const refused = make(new ServiceError('InvalidParameterException', 400, 'x'));
  t.ok(refused instanceof sdk.InvalidParameterException);
  t.match(refused, { $fault: 'client', $metadata: { httpStatusCode: 400, requestId: 'id' } });
});
