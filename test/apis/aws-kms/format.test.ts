import * as sdk from '@aws-sdk/client-kms';
import fc from 'fast-check';
import t from 'tap';
import {
  accessDenied,
  awsError,
  decodeRequest,
  encodeError,
  encodeResponse,
  KMSServiceException,
  maxNumberOfBytes,
  needsKms,
  toServiceError,
} from '../../../src/apis/aws-kms/format.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../../src/common/errors.js';

const constraint = (value: string, range: string) =>
  `1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${range}`;
const belowMinimum = (value: string) => constraint(value, 'greater than or equal to 1');
const aboveMaximum = (value: string) => constraint(value, 'less than or equal to 1024');

t.test('accepts 1 to 1024, truncates decimals and ignores unknown members', async (t) => {
  for (const [input, size] of [
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 1024 }, maxNumberOfBytes],
    [{ NumberOfBytes: 3.5 }, 3],
    [{ NumberOfBytes: 1024.9 }, 1024],
    [{ NumberOfBytes: 32, Unknown: [1] }, 32],
    [{ NumberOfBytes: 32, Recipient: null, CustomKeyStoreId: null }, 32],
  ] as const)
    t.strictSame(decodeRequest(input), { size }, JSON.stringify(input));
});

t.test('refuses a value with the text of the service', async (t) => {
  for (const [input, message] of [
    [{}, 'NumberOfBytes is required.'],
    [{ NumberOfBytes: null }, 'NumberOfBytes is required.'],
    [{ NumberOfBytes: undefined }, 'NumberOfBytes is required.'],
    [{ NumberOfBytes: 0 }, belowMinimum('0')],
    [{ NumberOfBytes: 0.5 }, belowMinimum('0')],
    [{ NumberOfBytes: -0.5 }, belowMinimum('0')],
    [{ NumberOfBytes: -1 }, belowMinimum('-1')],
    [{ NumberOfBytes: -1e99 }, belowMinimum('-2147483648')],
    [{ NumberOfBytes: 1025 }, aboveMaximum('1025')],
    [{ NumberOfBytes: 2 ** 32 + 32 }, aboveMaximum('2147483647')],
    [{ NumberOfBytes: Number.POSITIVE_INFINITY }, aboveMaximum('2147483647')],
  ] as const)
    t.throws(
      () => decodeRequest(input),
      { name: 'ServiceError', code: 'ValidationException', status: 400, message },
      message,
    );
});

t.test('refuses a wrong type with the text of the service', async (t) => {
  for (const [value, message] of [
    ['32', 'STRING_VALUE can not be converted to an Integer'],
    ['NaN', 'STRING_VALUE can not be converted to an Integer'],
    [Number.NaN, 'STRING_VALUE can not be converted to an Integer'],
    [true, 'TRUE_VALUE can not be converted to an Integer'],
    [false, 'FALSE_VALUE can not be converted to an Integer'],
    [[1], 'Start of list found where not expected'],
    [{}, 'Start of structure or map found where not expected.'],
  ] as const)
    t.throws(
      () => decodeRequest({ NumberOfBytes: value, Recipient: {} }),
      { code: 'SerializationException', status: 400, message },
      `${JSON.stringify(value)}, though Recipient is there`,
    );
});

t.test('refuses anything but a structure, without a text', async (t) => {
  for (const input of [null, undefined, [], [{ NumberOfBytes: 1 }], 'x', 1, true])
    t.throws(
      () => decodeRequest(input),
      { code: 'SerializationException', status: 400, message: '' },
      JSON.stringify(input),
    );
});

t.test('never yields a size for Recipient or CustomKeyStoreId', async (t) => {
  for (const [members, code] of [
    [{ Recipient: {} }, 'UnsupportedOperationException'],
    [{ Recipient: 'x', CustomKeyStoreId: 'x' }, 'UnsupportedOperationException'],
    [{ CustomKeyStoreId: 'cks-1' }, 'CustomKeyStoreNotFoundException'],
    [{ CustomKeyStoreId: '' }, 'CustomKeyStoreNotFoundException'],
  ] as const)
    for (const NumberOfBytes of [32, 0, null])
      t.throws(
        () => decodeRequest({ ...members, NumberOfBytes }),
        { code, status: 400 },
        JSON.stringify({ ...members, NumberOfBytes }),
      );
});

t.test('knows what only the service can answer', async (t) => {
  for (const [input, wanted] of [
    [{ Recipient: {} }, true],
    [{ NumberOfBytes: 1, CustomKeyStoreId: '' }, true],
    [{ NumberOfBytes: 1, CustomKeyStoreId: null, Recipient: null }, false],
    [{}, false],
    [[], false],
    [null, false],
    [undefined, false],
    ['Recipient', false],
  ] as const)
    t.equal(needsKms(input), wanted, JSON.stringify(input));
});

t.test('tells an upstream that fails from a daemon that does', async (t) => {
  const [theirs, ours] = (['ERR_UPSTREAM', 'ERR_CONNECT'] as const).map((code) =>
    toServiceError(new EntropyError(code, 'detail')),
  );
  t.match(theirs?.message, /endpoint behind this gateway/);
  t.not(theirs?.message, ours?.message);
});

t.test('decodes anything to a size from 1 to 1024 or to an error of the service', async (t) => {
  const codes = [
    'SerializationException',
    'ValidationException',
    'UnsupportedOperationException',
    'CustomKeyStoreNotFoundException',
  ];
  const value = fc.oneof(fc.anything(), fc.integer(), fc.double());
  const members = fc.record(
    { NumberOfBytes: value, Recipient: fc.anything(), CustomKeyStoreId: fc.anything() },
    { requiredKeys: [] },
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), members, fc.record({ NumberOfBytes: value })),
        (input) => {
          try {
            const { size } = decodeRequest(input);
            return Number.isInteger(size) && size >= 1 && size <= maxNumberOfBytes;
          } catch (error) {
            return (
              error instanceof ServiceError && codes.includes(error.code) && error.status === 400
            );
          }
        },
      ),
    ),
  );
});

t.test('answers in base64, with padding, of just the view given', async (t) => {
  const bytes = new Uint8Array([9, 0xff, 0xef, 0, 9]).subarray(1, 4);
  t.equal(String(encodeResponse(bytes)), '{"Plaintext":"/+8A"}');
  t.equal(String(encodeResponse(bytes.subarray(0, 1))), '{"Plaintext":"/w=="}');
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
  const error = awsError('UnknownOperationException');
  t.equal(toServiceError(error), error, 'an error of the service stays as it is');
});

t.test('refuses who cannot be let in with the texts of the service', async (t) => {
  for (const [error, code, message] of [
    [
      awsError('MissingAuthenticationTokenException'),
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    ],
    [
      awsError('InvalidSignatureException'),
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ],
    [
      awsError('UnrecognizedClientException'),
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    ],
    [
      awsError('ExpiredTokenException'),
      'ExpiredTokenException',
      'The security token included in the request is expired',
    ],
    [
      accessDenied('arn:aws:iam::000000000000:user/reports', 'GenerateRandom'),
      'AccessDeniedException',
      'User: arn:aws:iam::000000000000:user/reports is not authorized to perform: kms:GenerateRandom because no identity-based policy allows the kms:GenerateRandom action',
    ],
  ] as const)
    t.match(error, { name: 'ServiceError', code, status: 400, message }, code);
});

t.test('writes errors as boto and the SDKs read them', async (t) => {
  for (const [error, body] of [
    [awsError('SerializationException'), { __type: 'SerializationException' }],
    [
      awsError('ThrottlingException'),
      {
        __type: 'ThrottlingException',
        message:
          'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
      },
    ],
    [
      accessDenied('arn', 'GenerateRandom'),
      {
        __type: 'AccessDeniedException',
        Message:
          'User: arn is not authorized to perform: kms:GenerateRandom because no identity-based policy allows the kms:GenerateRandom action',
      },
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
