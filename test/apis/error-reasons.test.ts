import t from 'tap';
import { accessDenied, awsError } from '../../src/apis/aws-kms/format.js';
import { errorReason } from '../../src/apis/error-reasons.js';
import {
  authenticationError,
  expiredKeyError,
  genRandomError,
} from '../../src/apis/huawei-kms/format.js';
import { invalidRequest, vaultError } from '../../src/apis/vault/format.js';
import { EntropyError, ServiceError } from '../../src/common/errors.js';

const service = (code: string) => new ServiceError(code, 400, 'text');
const daemon = (code: EntropyError['code']) => new EntropyError(code, 'text');

t.test('every API has the same reasons', async (t) => {
  for (const [reason, errors] of [
    [
      'authentication',
      [
        awsError('MissingAuthenticationTokenException'),
        service('IncompleteSignatureException'),
        awsError('InvalidSignatureException'),
        awsError('UnrecognizedClientException'),
        awsError('ExpiredTokenException'),
        authenticationError('tokenAbsent'),
        expiredKeyError(0),
        genRandomError('KMS.0301'),
        genRandomError('KMS.0302'),
        genRandomError('KMS.0303'),
        vaultError('no token'),
        vaultError('invalid token'),
      ],
    ],
    [
      'forbidden',
      [
        accessDenied('arn', 'Decrypt'),
        genRandomError('KMS.0321'),
        genRandomError('KMS.0326'),
        genRandomError('KMS.0330'),
        vaultError('permission denied'),
      ],
    ],
    [
      'throttled',
      [
        awsError('ThrottlingException'),
        genRandomError('APIGW.0308'),
        vaultError('rate limit quota exceeded'),
      ],
    ],
    [
      'request',
      [
        awsError('SerializationException'),
        awsError('UnknownOperationException'),
        genRandomError('APIGW.0101'),
        genRandomError('KMS.1802'),
        vaultError('unsupported path'),
        invalidRequest('text'),
        service('whatever comes later'),
        daemon('ERR_TOO_LARGE'),
      ],
    ],
    ['overload', [daemon('ERR_BUSY'), daemon('ERR_RATE')]],
    [
      'unavailable',
      [
        daemon('ERR_CONNECT'),
        daemon('ERR_CLOSED'),
        daemon('ERR_TIMEOUT'),
        daemon('ERR_NOT_SEEDED'),
      ],
    ],
    ['upstream', [daemon('ERR_UPSTREAM')]],
    ['fault', [daemon('ERR_HEALTH'), daemon('ERR_INTERNAL'), new TypeError('x'), 'x', undefined]],
  ] as const)
    for (const error of errors)
      t.equal(errorReason(error), reason, `${reason}: ${(error as EntropyError)?.code ?? error}`);
});
