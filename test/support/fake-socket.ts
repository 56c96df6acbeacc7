/** A socket without a kernel: it takes what a test lets it take. */
import { EventEmitter } from 'node:events';

/** By descriptor; the numbers are none of the kernel's. */
const fakes: FakeSocket[] = [];
const firstDescriptor = 1_000_000;

/** As `Addon.send`, to a fake socket; undefined if the descriptor is not one's. */
export function sendToFake(fd: number, bytes: Uint8Array): number | undefined {
  return fakes[fd - firstDescriptor]?.send(bytes);
}

export class FakeSocket extends EventEmitter {
  readonly descriptor = firstDescriptor + fakes.push(this) - 1;
  /** Bytes that are taken at once, by `send` and by writes together. */
  room = Number.POSITIVE_INFINITY;
  destroyed = false;
  /** Bytes written and not taken yet. */
  writableLength = 0;
  #waiting: (() => void)[] = [];
  #received: Buffer[] = [];
  #paused = false;

  /** All bytes that were taken so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Takes what there is room for. */
  send(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    this.#take(bytes.subarray(0, taken));
    return taken;
  }

  write(bytes: Uint8Array, callback?: () => void): boolean {
    if (!this.destroyed) {
      const rest = bytes.subarray(this.writableLength > 0 ? 0 : this.send(bytes));
      if (rest.length > 0) {
        this.writableLength += rest.length;
        this.#waiting.push(() => {
          this.writableLength -= rest.length;
          if (!this.destroyed) this.#received.push(Buffer.from(rest));
        });
      }
    }
    if (callback === undefined) return true;
    if (this.#waiting.length === 0) process.nextTick(callback);
    else this.#waiting.push(callback);
    return false;
  }

  /** Takes everything that was written. */
  drain(): void {
    for (const next of this.#waiting.splice(0)) next();
  }

  #take(bytes: Uint8Array): void {
    this.room -= bytes.length;
    this.#received.push(Buffer.from(bytes));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  destroySoon(): void {
    if (this.writableLength === 0) this.destroy();
    else this.#waiting.push(() => this.destroy());
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    process.nextTick(() => {
      this.drain();
      this.emit('close');
    });
  }
}
