import t from 'tap';
import { EntropyError, type ErrorCode } from '../../src/errors.js';
import { type FailureKind, failureKind } from '../../src/formats/failure.js';

t.test('what waiting or less helps is told apart from what it does not', async (t) => {
  const table: readonly (readonly [FailureKind, readonly ErrorCode[]])[] = [
    ['overload', ['ERR_RATE', 'ERR_BUSY']],
    ['unavailable', ['ERR_CONNECT', 'ERR_CLOSED', 'ERR_TIMEOUT', 'ERR_NOT_SEEDED']],
    ['tooLarge', ['ERR_TOO_LARGE']],
    ['fault', ['ERR_HEALTH', 'ERR_ENTROPY', 'ERR_INTERNAL', 'ERR_FORBIDDEN', 'ERR_UPSTREAM']],
  ];
  for (const [kind, codes] of table)
    for (const code of codes) t.equal(failureKind(new EntropyError(code, 'x')), kind, code);
  for (const thrown of [new TypeError('x'), undefined, 'ERR_BUSY', { code: 'ERR_BUSY' }])
    t.equal(failureKind(thrown), 'fault');
});
