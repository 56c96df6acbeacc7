/** The tests' addon: the product's native sources over scripted noise sources. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Addon } from '../../src/common/package.js';

export type Fault = string;

export interface Verdict {
  /** 0 none, 1 intermittent, 2 permanent. */
  severity: number;
  test: string;
  /** Bytes seen when the first alarm was raised. */
  at: number;
}

export interface ScriptedSource {
  name: string;
  role?: 'seed' | 'kernel' | 'additional';
  words?: boolean;
  physical?: boolean;
  reserve?: boolean;
  tested?: number;
  credit?: number;
  fault?: Fault;
}

export interface Snapshot {
  state: string;
  reason: string;
  construction: string;
  reseeds: number;
  transitions: string[];
  sources: Record<
    string,
    {
      state: string;
      credit: number;
      alarms: number;
      bytes: number;
      retries: number;
      lastAlarm: string;
      lastError: string;
    }
  >;
}

/** `Result` of native/generator/generator.h. */
export const result = { ok: 0, notSeeded: 1, health: 2, entropy: 3, pending: 4 } as const;

export interface TestGenerator {
  setFault(source: string, fault: Fault): void;
  /** The bytes, or a `result` if there are none. */
  generate(size: number): Buffer | number;
  /** Up to 255 bytes; more are ignored. */
  mix(bytes: Uint8Array): void;
  arrive(): number;
  generateResistant(size: number, request: number): Buffer | number;
  reseed(): number;
  selfTest(): boolean;
  poll(): void;
  snapshot(): Snapshot;
  /** Bytes of the parent and of a forked child. */
  fork(): [Buffer, Buffer] | null;
}

export interface TestDrbg {
  instantiate(seed: Uint8Array, personalization: Uint8Array): boolean;
  reseed(seed: Uint8Array, additionalInput: Uint8Array): boolean;
  /** With `seed`: prediction resistance. */
  generate(size: number, additionalInput: Uint8Array, seed?: Uint8Array): Buffer | null;
  uninstantiate(): void;
  /** How often a seed was asked for. */
  asked(): number;
}

export interface TestAddon {
  repetitionCutoff(bitsPerSample: number, alphaLog2: number): number;
  criticalBinomial(trials: number, bitsPerSample: number, alphaLog2: number): number;
  adaptiveProportionCutoff(window: number, bitsPerSample: number, alphaLog2: number): number;
  testSamples(samples: Uint8Array, words: boolean, testedBitsPerByte?: number): Verdict;
  samples(fault: Fault, size: number): Buffer;
  /** Alarms in this many MiB of a CPU source; null if this host does not have it or it does not answer. */
  countAlarms(source: 'rdseed' | 'rdrand', mebibytes: number): number | null;
  /** A CPU source that is announced, and whose instruction never succeeds. */
  neverAnswers(): { state: string; error: string };
  /** `status`: 0 read, 1 try again, 2 failed. */
  readDevice(
    path: string,
    size: number,
    reads: number,
    credit?: number,
  ): { status: number; error: string; retries: number; samples: Buffer }[];
  Drbg: new () => TestDrbg;
  /** With one bit of a seed flipped: of the first answer's, of the second's, or of none (-1). */
  knownAnswerTest(flip: number): boolean;
  /** Copies of the DRBG's key in memory while it is instantiated, and after uninstantiate. */
  keyCopies(): [number, number];
  /** SHA-384. */
  condition(material: Uint8Array): Buffer | null;
  /** Times in seconds. */
  decide(
    profile: 'default' | 'strict',
    sources: {
      name: string;
      role: string;
      credit: number;
      state: string;
      words?: boolean;
      since?: number;
      alarm?: string;
      error?: string;
    }[],
    seed: {
      present: boolean;
      since?: number;
      overdue?: boolean;
      renewed?: boolean;
      ofKernel?: boolean;
    },
    now: number,
  ): { state: string; reason: string; kernelCredited: boolean };
  Generator: new (options: {
    profile?: 'default' | 'strict';
    reseedRequests?: number;
    reseedSeconds?: number;
    /** Longest wait for the first seed; default 5. */
    firstSeedMs?: number;
    corruptKnownAnswer?: boolean;
    sources: ScriptedSource[];
  }) => TestGenerator;
  assess: Addon['assess'];
  advanceClock(seconds: number): void;
}

/** sanitizers.sh passes an instrumented build of the same sources. */
export const addonPath =
  process.env.ENTROPYD_TEST_ADDON ?? join(import.meta.dirname, 'build/Release/entropyd_test.node');

export const addon = createRequire(import.meta.url)(addonPath) as TestAddon;

/** Calls a generator's `generate`, which must yield bytes. */
export function bytes(generator: TestGenerator, size = 32): Buffer {
  const out = generator.generate(size);
  if (typeof out === 'number') throw new Error(`result ${out} instead of bytes`);
  return out;
}
