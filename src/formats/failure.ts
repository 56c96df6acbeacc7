/** What a failure is to the clients of any API, whatever that API then calls it. */
import { errorCode } from '../errors.js';

/**
 * `overload`: too much at once; `unavailable`: no bytes now, but soon; `tooLarge`: the body is;
 * `fault`: the generator's error state, or a defect.
 */
export type FailureKind = 'overload' | 'unavailable' | 'tooLarge' | 'fault';

/**
 * The kind of a failure of the generator, the daemon or the client library.
 * @param error anything thrown; what is not ours is a `fault`
 */
export function failureKind(error: unknown): FailureKind {
  switch (errorCode(error)) {
    case 'ERR_RATE':
    case 'ERR_BUSY':
      return 'overload';
    case 'ERR_CONNECT':
    case 'ERR_CLOSED':
    case 'ERR_TIMEOUT':
    case 'ERR_NOT_SEEDED':
      return 'unavailable';
    case 'ERR_TOO_LARGE':
      return 'tooLarge';
    default:
      return 'fault';
  }
}
