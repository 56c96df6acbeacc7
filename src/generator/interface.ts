/** The generator as the rest of the program sees it: interface, options, states, errors. */
import { EntropyError } from '../common/errors.js';
import {
  type constructions,
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
  /** True only in state `operational`: serving, and no source is lost or failed. */
  healthy: boolean;
  /**
   * Begins with "serving" or "not serving", then the cause, since when, and what to do. Empty if
   * there is nothing to say.
   */
  reason: string;
  sources: SourceReport[];
}

/** `Health`, and figures of the DRBG. */
export interface GeneratorStatus extends Health {
  /**
   * What the last seed's credited entropy came from (SP 800-90C): physical or non-physical noise
   * sources, or the kernel's generator alone (`RBGC`). Empty without a seed and in `fallback`.
   */
  construction: (typeof constructions)[number] | '';
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

/** Least H of a device's health tests, bits per byte; the addon refuses less. */
export const minTestedBitsPerByte = 0.001;

/**
 * Least credit but none, bits per byte. With less, a seed would take more than 45 KB of samples, all of
 * them in locked memory.
 */
export const minCreditedBitsPerByte = 0.01;

/** H of a device's health tests if the operator says nothing, bits per byte. */
export const defaultTestedBitsPerByte = 7;

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

/** Responses to `random` requests of one client or several, in their order. */
export interface Responses {
  /** Pairs of id and size. */
  readonly requests: Uint32Array;
  /** Requests, of all recipients. */
  readonly count: number;
  /**
   * Four numbers each: the socket's descriptor (negative: send nothing), bytes with headers, of how many
   * requests, and as a result how many were sent; 0 also if the socket has failed.
   */
  readonly recipients: Int32Array;
  readonly recipientCount: number;
}

export interface Generator {
  /**
   * Fills [offset, offset + length) of `target`, or leaves zeros there.
   * @throws EntropyError `ERR_NOT_SEEDED`, `ERR_HEALTH`
   */
  fill(target: Uint8Array, offset: number, length: number): void;
  /**
   * Generates responses in `target`, which is large enough, sends them and wipes what was sent.
   * Only the addon's generator can.
   * @throws EntropyError as `fill`; nothing has been sent then
   */
  respond?(target: Uint8Array, responses: Responses): void;
  /**
   * Adds a range to the additional input of the next generate (SP 800-90A 9.3), hashed and without
   * credit: it can do no harm, whoever has chosen it. Without the addon nothing happens.
   * @param length at most 255 bytes
   */
  mix(source: Uint8Array, offset: number, length: number): void;
  /**
   * Like `fill`, with prediction resistance (SP 800-90A 9.3.1): before every 64 KiB the DRBG is
   * reseeded from noise that is read after this call. Waits at most 4 s for each.
   * @throws EntropyError `ERR_ENTROPY` if no credited noise source delivers; also those of `fill`
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
  /**
   * Reseeds from noise that is read after this call. Until it is there, the last seed serves.
   * @throws EntropyError `ERR_HEALTH` in the error state, which `selfTest` alone can end;
   *   `ERR_NOT_SEEDED`
   */
  reseed(): void;
  /**
   * Runs the health tests on demand (SP 800-90B 4.3, SP 800-90A 11.3), on instances of the sources'
   * own and off the event loop. A source that passes comes back if it was out. Takes up to two
   * seconds for each source.
   * @returns true if nothing failed
   */
  selfTest(): Promise<boolean>;
  /**
   * Reads raw samples of one source, for assessment (SP 800-90B 3.1), through an instance of its
   * own: they reach no seed. One call is served at a time.
   * @param source its name, as in `status`
   * @param size bytes, 1 to 1,048,576
   * @returns a new array, owned by the caller
   * @throws EntropyError `ERR_PARAMS` for an unknown source, `ERR_ENTROPY` if it does not answer,
   *   `ERR_BUSY` if too many calls wait
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
  switch (result) {
    case NativeResult.notSeeded:
      return new EntropyError('ERR_NOT_SEEDED', reason || 'not serving: there is no seed yet');
    case NativeResult.entropy:
      return new EntropyError(
        'ERR_ENTROPY',
        'prediction resistance needs a live credited noise source, and none answers',
      );
    default:
      return new EntropyError('ERR_HEALTH', reason || 'not serving: the generator failed');
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
