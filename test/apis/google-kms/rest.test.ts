import fc from 'fast-check';
import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import {
  denied,
  invalidArgument,
  invalidCredential,
  missingCredential,
  throttled,
  toGoogleError,
} from '../../../src/apis/google-kms/errors.js';
import { crc32c } from '../../../src/apis/google-kms/format.js';
import {
  checkRoute,
  decodeRequest,
  encodeError,
  encodeResponse,
} from '../../../src/apis/google-kms/rest.js';
import { apiRequest } from '../../support/gateway.js';

const path = '/v1/projects/p/locations/l:generateRandomBytes';

/** A request with this body, but for what is given. */
const restRequest = (body: string, overrides: Partial<ApiRequest> = {}) =>
  apiRequest({ path, body: Buffer.from(body), ...overrides });

t.test('nothing is served but one method of locations', async (t) => {
  for (const location of [
    'projects/p/locations/l',
    'projects/a:b/locations/l',
    'projects/a%3Ab/locations/%',
  ])
    t.doesNotThrow(() =>
      checkRoute(restRequest('', { path: `/v1/${location}:generateRandomBytes` })),
    );
  for (const overrides of [
    { method: 'GET' },
    { method: 'PUT' },
    ...[
      '/v1/projects/p/locations/l',
      '/v1/projects/p/locations/l:generateRandom',
      '/v1/projects/p/locations/l:generateRandomBytes/',
      '/v1/projects/p/locations/l/keyRings/k:generateRandomBytes',
      '/v1/projects/p:generateRandomBytes',
      '/v2/projects/p/locations/l:generateRandomBytes',
    ].map((path) => ({ path })),
  ])
    t.throws(
      () => checkRoute(restRequest('', overrides)),
      {
        code: 'NOT_FOUND',
        message:
          'Nothing is served here but POST /v1/projects/{project}/locations/{location}:generateRandomBytes.',
      },
      JSON.stringify(overrides),
    );
});

t.test('a body is JSON as proto3 has it', async (t) => {
  const size = (lengthBytes: number) => ({ lengthBytes, protectionLevel: 0 });
  const level = (protectionLevel: number) => ({ lengthBytes: 0, protectionLevel });
  for (const [body, fields] of [
    ['', size(0)],
    ['{}', size(0)],
    [' {"lengthBytes": 16, "protectionLevel": "HSM"}\n', { lengthBytes: 16, protectionLevel: 2 }],
    ['{"length_bytes":16,"protection_level":2}', { lengthBytes: 16, protectionLevel: 2 }],
    ['{"lengthBytes":null,"protectionLevel":null,"location":null}', size(0)],
    ['{"lengthBytes":16.0}', size(16)],
    ['{"lengthBytes":1.6e1}', size(16)],
    ['{"lengthBytes":"16"}', size(16)],
    ['{"lengthBytes":"16.0"}', size(16)],
    ['{"lengthBytes":"1.6E+1"}', size(16)],
    ['{"lengthBytes":"-0"}', size(0)],
    ['{"lengthBytes":-2147483648}', size(-(2 ** 31))],
    ['{"protectionLevel":"PROTECTION_LEVEL_UNSPECIFIED"}', level(0)],
    ['{"protectionLevel":"HSM_SINGLE_TENANT"}', level(5)],
    ['{"protectionLevel":77}', level(77)],
    ['{"location":"projects/q/locations/m"}', size(0)],
  ] as const)
    t.match(
      decodeRequest(restRequest(body)),
      { location: 'projects/p/locations/l', ...fields },
      body,
    );
});

t.test('what is no such JSON is refused with the field', async (t) => {
  const unknown = 'Invalid JSON payload received. Unknown name ';
  const badSize = "Invalid value at 'length_bytes' (TYPE_INT32).";
  const badLevel =
    "Invalid value at 'protection_level' (type.googleapis.com/google.cloud.kms.v1.ProtectionLevel).";
  for (const [body, message] of [
    ['{bad', 'Invalid JSON payload received. Unexpected token.'],
    [' ', 'Invalid JSON payload received. Unexpected token.'],
    ...['null', '[]', '16', '"x"'].map((body) => [body, /Expected an object\.$/] as const),
    ['{"x":null}', `${unknown}"x": Cannot find field.`],
    ['{"LengthBytes":16}', `${unknown}"LengthBytes": Cannot find field.`],
    ['{"__proto__":16}', `${unknown}"__proto__": Cannot find field.`],
    ['{"constructor":16}', `${unknown}"constructor": Cannot find field.`],
    [`{"${'x'.repeat(100)}":1}`, `${unknown}"${'x'.repeat(64)}": Cannot find field.`],
    ['{"lengthBytes":16,"length_bytes":16}', 'Duplicate field length_bytes.'],
    ['{"lengthBytes":null,"length_bytes":16}', 'Duplicate field length_bytes.'],
    ...['16.5', '2147483648', '1e400', '"0x10"', '"010"', '" 16"', '"16 "', '"+16"', '""', 'true']
      .concat(['[16]', '{}', '"1e400"', '"NaN"'])
      .map((value) => [`{"lengthBytes":${value}}`, badSize] as const),
    ...['"hsm"', '"2"', '""', '2.5', 'true', '["HSM"]', '"__proto__"', '"toString"'].map(
      (value) => [`{"protectionLevel":${value}}`, badLevel] as const,
    ),
    ['{"location":5}', "Invalid value at 'location' (TYPE_STRING)."],
  ] as const)
    t.throws(
      () => decodeRequest(restRequest(body)),
      { code: 'INVALID_ARGUMENT', status: 400, message },
      body,
    );
});

t.test('the query may only say JSON, in any spelling', async (t) => {
  for (const query of [
    '',
    'alt=json',
    '$alt=json;enum-encoding=int',
    '%24alt=json%3Benum-encoding%3Dint',
    '$alt=json%3Benum-encoding=int&prettyPrint=false&key=x&%24.xgafv=2',
  ])
    t.match(decodeRequest(restRequest('{"lengthBytes":9}', { query })), { lengthBytes: 9 }, query);
  for (const [query, message] of [
    ['alt=proto', 'alt must be json.'],
    ['$alt=', '$alt must be json.'],
    ['alt=json&alt=media', 'alt must be json.'],
    ['callback=x', /Unknown name "callback": Cannot bind query parameter\.$/],
    ['access_token=x', /Unknown name "access_token"/],
    ['lengthBytes=16', /Unknown name "lengthBytes"/],
  ] as const)
    t.throws(
      () => decodeRequest(restRequest('{}', { query })),
      { code: 'INVALID_ARGUMENT', message },
      query,
    );
});

t.test('the path may be escaped', async (t) => {
  const decode = (project: string) =>
    decodeRequest(
      restRequest('', { path: `/v1/projects/${project}/locations/l:generateRandomBytes` }),
    );
  t.equal(decode('example.com%3Ap').location, 'projects/example.com:p/locations/l');
  t.equal(decode('a%2Flocations%2Fb').location, 'projects/a/locations/b/locations/l');
  for (const project of ['%', '%zz', '%ff'])
    t.throws(() => decode(project), { code: 'INVALID_ARGUMENT' }, project);
});

t.test('bytes are base64, and their checksum is a decimal string', async (t) => {
  await fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const { status, headers, body } = encodeResponse(bytes, 'id-1');
      t.match(
        { status, headers },
        {
          status: 200,
          headers: { 'Content-Type': 'application/json; charset=UTF-8', 'x-request-id': 'id-1' },
        },
      );
      const data = Buffer.from(bytes).toString('base64');
      const expected = JSON.stringify({ data, dataCrc32c: String(crc32c(bytes)) });
      return Buffer.from(body as Uint8Array).toString() === expected;
    }),
    { numRuns: 200, examples: [[new Uint8Array()], [new Uint8Array([0])]] },
  );
});

t.test('an error is the JSON of google.rpc.Status', async (t) => {
  const bodyOf = (error: Parameters<typeof encodeError>[0]) => {
    const { status, headers, body } = encodeError(error, 'id-1');
    t.match(headers, { 'Content-Type': 'application/json; charset=UTF-8', 'x-request-id': 'id-1' });
    return { status, authenticate: headers['WWW-Authenticate'], ...JSON.parse(String(body)) };
  };
  t.strictSame(bodyOf(invalidArgument('x', 'length_bytes')), {
    status: 400,
    authenticate: undefined,
    error: {
      code: 400,
      message: 'x',
      status: 'INVALID_ARGUMENT',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.BadRequest',
          fieldViolations: [{ field: 'length_bytes', description: 'x' }],
        },
      ],
    },
  });
  t.match(bodyOf(denied('r')), {
    status: 403,
    error: {
      code: 403,
      status: 'PERMISSION_DENIED',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'IAM_PERMISSION_DENIED',
          domain: 'cloudkms.googleapis.com',
          metadata: { resource: 'r' },
        },
      ],
    },
  });
  t.strictSame(bodyOf(toGoogleError('x')).error, {
    code: 500,
    message: 'Internal error encountered.',
    status: 'INTERNAL',
  });
  t.match(bodyOf(throttled()), { status: 429 });
  const realm = 'Bearer realm="https://accounts.google.com/"';
  t.match(bodyOf(missingCredential()), { status: 401, authenticate: realm });
  t.match(bodyOf(invalidCredential()), {
    status: 401,
    authenticate: `${realm}, error="invalid_token"`,
  });
});
