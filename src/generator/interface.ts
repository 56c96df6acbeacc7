/** The generator as its users see it, whichever is behind it. */

import { EntropyError } from '../common/errors.js';
import { type DeviceOptions, NativeResult, type SourceReport } from '../common/package.js';

export const generatorStates = ['seeding', 'operational', 'degraded', 'error', 'fallback'] as const;

export type GeneratorState = (typeof generatorStates)[number];

export interface Health {
  state: GeneratorState;
  /** Whether bytes are served from health-tested sources that are all there. */
  healthy: boolean;
  /** Empty when there is nothing to say. */
  reason: string;
  sources: SourceReport[];
}

/** `Health`, and the DRBG's own figures. */
export interface GeneratorStatus extends Health {
  reseeds: number;
  requestsSinceReseed: number;
  secondsSinceReseed: number;
  /** Whether the generator's buffers are locked in RAM. */
  memoryLocked: boolean;
}

/** Told of every change of state, once. Must not throw. */
export type OnTransition = (state: GeneratorState, reason: string) => void;

export interface GeneratorOptions {
  profile?: 'default' | 'strict';
  /** DRBG generates between reseeds, 1 to 2^32 - 1; default 4096. */
  reseedRequests?: number;
  /** Default 300. */
  reseedSeconds?: number;
  /** Default: /dev/hwrng without credit. */
  devices?: DeviceOptions[];
  onTransition?: OnTransition;
}

/** The kernel's hardware generator (hw_random). */
export const hwrngPath = '/dev/hwrng';

/** There by default, and credited with nothing: behind it may be a hypervisor's word. */
const hwrng: DeviceOptions = { name: 'hwrng', path: hwrngPath, creditedBitsPerByte: 0 };

/**
 * What the generator does unless it is told otherwise. SP 800-90A allows 2^48 requests; these keep
 * short for how long a stolen state is of use.
 */
export const generatorDefaults = {
  profile: 'default',
  reseedRequests: 4_096,
  reseedSeconds: 300,
  devices: [hwrng],
} as const;

export interface Generator {
  /**
   * Fills [offset, offset + length) of `target`, or leaves zeros in it.
   * @throws EntropyError `ERR_NOT_SEEDED`, `ERR_HEALTH`
   */
  fill(target: Uint8Array, offset: number, length: number): void;
  /**
   * The same with prediction resistance: reseeded from live entropy read after this call before
   * every 64 KiB. Calls take turns.
   * @throws EntropyError `ERR_ENTROPY` where no live credited source answers, and as `fill`
   */
  fillPredictionResistant(target: Uint8Array, offset: number, length: number): Promise<void>;
  /** A buffer for random bytes: never of Node's shared slab, and locked where the addon is there. */
  allocate(size: number): Uint8Array<ArrayBuffer>;
  wipe(target: Uint8Array, offset: number, length: number): void;
  state(): GeneratorState;
  status(): GeneratorStatus;
  /**
   * @throws EntropyError `ERR_HEALTH` where the error state stays, `ERR_NOT_SEEDED`
   */
  reseed(): void;
  /** The health tests on demand; true if every source that is there passed. */
  selfTest(): boolean;
  /**
   * Raw samples of one source, for assessment (SP 800-90B 3.1); they reach no seed.
   * @param source its name, as in `status`
   * @param size bytes, from 1 up
   * @returns a new array
   * @throws EntropyError `ERR_PARAMS` for no such source, `ERR_ENTROPY` where it does not answer
   */
  noise(source: string, size: number): Promise<Uint8Array>;
  close(): void;
}

// Why a generator gives nothing, as typed errors.

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
