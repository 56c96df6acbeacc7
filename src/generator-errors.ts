/** Why a generator gives nothing, as typed errors. */
import { EntropyError } from './common/errors.js';
import { NativeResult } from './common/package.js';

/**
 * What a result of the addon other than `ok` means to who asked.
 * @param reason the state's; may be empty
 */
export function failure(result: number, reason: string): EntropyError {
  const why = reason === '' ? '' : `: ${reason}`;
  switch (result) {
    case NativeResult.notSeeded:
      return new EntropyError('ERR_NOT_SEEDED', `the generator is not seeded yet${why}`);
    case NativeResult.entropy:
      return new EntropyError(
        'ERR_ENTROPY',
        'prediction resistance needs a live credited noise source, and none answers',
      );
    default:
      return new EntropyError('ERR_HEALTH', `the generator is in its error state${why}`);
  }
}

/** @param names of the sources that there are */
export function noSource(names: readonly string[]): EntropyError {
  const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return new EntropyError('ERR_PARAMS', `no such noise source; ${there}`);
}
