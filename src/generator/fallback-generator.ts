/** The generator where there is no addon. */
import { createRequire } from 'node:module';
import { NativeResult } from '../common/package.js';
import type { Generator, GeneratorState, GeneratorStatus, OnTransition } from './interface.js';
import { failure, noSource } from './interface.js';

/** node:crypto under the same interface, and honest about it in every report. */
export class FallbackGenerator implements Generator {
  readonly #reason: string;
  // Loaded here: the addon's daemon needs none of it, and is up some milliseconds and MiB earlier.
  readonly #crypto: typeof import('node:crypto') = createRequire(import.meta.url)('node:crypto');

  constructor(reason: string, onTransition: OnTransition) {
    this.#reason = `node:crypto instead of the addon: ${reason}`;
    onTransition('fallback', this.#reason);
  }

  fill(target: Uint8Array, offset: number, length: number): void {
    this.#crypto.randomFillSync(target, offset, length);
  }

  async fillPredictionResistant(target: Uint8Array, offset: number, length: number): Promise<void> {
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
