/** A socket without a kernel: it takes what a test lets it take. */
import { EventEmitter } from 'node:events';

export class FakeSocket extends EventEmitter {
  /** Bytes that are taken at once, by `sendNow` and by writes together. */
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

  /** As `ConnectionOptions.sendNow`: takes what there is room for, and wipes it. */
  readonly sendNow = (bytes: Uint8Array, at: number, size: number): number => {
    const taken = Math.min(size, this.room);
    this.#take(bytes.subarray(at, at + taken));
    bytes.fill(0, at, at + taken);
    return taken;
  };

  write(bytes: Uint8Array, callback?: () => void): boolean {
    if (!this.destroyed) {
      const isWhole = this.writableLength === 0 && bytes.length <= this.room;
      if (isWhole) this.#take(bytes);
      else {
        this.writableLength += bytes.length;
        this.#waiting.push(() => {
          this.writableLength -= bytes.length;
          if (!this.destroyed) this.#received.push(Buffer.from(bytes));
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
