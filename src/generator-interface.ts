/** The generator as its users see it, whichever is behind it. */
import type { DeviceOptions, SourceReport } from './common/package.js';

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
  fillFresh(target: Uint8Array, offset: number, length: number): Promise<void>;
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
