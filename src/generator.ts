/** The generator behind one interface: the addon's, or node:crypto where there is no addon. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import { generatorDefaults } from './config.js';
import { readDevice } from './device-noise.js';
import { EntropyError } from './errors.js';
import {
  type Addon,
  type DeviceOptions,
  type LoadResult,
  loadAddon,
  type NativeOptions,
  NativeResult,
  type SourceReport,
} from './native.js';

export type GeneratorState = 'seeding' | 'operational' | 'degraded' | 'error' | 'fallback';

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

export interface GeneratorOptions {
  profile?: 'default' | 'strict';
  /** DRBG generates between reseeds, 1 to 2^32 - 1; default 4096. */
  reseedRequests?: number;
  /** Default 300. */
  reseedSeconds?: number;
  /** Default: /dev/hwrng without credit. */
  devices?: DeviceOptions[];
  /** Every change of state, once. Must not throw. */
  onTransition?: (state: GeneratorState, reason: string) => void;
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

// One generate of the DRBG: each has a reseed of its own, and a slow source delivers for one at a time.
const maxGenerate = 65_536;

// Of raw samples, bytes: what a CPU source gives at a time, and what is read in one turn.
const wordSize = 8;
const noisePiece = 65_536;

// A read of a device that the kernel holds is noticed by looking, at this interval.
const pollIntervalMs = 5_000;

function failure(result: number, reason: string): EntropyError {
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

class NativeBackedGenerator implements Generator {
  readonly #addon: Addon;
  readonly #native: InstanceType<Addon['Generator']>;
  readonly #timer: NodeJS.Timeout | undefined;
  #state: GeneratorState = 'seeding';
  #reason = '';
  #waiting: (() => void)[] = [];
  /** Ends with the last call of `fillFresh`: one that begins drops what is gathered for another. */
  #fresh: Promise<void> = Promise.resolve();

  constructor(addon: Addon, options: NativeOptions, onTransition: Transition) {
    this.#addon = addon;
    this.#native = new addon.Generator(
      options,
      (state, reason) => {
        this.#state = state;
        this.#reason = reason;
        onTransition(state, reason);
      },
      () => this.#poll(),
    );
    if (options.devices.length > 0)
      this.#timer = setInterval(() => this.#poll(), pollIntervalMs).unref();
  }

  #poll(): void {
    this.#native.poll();
    for (const resume of this.#waiting.splice(0)) resume();
  }

  fill(target: Uint8Array, offset: number, length: number): void {
    const result = this.#native.generate(target, offset, length, false);
    if (result !== NativeResult.ok) throw failure(result, this.#reason);
  }

  fillFresh(target: Uint8Array, offset: number, length: number): Promise<void> {
    const filled = this.#fresh.then(() => this.#fillFresh(target, offset, length));
    this.#fresh = filled.catch(() => {});
    return filled;
  }

  async #fillFresh(target: Uint8Array, offset: number, length: number): Promise<void> {
    this.#native.beginFresh();
    for (let at = 0; at < length; ) {
      const size = Math.min(length - at, maxGenerate);
      const result = this.#native.generate(target, offset + at, size, true);
      if (result === NativeResult.ok) {
        at += size;
      } else if (result === NativeResult.pending) {
        await new Promise<void>((resume) => this.#waiting.push(resume));
      } else {
        this.wipe(target, offset, length);
        throw failure(result, this.#reason);
      }
    }
  }

  allocate(size: number): Uint8Array<ArrayBuffer> {
    return this.#addon.allocate(size);
  }

  wipe(target: Uint8Array, offset: number, length: number): void {
    this.#addon.wipe(target, offset, length);
  }

  state(): GeneratorState {
    return this.#state;
  }

  status(): GeneratorStatus {
    const snapshot = this.#native.snapshot();
    for (const source of snapshot.sources)
      if (source.path === hwrngPath) source.rngCurrent = rngCurrent();
    return { ...snapshot, healthy: snapshot.state === 'operational' };
  }

  reseed(): void {
    const result = this.#native.reseed();
    // Pending: a slow source is read first, and the next request reseeds.
    if (result !== NativeResult.ok && result !== NativeResult.pending)
      throw failure(result, this.#reason);
  }

  selfTest(): boolean {
    return this.#native.selfTest();
  }

  async noise(source: string, size: number): Promise<Uint8Array> {
    const { sources } = this.#native.snapshot();
    const found = sources.find(({ name }) => name === source);
    if (found === undefined) throw noSource(sources.map(({ name }) => name));
    if (found.path !== undefined) return readDevice(found.path, size);
    // In whole words, a piece a turn: 64 KiB of RDSEED take milliseconds.
    const samples = new Uint8Array(Math.ceil(size / wordSize) * wordSize);
    for (let at = 0; at < samples.length; at += noisePiece) {
      await setImmediate();
      const length = Math.min(noisePiece, samples.length - at);
      if (!this.#native.readNoise(samples, at, length, source)) {
        samples.fill(0);
        throw new EntropyError('ERR_ENTROPY', `${source} is not there or does not answer`);
      }
    }
    return samples.subarray(0, size);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#native.close();
    for (const resume of this.#waiting.splice(0)) resume();
  }
}

function noSource(names: readonly string[]): EntropyError {
  const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return new EntropyError('ERR_PARAMS', `no such noise source; ${there}`);
}

/** node:crypto under the same interface, and honest about it in every report. */
class FallbackGenerator implements Generator {
  readonly #reason: string;
  // Loaded here: the addon's daemon needs none of it, and is up some milliseconds and MiB earlier.
  readonly #crypto: typeof import('node:crypto') = createRequire(import.meta.url)('node:crypto');

  constructor(reason: string, onTransition: Transition) {
    this.#reason = `node:crypto instead of the addon: ${reason}`;
    onTransition('fallback', this.#reason);
  }

  fill(target: Uint8Array, offset: number, length: number): void {
    this.#crypto.randomFillSync(target, offset, length);
  }

  async fillFresh(target: Uint8Array, offset: number, length: number): Promise<void> {
    this.wipe(target, offset, length);
    throw failure(NativeResult.entropy, '');
  }

  allocate(size: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(size);
  }

  wipe(target: Uint8Array, offset: number, length: number): void {
    target.fill(0, offset, offset + length);
  }

  state(): GeneratorState {
    return 'fallback';
  }

  status(): GeneratorStatus {
    return {
      state: 'fallback',
      healthy: false,
      reason: this.#reason,
      sources: [],
      reseeds: 0,
      requestsSinceReseed: 0,
      secondsSinceReseed: 0,
      memoryLocked: false,
    };
  }

  reseed(): void {}

  selfTest(): boolean {
    return false;
  }

  async noise(): Promise<Uint8Array> {
    throw noSource([]);
  }

  close(): void {}
}

const hwrngPath = '/dev/hwrng';

/** The kernel's choice among its drivers (hw_random in its documentation); empty where it has none. */
function rngCurrent(): string {
  try {
    return readFileSync('/sys/class/misc/hw_random/rng_current', 'utf8').trim();
  } catch {
    return '';
  }
}

const maxUint32 = 2 ** 32 - 1;

/** The addon takes unsigned integers and would make some of anything. */
function check(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new EntropyError('ERR_CONFIG', `${name}: want an integer of ${min} to ${max}`);
}

type Transition = NonNullable<GeneratorOptions['onTransition']>;

/**
 * The generator of this process: the addon's, which is seeded when this returns unless only slow
 * sources are credited, or the fallback.
 * @param options see `GeneratorOptions`; profile `strict` refuses the fallback
 * @param loaded the addon, for a program that has loaded it already
 * @throws EntropyError `ERR_HEALTH` where profile `strict` would have to fall back, `ERR_CONFIG`
 */
export function createGenerator(
  options: GeneratorOptions = {},
  loaded: LoadResult = loadAddon(),
): Generator {
  const onTransition = options.onTransition ?? (() => {});
  const {
    profile = generatorDefaults.profile,
    reseedRequests = generatorDefaults.reseedRequests,
    reseedSeconds = generatorDefaults.reseedSeconds,
    devices = [...generatorDefaults.devices],
  } = options;
  check('reseedRequests', reseedRequests, 1, maxUint32);
  check('reseedSeconds', reseedSeconds, 1, maxUint32);
  for (const device of devices) check('creditedBitsPerByte', device.creditedBitsPerByte, 0, 8);
  if (loaded.addon === undefined) {
    if (profile === 'strict')
      throw new EntropyError('ERR_HEALTH', `profile strict refuses the fallback: ${loaded.reason}`);
    return new FallbackGenerator(loaded.reason, onTransition);
  }
  return new NativeBackedGenerator(
    loaded.addon,
    { profile, reseedRequests, reseedSeconds, devices },
    onTransition,
  );
}
