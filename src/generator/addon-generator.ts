/** The addon's generator behind the interface. */
import { constants, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { EntropyError } from '../common/errors.js';
import { type Addon, type NativeOptions, NativeResult } from '../common/package.js';
import {
  failure,
  type Generator,
  type GeneratorState,
  type GeneratorStatus,
  hwrngPath,
  noSource,
  type OnTransition,
} from './interface.js';

// One generate of the DRBG: each has a reseed of its own, and a slow source delivers for one at a time.
const maxGenerate = 65_536;

// Of raw samples, bytes: what a CPU source gives at a time, and what is read in one turn.
const wordSize = 8;
const noisePiece = 65_536;

// A read of a device that the kernel holds is noticed by looking, at this interval.
const pollIntervalMs = 5_000;

/** The kernel's choice among its drivers (hw_random in its documentation); empty where it has none. */
function rngCurrent(): string {
  try {
    return readFileSync('/sys/class/misc/hw_random/rng_current', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Seeded when it is made, unless only slow sources are credited. */
export class NativeBackedGenerator implements Generator {
  readonly #addon: Addon;
  readonly #native: InstanceType<Addon['Generator']>;
  readonly #timer: NodeJS.Timeout | undefined;
  #state: GeneratorState = 'seeding';
  #reason = '';
  #waiting: (() => void)[] = [];
  /** Ends with the last call of `fillPredictionResistant`: one that begins drops what is gathered for another. */
  #predictionResistant: Promise<void> = Promise.resolve();

  constructor(addon: Addon, options: NativeOptions, onTransition: OnTransition) {
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

// Raw samples of a device, file or FIFO as it gives them, for assessment.

const timeoutMs = 30_000;
const pauseMs = 10;

/**
 * Reads without blocking, so that no thread is held by a device that has nothing.
 * @param size bytes, from 1 up
 * @returns a new array
 * @throws EntropyError `ERR_ENTROPY` where the device is not there, ends, or takes longer than 30 s
 */
export async function readDevice(path: string, size: number): Promise<Uint8Array> {
  const samples = new Uint8Array(size);
  const deadline = performance.now() + timeoutMs;
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    for (let at = 0; at < size; ) {
      const read = await file.read(samples, at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EAGAIN') throw error;
      });
      if (read?.bytesRead === 0) throw new Error(`ends after ${at} of ${size} bytes`);
      at += read?.bytesRead ?? 0;
      if (performance.now() > deadline) throw new Error(`gave ${at} of ${size} bytes in time`);
      if (read === undefined) await setTimeout(pauseMs);
    }
    return samples;
  } catch (cause) {
    samples.fill(0);
    const reason = (cause as Error).message;
    throw new EntropyError('ERR_ENTROPY', `no samples of ${path}: ${reason}`, { cause });
  } finally {
    await file?.close();
  }
}
