/** The generator as the rest of the program sees it: interface, options, states, errors. */
import { EntropyError } from '../common/errors.js';
import {
  type DeviceOptions,
  NativeResult,
  type Profile,
  type SourceReport,
} from '../common/package.js';

/**
 * `fallback` is the state of `node:crypto` without the addon; docs/troubleshooting.md explains
 * each.
 */
export const generatorStates = ['seeding', 'operational', 'degraded', 'error', 'fallback'] as const;

export type GeneratorState = (typeof generatorStates)[number];

export interface Health {
  state: GeneratorState;
  /** True only in state `operational`: every source present at start passes. */
  healthy: boolean;
  /** Empty if there is nothing to say. */
  reason: string;
  sources: SourceReport[];
}

/** `Health`, and figures of the DRBG. */
export interface GeneratorStatus extends Health {
  reseeds: number;
  requestsSinceReseed: number;
  secondsSinceReseed: number;
  /** Whether the generator's buffers are locked in RAM. */
  memoryLocked: boolean;
}

/** Called once for every change of state. Must not throw. */
export type OnTransition = (state: GeneratorState, reason: string) => void;

export interface GeneratorOptions {
  /** Default `default`. */
  profile?: Profile;
  /** DRBG generates between reseeds, 1 to 2^32 - 1; default 4096. */
  reseedRequests?: number;
  /** Seconds between reseeds, 1 to 2^32 - 1; default 300. */
  reseedSeconds?: number;
  /** Noise sources besides the CPU's and the kernel's; default: /dev/hwrng without credit. */
  devices?: DeviceOptions[];
  onTransition?: OnTransition;
}

/** The kernel's hardware generator (hw_random). */
export const hwrngPath = '/dev/hwrng';

/** Enabled by default without entropy credit: it may be a virtual device. */
const hwrng: DeviceOptions = { name: 'hwrng', path: hwrngPath, creditedBitsPerByte: 0 };

/**
 * Defaults of {@link GeneratorOptions}. SP 800-90A allows 2^48 requests between reseeds. These
 * bounds limit how long a stolen state is useful.
 */
export const generatorDefaults = {
  profile: 'default' as Profile,
  reseedRequests: 4_096,
  reseedSeconds: 300,
  devices: [hwrng] as readonly DeviceOptions[],
};

export interface Generator {
  /**
   * Fills [offset, offset + length) of `target`, or leaves zeros there.
   * @throws EntropyError `ERR_NOT_SEEDED`, `ERR_HEALTH`
   */
  fill(target: Uint8Array, offset: number, length: number): void;
  /**
   * Like `fill`, with prediction resistance (SP 800-90A 9.3.1): before every 64 KiB the DRBG is
   * reseeded from live entropy that is read after this call. Calls run one after another.
   * @throws EntropyError `ERR_ENTROPY` if no live credited source answers; also those of `fill`
   */
  fillPredictionResistant(target: Uint8Array, offset: number, length: number): Promise<void>;
  /**
   * Allocates a buffer for random bytes, which the caller owns. It is never part of Node's shared
   * slab; with the addon it is locked in RAM.
   */
  allocate(size: number): Uint8Array<ArrayBuffer>;
  /** Zeros a range. */
  wipe(target: Uint8Array, offset: number, length: number): void;
  state(): GeneratorState;
  status(): GeneratorStatus;
  /** @throws EntropyError `ERR_HEALTH` if the error state stays, `ERR_NOT_SEEDED` */
  reseed(): void;
  /**
   * Runs the health tests on demand (SP 800-90B 4.3).
   * @returns true if every source that is present passed
   */
  selfTest(): boolean;
  /**
   * Reads raw samples of one source, for assessment (SP 800-90B 3.1). They reach no seed.
   * @param source its name, as in `status`
   * @param size bytes, 1 or more
   * @returns a new array, owned by the caller
   * @throws EntropyError `ERR_PARAMS` for an unknown source, `ERR_ENTROPY` if it does not answer
   */
  noise(source: string, size: number): Promise<Uint8Array>;
  close(): void;
}

/**
 * The error for a result of the addon.
 * @param result a `NativeResult` other than `ok`
 * @param reason the state's reason; may be empty
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

/**
 * The error for an unknown noise source.
 * @param names the sources that exist
 */
export function noSource(names: readonly string[]): EntropyError {
  const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return new EntropyError('ERR_PARAMS', `no such noise source; ${known}`);
}
