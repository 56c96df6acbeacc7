/** The addon's generator behind the interface, and raw samples of its sources. */
import { readFileSync } from 'node:fs';
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
  type Responses,
} from './interface.js';

/** Bytes of one DRBG generate. With prediction resistance each has a reseed of its own. */
const maxGenerateBytes = 65_536;

/** This often the addon is asked what time has changed: a source may yield nothing, a seed age. */
const pollIntervalMs = 5_000;

/** Longest wait for fresh noise, before each piece. A client waits 5 s by default, and is better told why. */
const freshNoiseMs = 4_000;

/** Calls of `noise` that may wait for the one that is served. */
const maxNoiseCalls = 8;

/** The addon gives up a read after 10 min, but cannot if the kernel holds it; others wait behind it. */
const heldNoiseMs = 660_000;

/** A call of `fillPredictionResistant` that is not filled completely. */
interface ResistantCall {
  readonly target: Uint8Array;
  readonly offset: number;
  readonly length: number;
  /** Bytes that are filled. */
  at: number;
  /** The next piece, as the addon counts requests. */
  request: number;
  /** When the next piece is given up, by the clock. */
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Time, as the generator sees it; an argument for tests. */
export interface GeneratorClock {
  /** Milliseconds, monotonic. */
  now(): number;
  every: Every;
}

const realTime: GeneratorClock = { now: () => performance.now(), every };

/** The addon's generator. */
export class NativeBackedGenerator implements Generator {
  readonly #addon: Addon;
  readonly #native: NativeGenerator;
  readonly #clock: GeneratorClock;
  readonly #stopPolling: () => void;
  #state: GeneratorState = 'seeding';
  /** In the order of their requests. Those whose turn it is not yet cannot be filled earlier. */
  #resistant: ResistantCall[] = [];
  /** Ends a call that has waited too long; runs only while one waits. */
  #stopWaiting: (() => void) | undefined;
  /** Settles with the last call of `noise`. */
  #noise: Promise<unknown> = Promise.resolve();
  #noiseCalls = 0;
  #selfTest: Promise<boolean> | undefined;
  /** Read with the first status: /proc/cpuinfo has a page for each core. */
  #hidden: readonly string[] | undefined;

  /**
   * @param clock for tests
   * @throws Error if the addon refuses the options
   */
  constructor(
    addon: Addon,
    options: NativeOptions,
    onTransition: OnTransition,
    clock: GeneratorClock = realTime,
  ) {
    this.#addon = addon;
    this.#clock = clock;
    this.#native = new addon.Generator(
      options,
      (state, reason) => {
        this.#state = state;
        onTransition(state, reason);
      },
      () => this.#poll(),
    );
    this.#stopPolling = clock.every(() => this.#poll(), pollIntervalMs);
  }

  #poll(): void {
    this.#native.poll();
    this.#fillResistant();
  }

  #failure(result: number): EntropyError {
    return failure(result, this.#native.reason());
  }

  fill(target: Uint8Array, offset: number, length: number): void {
    const result = this.#native.generate(target, offset, length);
    if (result !== NativeResult.ok) throw this.#failure(result);
  }

  respond(target: Uint8Array, responses: Responses): void {
    const { requests, count, recipients, recipientCount } = responses;
    const result = this.#native.respond(target, requests, count, recipients, recipientCount);
    if (result !== NativeResult.ok) throw this.#failure(result);
  }

  mix(source: Uint8Array, offset: number, length: number): void {
    this.#native.mix(source, offset, length);
  }

  fillPredictionResistant(target: Uint8Array, offset: number, length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = { target, offset, length, at: 0, resolve, reject, ...this.#nextPiece() };
      this.#resistant.push(call);
      if (this.#resistant.length === 1) this.#fillResistant();
    });
  }

  /** Fills the waiting calls in turn, until fresh noise is wanting. */
  #fillResistant(): void {
    for (let call = this.#resistant[0]; call !== undefined; call = this.#resistant[0]) {
      const result = this.#fillPiece(call);
      if (result === NativeResult.pending) break;
      this.#resistant.shift();
      if (result !== NativeResult.ok) this.#fail(call, this.#failure(result));
      else if (call.at >= call.length) call.resolve();
      else this.#resistant.push({ ...call, ...this.#nextPiece() });
    }
    if (this.#resistant.length > 0)
      this.#stopWaiting ??= this.#clock.every(() => this.#failLate(), freshNoiseMs / 8, true);
    else this.#stopWaiting = void this.#stopWaiting?.();
  }

  #nextPiece(): Pick<ResistantCall, 'request' | 'deadline'> {
    return { request: this.#native.arrive(), deadline: this.#clock.now() + freshNoiseMs };
  }

  /** @returns a `NativeResult` */
  #fillPiece(call: ResistantCall): number {
    const { target, offset, length, at, request } = call;
    const size = Math.min(length - at, maxGenerateBytes);
    const result = this.#native.generateResistant(target, offset + at, size, request);
    if (result === NativeResult.ok) call.at += size;
    return result;
  }

  #fail({ target, offset, length, reject }: ResistantCall, error: Error): void {
    this.wipe(target, offset, length);
    reject(error);
  }

  /** Time may have made a source wait, so that another takes its place. */
  #failLate(): void {
    this.#poll();
    const now = this.#clock.now();
    const late = this.#resistant.filter(({ deadline }) => deadline <= now);
    if (late.length === 0) return;
    this.#resistant = this.#resistant.filter(({ deadline }) => deadline > now);
    const why = `no fresh noise in ${freshNoiseMs / 1000} s for prediction resistance`;
    for (const call of late) this.#fail(call, new EntropyError('ERR_ENTROPY', why));
    this.#fillResistant();
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
    for (const source of snapshot.sources) {
      if (source.path === hwrngPath) source.rngCurrent = rngCurrent();
      this.#hidden ??= hiddenInstructions();
      if (this.#hidden.includes(source.name) && source.state !== 'absent')
        source.hiddenByKernel = true;
    }
    return { ...snapshot, healthy: snapshot.state === 'operational' };
  }

  reseed(): void {
    const result = this.#native.reseed();
    // `pending` is not a failure: the samples are read first, and the next request reseeds.
    if (result !== NativeResult.ok && result !== NativeResult.pending) throw this.#failure(result);
  }

  selfTest(): Promise<boolean> {
    this.#selfTest ??= this.#native.selfTest().finally(() => {
      this.#selfTest = undefined;
      this.#fillResistant();
    });
    return this.#selfTest;
  }

  async noise(source: string, size: number): Promise<Uint8Array> {
    if (this.#noiseCalls >= maxNoiseCalls)
      throw new EntropyError('ERR_BUSY', 'raw samples are being read for others');
    this.#noiseCalls++;
    const samples = this.#noise.then(() => this.#readNoise(source, size));
    this.#noise = samples.catch(() => {});
    try {
      return await samples;
    } finally {
      this.#noiseCalls--;
    }
  }

  async #readNoise(source: string, size: number): Promise<Uint8Array> {
    const samples = this.#native.readNoise(source, size);
    if (samples === undefined)
      throw noSource(this.#native.snapshot().sources.map(({ name }) => name));
    let stop = () => {};
    const held = new Promise<never>((_resolve, reject) => {
      const give = () => reject(new Error(`${source}: the kernel holds the read`));
      stop = this.#clock.every(give, heldNoiseMs);
    });
    return Promise.race([samples, held])
      .catch((cause: Error) => {
        throw new EntropyError('ERR_ENTROPY', `no samples: ${cause.message}`, { cause });
      })
      .finally(() => stop());
  }

  close(): void {
    this.#stopPolling();
    this.#stopWaiting?.();
    this.#native.close();
    const closed = new EntropyError('ERR_HEALTH', 'the generator is closed');
    for (const call of this.#resistant.splice(0)) this.#fail(call, closed);
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

/**
 * The CPU's random instructions that the kernel does not announce. It hides RDSEED where the 16-
 * and 32-bit forms are broken (Zen 5, CVE-2025-62626), and RDRAND where it fails after resume; a
 * source exists only if CPUID has the instruction.
 * @returns nothing if /proc/cpuinfo cannot be read, or is not x86's
 */
function hiddenInstructions(): string[] {
  try {
    const [, flags] = readFileSync('/proc/cpuinfo', 'utf8').match(/^flags\s*:(.*)$/m) ?? [];
    if (flags === undefined) return [];
    return ['rdseed', 'rdrand'].filter((name) => !flags.split(' ').includes(name));
  } catch {
    return [];
  }
}
