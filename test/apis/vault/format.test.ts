import fc from 'fast-check';
import t from 'tap';
import {
  decodeRequest,
  encodeError,
  encodeResponse,
  maxBytes,
  readPath,
  toServiceError,
  unsupportedPath,
  vaultError,
} from '../../../src/apis/vault/format.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../../src/common/errors.js';

t.test('a path names source, bytes, both or neither, on two mounts', async (t) => {
  for (const [rest, wanted] of [
    ['', {}],
    ['/platform', { source: 'platform' }],
    ['/seal', { source: 'seal' }],
    ['/all', { source: 'all' }],
    ['/64', { bytes: '64' }],
    ['/platforms', { bytes: 'platforms' }],
    ['/seal/64', { source: 'seal', bytes: '64' }],
    ['/64/seal', { source: '64', bytes: 'seal' }],
    ['/%36', { bytes: '%36' }],
    ['/-1', { bytes: '-1' }],
    ['/platform/64/', { source: 'platform', bytes: '64/' }],
    ['/platform/64/1', { source: 'platform', bytes: '64/1' }],
    ['/', undefined],
    ['/platform/', undefined],
    ['/64/', undefined],
    ['//64', undefined],
    ['x', undefined],
  ] as const)
    for (const mount of ['/v1/sys/tools/random', '/v1/transit/random'])
      t.strictSame(readPath(mount + rest), wanted, mount + rest);
  for (const path of [
    '',
    '/',
    '/v1/',
    '/v1/random',
    '/v1/sys/random',
    '/v1/transit/RANDOM',
    '/v1/other/random/1',
    '/x/v1/sys/tools/random',
    '/v1/sys/tools/random\n',
  ])
    t.equal(readPath(path), undefined, path);
});

t.test('bytes of the path count before those of the body', async (t) => {
  for (const [path, input, size, format] of [
    [{}, undefined, 32, 'base64'],
    [{}, null, 32, 'base64'],
    [{}, {}, 32, 'base64'],
    [{}, { bytes: 1 }, 1, 'base64'],
    [{}, { bytes: '64', format: 'hex' }, 64, 'hex'],
    [{}, { bytes: maxBytes }, 131_072, 'base64'],
    [{ bytes: '131072' }, {}, 131_072, 'base64'],
    [{ bytes: '7' }, { bytes: 9, format: 'base64' }, 7, 'base64'],
    [{ bytes: '7' }, { bytes: -1 }, 7, 'base64'],
    [{ bytes: '7' }, { bytes: '' }, 7, 'base64'],
    [{ source: 'platform' }, { bytes: 9 }, 9, 'base64'],
    [{ source: 'all', bytes: '7' }, { bytes: 9 }, 7, 'base64'],
  ] as const)
    t.strictSame(decodeRequest(path, input), { size, format, warnings: [] }, JSON.stringify(input));
});

t.test('refuses in the order of types, size, format, source', async (t) => {
  const field = (name: string, type: string) =>
    `Field validation failed: error converting input for field "${name}": want ${type}`;
  const atoi = (text: string) =>
    `error parsing url-set byte count: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  const small = '"bytes" cannot be less than 1';
  const large = '"bytes" should be less than 131072';
  const format = (text: string) => `unsupported encoding format ${text}; must be "hex" or "base64"`;
  const rest = { bytes: 'x', format: 'y' };
  for (const [path, input, message] of [
    ...[[], [{}], 'x', 1, true].map((input) => [{}, input, 'failed to parse JSON input'] as const),
    ...[1.5, '1.5', ' 1', '1 ', '010', '0x20', '1e3', '+1', '--1', true, [], {}, Number.NaN].map(
      (bytes) => [{ bytes: 'x' }, { bytes, format: {} }, field('bytes', 'int')] as const,
    ),
    ...[[], {}].map((format) => [{ bytes: 'x' }, { format }, field('format', 'string')] as const),
    ...['x', 'platforms', '1.5', '%31', '"', '1é', '010', '+1', '64/', '24/5'].map(
      (bytes) => [{ bytes, source: 'x' }, { format: 'x' }, atoi(bytes)] as const,
    ),
    ...[0, -1, '0', '-5', '', null, false, -(2 ** 53)].map(
      (bytes) => [{}, { bytes, format: 'x' }, small] as const,
    ),
    ...['0', '-1'].map((bytes) => [{ bytes }, { format: 'x' }, small] as const),
    ...[131_073, '131073', '9'.repeat(400), 2 ** 53].map(
      (bytes) => [{}, { bytes, format: 'x' }, large] as const,
    ),
    [{ source: 'x' }, { format: 'HEX' }, format('"HEX"')],
    [{ source: 'x' }, { format: null }, format('""')],
    [{ source: 'x' }, { format: 5 }, format('"5"')],
    [{ source: 'x' }, { format: true }, format('"1"')],
    [{ source: 'x' }, { format: false }, format('"0"')],
    [{ source: 'x' }, { format: '"\n' }, format('"\\"\\n"')],
    [
      { source: 'x', bytes: '1' },
      {},
      'unsupported entropy source "x"; must be "platform" or "seal", or "all"',
    ],
    [{ source: 'x', bytes: 'y' }, rest, field('bytes', 'int')],
  ] as const)
    t.throws(
      () => decodeRequest(path, input),
      { name: 'ServiceError', code: 'invalid request', status: 400, message },
      JSON.stringify([path, input]).slice(0, 80),
    );
});

t.test('warns of what has no effect', async (t) => {
  const seal = 'no seal/entropy augmentation available, using platform entropy source';
  const ignored = (names: string) => `Endpoint ignored these unrecognized parameters: [${names}]`;
  const replaced = (names = 'source') =>
    `Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [${names}]`;
  for (const [path, input, warnings] of [
    [{ source: 'seal' }, {}, [seal]],
    [{ source: 'all' }, {}, []],
    [{}, { source: 'seal' }, [replaced()]],
    [{}, { source: { any: 'thing' } }, [replaced()]],
    [{}, { source: null, urlbytes: null }, []],
    [{}, { urlbytes: '7' }, [replaced('urlbytes')]],
    [{ bytes: '32' }, { urlbytes: 7, source: '' }, [replaced('source urlbytes')]],
    [{}, { drbg: 'auto' }, [ignored('drbg')]],
    [
      { source: 'seal' },
      JSON.parse('{"z":1,"__proto__":{"bytes":1},"source":"all"}'),
      [seal, ignored('__proto__ z'), replaced()],
    ],
  ] as const)
    t.strictSame(decodeRequest(path, input), { size: 32, format: 'base64', warnings });
});

t.test('decodes anything to a size in range or to an error of the service', async (t) => {
  const value = fc.oneof(fc.anything(), fc.integer(), fc.integer().map(String), fc.nat(200_000));
  const segment = fc.oneof(
    fc.string(),
    fc.constantFrom('platform', 'seal', 'all'),
    fc.nat(200_000).map(String),
  );
  const path = fc.record({ source: segment, bytes: segment }, { requiredKeys: [] });
  const members = fc.record(
    { bytes: value, format: fc.oneof(value, fc.constantFrom('hex', 'base64')), source: value },
    { requiredKeys: [] },
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(path, fc.oneof(fc.anything(), members), (path, input) => {
        try {
          const { size, format } = decodeRequest(path, input);
          const isSize = Number.isInteger(size) && size >= 1 && size <= 131_072;
          return isSize && ['hex', 'base64'].includes(format);
        } catch (error) {
          return error instanceof ServiceError && error.status === 400 && error.message !== '';
        }
      }),
    ),
  );
});

t.test('answers in the envelope, with just the view given', async (t) => {
  const bytes = new Uint8Array([9, 0xab, 0x00, 0x1f, 9]).subarray(1, 4);
  for (const [format, warnings, text] of [
    ['hex', [], 'ab001f'],
    ['base64', ['"é"'], 'qwAf'],
  ] as const)
    t.strictSame(JSON.parse(String(encodeResponse(bytes, { format, warnings }, 'id-1'))), {
      request_id: 'id-1',
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      data: { random_bytes: text },
      wrap_info: null,
      warnings: warnings.length === 0 ? null : warnings,
      auth: null,
    });
});

t.test('what is answered is the bytes, in either format', async (t) => {
  const format = fc.constantFrom<'hex' | 'base64'>('hex', 'base64');
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), format, (bytes, format) => {
        const { data } = JSON.parse(String(encodeResponse(bytes, { format, warnings: [] }, 'x')));
        return Buffer.from(data.random_bytes, format).equals(bytes);
      }),
    ),
  );
});

t.test('names failures of the daemon in terms of the service', async (t) => {
  const table: readonly [ErrorCode, number, string][] = [
    ['ERR_RATE', 429, 'rate limit quota exceeded'],
    ['ERR_NOT_SEEDED', 503, 'Vault is sealed'],
    ['ERR_CONNECT', 503, 'Vault is sealed'],
    ['ERR_HEALTH', 500, 'internal error'],
    ['ERR_TOO_LARGE', 413, 'http: request body too large'],
  ];
  for (const [code, status, message] of table) {
    const cause = new EntropyError(code, 'detail of the host');
    const error = toServiceError(cause);
    t.match(error, { status, message, cause }, code);
    t.strictSame(encodeError(error), { errors: [message] }, 'tells nothing of the original');
  }
  const error = vaultError('unsupported path');
  t.match(error, { status: 404, code: 'unsupported path' });
  t.equal(toServiceError(error), error, 'an error of the service stays as it is');
});

t.test('tells a mount that is not there from a path that its mount does not have', async (t) => {
  const unsupported = '1 error occurred:\n\t* unsupported path\n\n';
  const noRoute = (path: string) => `no handler for route ${path}. route entry not found.`;
  for (const [path, message] of [
    ['sys/tools/random/', unsupported],
    ['sys', unsupported],
    ['sys/leader', unsupported],
    ['transit/keys/x', unsupported],
    ['auth/token/create', unsupported],
    ['other/random', noRoute('"other/random"')],
    ['auth/userpass/login/x', noRoute('"auth/userpass/login/x"')],
    ['system/x', noRoute('"system/x"')],
    ['transit2', noRoute('"transit2"')],
    ['', noRoute('""')],
    ['a"b', noRoute('"a\\"b"')],
  ] as const)
    t.match(unsupportedPath(path), { code: 'unsupported path', status: 404, message }, path);
});

t.test('refuses who cannot be let in with the texts of the servers', async (t) => {
  for (const [code, status, message] of [
    ['no token', 403, 'permission denied'],
    ['invalid token', 403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'],
    ['permission denied', 403, '1 error occurred:\n\t* permission denied\n\n'],
    ['unsupported operation', 405, '1 error occurred:\n\t* unsupported operation\n\n'],
  ] as const)
    t.match(vaultError(code), { name: 'ServiceError', code, status, message });
});
