/** The addon's generator behind the interface, and raw samples of its sources. */
import { constants, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { EntropyError } from '../common/errors.js';
import {
  type Addon,
  type NativeGenerator,
  type NativeOptions,
  NativeResult,
} from '../common/package.js';
import { type Every, every } from '../common/timer.js';
import {
  failure,
  type Generator,
  type GeneratorState,
  type GeneratorStatus,
  hwrngPath,
  noSource,
  type OnTransition,
} from './interface.js';

/**
 * Bytes of one DRBG generate. With prediction resistance each has a reseed of its own, and a slow
 * source delivers for one at a time.
 */
const maxGenerateBytes = 65_536;

/** Raw samples of a CPU source come in words of this many bytes. */
const wordBytes = 8;

/**
 * Raw samples that are read in one turn of the event loop, bytes: RDSEED takes milliseconds for
 * them.
 */
const noisePieceBytes = 65_536;

/**
 * The kernel may block a read of a device without an end. This often the addon is asked about it.
 */
const pollIntervalMs = 5_000;

/** The addon's generator. It is seeded when constructed, unless all credited sources are slow. */
export class NativeBackedGenerator implements Generator {
  readonly #addon: Addon;
  readonly #native: NativeGenerator;
  readonly #stopPolling: () => void;
  #state: GeneratorState = 'seeding';
  #reason = '';
  /** Resumes the calls that wait for a slow source. */
  #waiting: (() => void)[] = [];
  /**
   * Settles with the last call of `fillPredictionResistant`. Calls must not overlap: each one that
   * begins discards what was gathered for another.
   */
  #predictionResistant: Promise<void> = Promise.resolve();

  /** @param timer for tests */
  constructor(
    addon: Addon,
    options: NativeOptions,
    onTransition: OnTransition,
    timer: Every = every,
  ) {
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
    this.#stopPolling =
      options.devices.length > 0 ? timer(() => this.#poll(), pollIntervalMs) : () => {};
  }

  #poll(): void {
    this.#native.poll();
    this.#resumeWaiting();
  }

  #resumeWaiting(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  fill(target: Uint8Array, offset: number, length: number): void {
    const result = this.#native.generate(target, offset, length, false);
    if (result !== NativeResult.ok) throw failure(result, this.#reason);
  }

  fillPredictionResistant(target: Uint8Array, offset: number, length: number): Promise<void> {
    const filled = this.#predictionResistant.then(() =>
      this.#fillPredictionResistant(target, offset, length),
    );
    this.#predictionResistant = filled.catch(() => {});
    return filled;
  }

  async #fillPredictionResistant(
    target: Uint8Array,
    offset: number,
    length: number,
  ): Promise<void> {
    this.#native.beginFresh();
    for (let at = 0; at < length; ) {
      const size = Math.min(length - at, maxGenerateBytes);
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
    // `pending` is not a failure: a slow source is read first, and the next request reseeds.
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
    const samples = new Uint8Array(Math.ceil(size / wordBytes) * wordBytes);
    for (let at = 0; at < samples.length; at += noisePieceBytes) {
      await setImmediate();
      const length = Math.min(noisePieceBytes, samples.length - at);
      if (!this.#native.readNoise(samples, at, length, source)) {
        samples.fill(0);
        throw new EntropyError('ERR_ENTROPY', `${source} is absent or does not answer`);
      }
    }
    return samples.subarray(0, size);
  }

  close(): void {
    this.#stopPolling();
    this.#native.close();
    this.#resumeWaiting();
  }
}

/**
 * The driver that the kernel has chosen for /dev/hwrng (hw_random in its documentation); '' if
 * none.
 */
function rngCurrent(): string {
  try {
    return readFileSync('/sys/class/misc/hw_random/rng_current', 'utf8').trim();
  } catch {
    return '';
  }
}

const deviceTimeoutMs = 30_000;
const devicePauseMs = 10;

/** Time, as {@link readDevice} sees it. */
export interface DeviceClock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Waits before the device is read again. */
  pause(): Promise<unknown>;
}

const realTime: DeviceClock = {
  now: () => performance.now(),
  pause: () => setTimeout(devicePauseMs),
};

/**
 * Reads raw samples of a device, file or FIFO from its beginning. Reads do not block, so an empty
 * device occupies no thread.
 * @param size bytes, 1 or more
 * @param clock for tests
 * @returns a new array, owned by the caller
 * @throws EntropyError `ERR_ENTROPY` if the device is absent, ends early, or takes longer than 30 s
 */
export async function readDevice(
  path: string,
  size: number,
  clock: DeviceClock = realTime,
): Promise<Uint8Array> {
  const samples = new Uint8Array(size);
  const deadline = clock.now() + deviceTimeoutMs;
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    for (let at = 0; at < size; ) {
      const read = await file.read(samples, at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EAGAIN') throw error;
      });
      if (read?.bytesRead === 0) throw new Error(`ends after ${at} of ${size} bytes`);
      at += read?.bytesRead ?? 0;
      if (at < size && clock.now() > deadline)
        throw new Error(`gave ${at} of ${size} bytes in ${deviceTimeoutMs / 1000} s`);
      if (read === undefined) await clock.pause();
    }
    return samples;
  } catch (cause) {
    samples.fill(0);
    const reason = (cause as Error).message;
    throw new EntropyError('ERR_ENTROPY', `no samples of ${path}: ${reason}`, { cause });
  }
}
