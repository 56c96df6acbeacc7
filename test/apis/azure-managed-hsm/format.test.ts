import t from 'tap';
import {
  challengeFor,
  checkVersion,
  decodeRequest,
  encodeError,
  encodeResponse,
  hsmError,
  tokenError,
  toServiceError,
} from '../../../src/apis/azure-managed-hsm/format.js';
import { EntropyError, ServiceError } from '../../../src/common/errors.js';

t.test('a count of 1 to 128 is a size, and nothing else is', async (t) => {
  for (const [input, result] of [
    [{ count: 1 }, 1],
    [{ count: 128, other: 'x' }, 128],
    [{ count: 0 }, 'count must be between 1 and 128.'],
    [{ count: 129 }, 'count must be between 1 and 128.'],
    [{ count: -1 }, 'count must be between 1 and 128.'],
    [{ count: 1.5 }, 'count must be an integer.'],
    [{ count: '16' }, 'count must be an integer.'],
    [{ count: true }, 'count must be an integer.'],
    [{ count: [16] }, 'count must be an integer.'],
    [{ count: Number.POSITIVE_INFINITY }, 'count must be an integer.'],
    [{ count: null }, 'count is missing.'],
    [{}, 'count is missing.'],
    [{ Count: 16 }, 'count is missing.'],
    [[16], 'The body must be a JSON object.'],
    [null, 'The body must be a JSON object.'],
    [16, 'The body must be a JSON object.'],
  ] as const)
    if (typeof result === 'number') t.equal(decodeRequest(input), result);
    else
      t.throws(
        () => decodeRequest(input),
        { code: 'BadParameter', status: 400, message: result },
        JSON.stringify(input),
      );
});

t.test('any version is one, under its name in any encoding', async (t) => {
  for (const [query, isThere] of [
    ['api-version=2025-07-01', true],
    ['api%2Dversion=7.6', true],
    ['x=y&%61pi-version=7.3-preview', true],
    ['api-version=another', true],
    ['', false],
    ['api-version', false],
    ['api-version=', false],
    ['API-Version=7.6', false],
    ['x=api-version=7.6', false],
    ['%', false],
  ] as const)
    if (isThere) t.doesNotThrow(() => checkVersion(query), query);
    else t.throws(() => checkVersion(query), { code: 'BadParameter', status: 400 }, query);
});

t.test('the challenge names the domain of the host that was called', async (t) => {
  for (const [authority, resource, host = authority] of [
    ['hsm.entropyd.internal', 'entropyd.internal'],
    ['hsm.example.com:8443', 'example.com:8443'],
    ['HSM.Example.com', 'Example.com'],
    ['hsm.localhost:8478', 'localhost:8478'],
    ['1.2.example', '2.example'],
    ['localhost', 'localhost'],
    ['localhost:8478', 'localhost:8478'],
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1:8478', '127.0.0.1:8478'],
    ['[::1]', '[::1]'],
    ['[::1]:8478', '[::1]:8478'],
    ['hsm.', 'hsm.'],
    ['.internal', '.internal'],
    ['', 'localhost', 'localhost'],
    ['hsm.internal:', 'localhost', 'localhost'],
    ['a", resource="https://managedhsm.azure.net', 'localhost', 'localhost'],
    ['user@hsm.internal', 'localhost', 'localhost'],
    ['hsm.internal/path', 'localhost', 'localhost'],
    [`${'a.'.repeat(200)}internal`, 'localhost', 'localhost'],
    ['hsm.\u00e4.internal', 'localhost', 'localhost'],
  ] as const)
    t.equal(
      challengeFor(authority),
      `Bearer authorization="https://${host}/entropyd", resource="https://${resource}"`,
      authority.slice(0, 80),
    );
});

t.test('bytes are base64url without padding', async (t) => {
  for (const [bytes, value] of [
    [[0xff], '_w'],
    [[0xfb, 0xff], '-_8'],
    [[1, 2, 3], 'AQID'],
  ] as const)
    t.equal(String(encodeResponse(new Uint8Array(bytes))), `{"value":"${value}"}`);
});

t.test('errors have a code, and a text with the id for all who have a token', async (t) => {
  t.strictSame(encodeError(hsmError('Forbidden'), 'id-1'), {
    error: {
      code: 'Forbidden',
      message: 'The caller is not allowed to get random bytes. (Activity ID: id-1)',
    },
  });
  t.strictSame(encodeError(hsmError('Unauthorized'), 'id-1'), {
    error: {
      code: 'Unauthorized',
      message: 'AKV10000: Request is missing a Bearer or PoP token.',
    },
  });
  t.match(encodeError(tokenError(), 'id-1'), { error: { code: 'Unauthorized' } });
});

t.test('a failure becomes an error that says nothing about it', async (t) => {
  for (const [code, status, name] of [
    ['ERR_BUSY', 429, 'Throttled'],
    ['ERR_CONNECT', 503, 'ServiceUnavailable'],
    ['ERR_TOO_LARGE', 413, 'RequestEntityTooLarge'],
    ['ERR_HEALTH', 500, 'InternalError'],
  ] as const) {
    const cause = new EntropyError(code, 'a secret');
    const error = toServiceError(cause);
    t.match(error, { code: name, status, cause });
    t.notMatch(error.message, 'secret');
  }
  const own = new ServiceError('x', 400, 'y');
  t.equal(toServiceError(own), own);
});
