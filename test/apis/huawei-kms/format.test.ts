import fc from 'fast-check';
import t from 'tap';
import {
  authenticationError,
  checkProjectId,
  type Dialect,
  decodeRequest,
  encodeError,
  encodeResponse,
  encodeResult,
  expiredError,
  genRandomError,
  throttledError,
  toCallerError,
  toServiceError,
  unknownKeyError,
} from '../../../src/apis/huawei-kms/format.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../../src/common/errors.js';

const goodSequence = '919c82d4-8046-4722-9094-35c3c6524cff';

t.test('accepts the lengths of each dialect, as a string or an integer', async (t) => {
  for (const [dialect, length, size] of [
    ['otc', '512', 64],
    ['otc', 512, 64],
    ['hwc', '8', 1],
    ['hwc', 8, 1],
    ['hwc', '512', 64],
    ['hwc', '8192', 1024],
  ] as const)
    for (const sequence of [undefined, null, goodSequence])
      t.strictSame(
        decodeRequest({ random_data_length: length, sequence, unknown: 1 }, dialect),
        { size },
        `${dialect} ${JSON.stringify(length)} with sequence ${sequence}`,
      );
});

t.test('refuses in the order of the error numbers', async (t) => {
  const both: readonly Dialect[] = ['otc', 'hwc'];
  const length = (random_data_length: unknown) => ({ random_data_length });
  const table: readonly [string, string, readonly Dialect[], readonly unknown[]][] = [
    [
      'KMS.0202',
      'Invalid JSON format of the request message.',
      both,
      [undefined, null, [], [length('512')], '512', 512],
    ],
    [
      'KMS.0204',
      'Parameters missing in the request message.',
      both,
      [{}, length(null), length(undefined), { sequence: 'short' }],
    ],
    [
      'KMS.0206',
      'Invalid sequence number.',
      both,
      [goodSequence.slice(1), `${goodSequence}0`, `${goodSequence.slice(1)}é`, '', 36, {}].map(
        (sequence) => ({
          random_data_length: 'x',
          sequence,
        }),
      ),
    ],
    [
      'KMS.0308',
      'Invalid parameter.',
      both,
      ['', ' 512', '512\n', '5e2', '0x200', '512.0', 'NaN', 512.5, Number.NaN, true, {}].map(
        length,
      ),
    ],
    [
      'KMS.1801',
      'random_data_length must be 512 bits.',
      ['otc'],
      ['256', '0', '-512', '1024', 256, 513].map(length),
    ],
    [
      'KMS.1801',
      'random_data_length must be in the range 8 bits to 8,192 bits.',
      ['hwc'],
      ['0', '7', '-8', '8193', '8200', '9'.repeat(400), 2 ** 53].map(length),
    ],
    [
      'KMS.1802',
      'random_data_length must be a multiple of 8.',
      ['hwc'],
      ['12', 9, '8191'].map(length),
    ],
  ];
  for (const [code, message, dialects, inputs] of table)
    for (const dialect of dialects)
      for (const input of inputs)
        t.throws(
          () => decodeRequest(input, dialect),
          { name: 'ServiceError', code, status: 400, message },
          `${dialect} ${code}: ${JSON.stringify(input)?.slice(0, 80)}`,
        );
});

t.test('decodes anything to a size of its dialect or to an error of the service', async (t) => {
  const codes = ['KMS.0202', 'KMS.0204', 'KMS.0206', 'KMS.0308', 'KMS.1801', 'KMS.1802'];
  const length = fc.oneof(fc.anything(), fc.integer(), fc.integer().map(String), fc.nat(8192));
  const members = fc.record(
    { random_data_length: length, sequence: fc.oneof(fc.anything(), fc.constant(goodSequence)) },
    { requiredKeys: [] },
  );
  const input = fc.oneof(fc.anything(), members, fc.record({ random_data_length: length }));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(input, fc.constantFrom<Dialect>('otc', 'hwc'), (input, dialect) => {
        try {
          const { size } = decodeRequest(input, dialect);
          return dialect === 'otc'
            ? size === 64
            : Number.isInteger(size) && size >= 1 && size <= 1024;
        } catch (error) {
          return (
            error instanceof ServiceError && codes.includes(error.code) && error.status === 400
          );
        }
      }),
    ),
  );
});

t.test('answers in upper-case hexadecimal of just the view given', async (t) => {
  const bytes = new Uint8Array([9, 0xab, 0x00, 0x1f, 9]).subarray(1, 4);
  t.equal(String(encodeResponse(bytes)), '{"random_data":"AB001F"}');
  t.strictSame(encodeResult(bytes), { random_data: 'AB001F' });
});

t.test('names failures of the daemon in terms of the service', async (t) => {
  const table: readonly [ErrorCode, string, number][] = [
    ['ERR_RATE', 'APIGW.0308', 429],
    ['ERR_BUSY', 'APIGW.0308', 429],
    ['ERR_CONNECT', 'KMS.0104', 503],
    ['ERR_CLOSED', 'KMS.0104', 503],
    ['ERR_TIMEOUT', 'KMS.0104', 503],
    ['ERR_NOT_SEEDED', 'KMS.0104', 503],
    ['ERR_HEALTH', 'KMS.0101', 500],
    ['ERR_ENTROPY', 'KMS.0101', 500],
    ['ERR_INTERNAL', 'KMS.0101', 500],
    ['ERR_FORBIDDEN', 'KMS.0101', 500],
    ['ERR_TOO_LARGE', 'KMS.0203', 400],
  ];
  for (const [code, number, status] of table) {
    const cause = new EntropyError(code, 'detail of the host');
    const error = toServiceError(cause);
    t.match(error, { code: number, status, cause }, code);
    t.notMatch(error.message, /detail/, `${code}: tells nothing of the original`);
  }
  t.match(toServiceError(new TypeError('x')), { code: 'KMS.0101', status: 500 });
  t.match(toServiceError(new EntropyError('ERR_UPSTREAM', 'upstream kms.example: detail')), {
    code: 'KMS.0104',
    status: 503,
    message: 'The KMS endpoint behind this gateway did not answer. You can retry the request.',
  });
  const error = genRandomError('KMS.0215');
  t.equal(toServiceError(error), error, 'an error of the service stays as it is');
});

t.test('refuses who cannot be let in with the texts of the service', async (t) => {
  const signature = 'Incorrect IAM authentication information: ';
  for (const [error, code, status, message] of [
    [genRandomError('KMS.0301'), 'KMS.0301', 403, 'Invalid or null X-Auth-Token.'],
    [genRandomError('KMS.0321'), 'KMS.0321', 403, 'URIs in URL and X-Auth-Token do not match.'],
    [genRandomError('KMS.0326'), 'KMS.0326', 403, 'No access permissions.'],
    [genRandomError('KMS.0330'), 'KMS.0330', 403, 'User has no permission.'],
    [
      genRandomError('APIGW.0302'),
      'APIGW.0302',
      403,
      'The IAM user is not authorized to access the API.',
    ],
    [genRandomError('APIGW.0301'), 'APIGW.0301', 401, `${signature}verify aksk signature fail`],
    [
      authenticationError('expired'),
      'APIGW.0301',
      401,
      `${signature}calc ak sk signature fail:signature expired`,
    ],
    [authenticationError('tokenAbsent'), 'APIGW.0301', 401, `${signature}x-auth-token not found`],
    [authenticationError('tokenInvalid'), 'APIGW.0301', 401, `${signature}decrypt token fail`],
    [unknownKeyError('AK'), 'APIGW.0301', 401, `${signature}ak AK not exist`],
  ] as const)
    t.match(error, { name: 'ServiceError', code, status, message }, `${code} ${message}`);
});

t.test('who asks too often is told so in words that clients look for', async (t) => {
  const threshold = 'The throttling threshold has been reached: policy';
  for (const [error, message] of [
    [throttledError(100), `${threshold} user over ratelimit,limit:100,time:1 second`],
    [throttledError(undefined), `${threshold} api over ratelimit`],
    [toServiceError(new EntropyError('ERR_BUSY', 'x')), `${threshold} api over ratelimit`],
  ] as const)
    t.match(error, { code: 'APIGW.0308', status: 429, message });
});

t.test('an expired key or token is told with its time', async (t) => {
  t.match(expiredError(Date.UTC(2026, 0, 1)), {
    code: 'APIGW.0301',
    status: 401,
    message:
      'Incorrect IAM authentication information: token expires, expires_at: 2026-01-01T00:00:00.000Z',
  });
});

t.test(
  'writes errors nested, readable for the Node SDK on demand, and flat for APIGW',
  async (t) => {
    const requestId = 'id-1';
    const nested = {
      error_code: 'KMS.0204',
      error_msg: 'Parameters missing in the request message.',
    };
    const flat = {
      error_msg: 'The API does not exist or has not been published in the environment',
      error_code: 'APIGW.0101',
      request_id: requestId,
    };
    // Compared as text: the order is that of the API gateway's answers.
    for (const [code, nodeSdkErrors, body] of [
      ['KMS.0204', false, { error: nested }],
      [
        'KMS.0204',
        true,
        { error: { ...nested, code: nested.error_code, message: nested.error_msg } },
      ],
      ['APIGW.0101', false, flat],
      ['APIGW.0101', true, flat],
    ] as const)
      t.equal(
        JSON.stringify(encodeError(genRandomError(code), { requestId, nodeSdkErrors })),
        JSON.stringify(body),
        `${code}, nodeSdkErrors ${nodeSdkErrors}`,
      );
  },
);

t.test('a project is one segment of a path, where there is one', async (t) => {
  for (const id of [undefined, null, 'project', '0a1b', 'a.b~c-d_e', '%2F'])
    t.doesNotThrow(() => checkProjectId(id), `${id}`);
  for (const id of ['', '/', 'a/b', 'a?b', 'a b', 'a\n', '\u00a0', 1, {}, []])
    t.throws(() => checkProjectId(id), { code: 'APIGW.0101', status: 404 }, JSON.stringify(id));
});

t.test('callers of the library get the documented body as a member', async (t) => {
  const cause = new EntropyError('ERR_CONNECT', 'detail of the host');
  t.match(toCallerError(cause), {
    code: 'KMS.0104',
    status: 503,
    error: {
      error_code: 'KMS.0104',
      error_msg: 'A system exception occurred. Contact technical support.',
    },
    cause,
  });
});
