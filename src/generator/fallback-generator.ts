/** The generator without the addon: `node:crypto`, which every report calls `fallback`. */
import { createRequire } from 'node:module';
import { NativeResult } from '../common/package.js';
import {
  failure,
  type Generator,
  type GeneratorState,
  type GeneratorStatus,
  noSource,
  type OnTransition,
} from './interface.js';

/** `node:crypto` behind the interface. It has no noise sources and no prediction resistance. */
export class FallbackGenerator implements Generator {
  readonly #reason: string;
  // Loaded here and not at the top: a daemon with the addon starts some milliseconds and MiB
  // lighter.
  readonly #crypto: typeof import('node:crypto') = createRequire(import.meta.url)('node:crypto');

  /** @param reason why there is no addon */
  constructor(reason: string, onTransition: OnTransition) {
    this.#reason = `serving untested bytes of node:crypto, without the addon: ${reason}`;
    onTransition('fallback', this.#reason);
  }

  fill(target: Uint8Array, offset: number, length: number): void {
    this.#crypto.randomFillSync(target, offset, length);
  }

  /** Node gives no way to feed OpenSSL's generator. */
  mix(): void {}

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
      construction: '',
      sources: [],
      reseeds: 0,
      requestsSinceReseed: 0,
      secondsSinceReseed: 0,
      memoryLocked: false,
    };
  }

  reseed(): void {}

  async selfTest(): Promise<boolean> {
    return false;
  }

  async noise(): Promise<Uint8Array> {
    throw noSource([]);
  }

  close(): void {}
}
