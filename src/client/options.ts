/** What the client library's methods take, and its checks. */

import type { Dialect } from '../apis/huawei-kms/format.js';
import { EntropyError } from '../common/errors.js';

export interface ClientOptions {
  /** Default: `ENTROPYD_SOCKET`, /run/entropyd/entropyd.sock, the user's runtime folder. */
  socketPath?: string;
  /** Time for each call, milliseconds above 0; default 5000. */
  timeoutMs?: number;
  /** Ends every call of this client. */
  signal?: AbortSignal;
  /**
   * XOR what arrives with bytes of this process's own generator, so that a compromised or
   * impersonated daemon cannot tell what `random` returns. Default true.
   */
  mixLocal?: boolean;
  /** Lengths that `genRandom` takes; default `otc`. */
  dialect?: Dialect;
  /**
   * Calls that may wait for their answers at once, 1 or more; default 65,536. The next is rejected
   * with `ERR_BUSY`.
   */
  maxPending?: number;
  /**
   * When queued calls are sent: together at the end of the current tick (default), or of the current
   * turn of the event loop. `turn` suits servers, whose requests each have a tick of their own; a
   * program that makes one call at a time only waits longer.
   */
  coalesce?: 'tick' | 'turn';
}

export interface CallOptions {
  /** Milliseconds above 0; default: the client's. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface RandomOptions extends CallOptions {
  /** Reseed from live entropy before generating; never degrades. Default false. */
  predictionResistance?: boolean;
}

/** `timeoutMs` is for each chunk; `signal` destroys the stream. */
export interface StreamOptions extends RandomOptions {
  /** Bytes in all, 1 to 2^53 - 1; default: endless. */
  size?: number;
  /** Bytes asked for at a time, 1 to 1,048,576; default 65,536. */
  chunkSize?: number;
}

/** Fills all of an array of at most `maxRandomSize` bytes with random ones, or throws. */
export type Fill = (target: Uint8Array) => Promise<unknown>;

/** @throws EntropyError `ERR_PARAMS` unless it is a time */
export function checkedTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new EntropyError('ERR_PARAMS', 'timeoutMs: want a number of milliseconds above 0');
}

/** @throws EntropyError `ERR_PARAMS` unless it is a number of calls */
export function checkedMaxPending(maxPending: number): number {
  if (Number.isInteger(maxPending) && maxPending >= 1) return maxPending;
  throw new EntropyError('ERR_PARAMS', 'maxPending: want an integer of 1 or more calls');
}

/** @throws EntropyError `ERR_LENGTH` unless it is a number of bytes from 1 to `max` */
export function checkedSize(name: string, size: number, max: number): number {
  if (Number.isInteger(size) && size >= 1 && size <= max) return size;
  throw new EntropyError('ERR_LENGTH', `${name}: want an integer of 1 to ${max} bytes`);
}
