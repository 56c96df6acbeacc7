import t from 'tap';
import { EntropyError, errorCode, ServiceError } from '../src/errors.js';

t.test('an EntropyError is an Error with a name, a code, a message and a cause', async (t) => {
  const cause = new Error('below');
  const error = new EntropyError('ERR_LENGTH', 'too long', { cause });
  t.ok(error instanceof Error);
  t.match(error, { name: 'EntropyError', code: 'ERR_LENGTH', message: 'too long' });
  t.equal(error.cause, cause);
  t.notOk('cause' in new EntropyError('ERR_LENGTH', 'x'), 'no cause where none is given');
  t.match(String(error), /^EntropyError: too long$/);
});

t.test('a ServiceError also has the HTTP status', async (t) => {
  const cause = new EntropyError('ERR_BUSY', 'x');
  const error = new ServiceError('ThrottlingException', 400, 'slow down', { cause });
  t.ok(error instanceof Error);
  t.notOk(error instanceof EntropyError);
  t.match(error, { name: 'ServiceError', code: 'ThrottlingException', status: 400 });
  t.equal(error.message, 'slow down');
  t.equal(error.cause, cause);
});

t.test('errorCode tells ours from everything else', async (t) => {
  for (const [thrown, code] of [
    [new EntropyError('ERR_HEALTH', 'x'), 'ERR_HEALTH'],
    [new ServiceError('KMS.0101', 500, 'x'), 'ERR_INTERNAL'],
    [Object.assign(new Error('x'), { code: 'ERR_HEALTH' }), 'ERR_INTERNAL'],
    [new TypeError('x'), 'ERR_INTERNAL'],
    ['ERR_HEALTH', 'ERR_INTERNAL'],
    [undefined, 'ERR_INTERNAL'],
    [null, 'ERR_INTERNAL'],
  ] as const)
    t.equal(errorCode(thrown), code, String(thrown));
});
