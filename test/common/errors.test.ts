import t from 'tap';
import {
  EntropyError,
  type ErrorCode,
  errorCode,
  type FailureKind,
  failureKind,
  ServiceError,
} from '../../src/common/errors.js';

t.test('an EntropyError is an Error with a name, a code, a message and a cause', async (t) => {
  const cause = new Error('below');
  const error = new EntropyError('ERR_LENGTH', 'too long', { cause });
  t.ok(error instanceof Error);
  t.match(error, { name: 'EntropyError', code: 'ERR_LENGTH', message: 'too long' });
  t.equal(error.cause, cause);
  t.notOk('cause' in new EntropyError('ERR_LENGTH', 'x'), 'no cause if none is given');
  t.match(String(error), /^EntropyError: too long$/);
});

t.test('a ServiceError also has an HTTP status', async (t) => {
  const cause = new EntropyError('ERR_BUSY', 'x');
  const error = new ServiceError('ThrottlingException', 400, 'slow down', { cause });
  t.ok(error instanceof Error);
  t.notOk(error instanceof EntropyError);
  t.match(error, { name: 'ServiceError', code: 'ThrottlingException', status: 400 });
  t.equal(error.message, 'slow down');
  t.equal(error.cause, cause);
});

t.test('anything but an EntropyError has the code ERR_INTERNAL', async (t) => {
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

t.test(
  'failures that waiting or a smaller request cures are distinguished from faults',
  async (t) => {
    const table: readonly (readonly [FailureKind, readonly ErrorCode[]])[] = [
      ['overload', ['ERR_RATE', 'ERR_BUSY']],
      ['unavailable', ['ERR_CONNECT', 'ERR_CLOSED', 'ERR_TIMEOUT', 'ERR_NOT_SEEDED', 'ERR_AUDIT']],
      ['tooLarge', ['ERR_TOO_LARGE']],
      ['fault', ['ERR_HEALTH', 'ERR_ENTROPY', 'ERR_INTERNAL', 'ERR_FORBIDDEN', 'ERR_UPSTREAM']],
    ];
    for (const [kind, codes] of table)
      for (const code of codes) t.equal(failureKind(new EntropyError(code, 'x')), kind, code);
    for (const thrown of [new TypeError('x'), undefined, 'ERR_BUSY', { code: 'ERR_BUSY' }])
      t.equal(failureKind(thrown), 'fault');
  },
);
