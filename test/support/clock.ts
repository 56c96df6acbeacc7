/** Time that passes when a test says so. */
import type { Timers } from '../../src/client/reconnecting-socket.js';

interface FakeTimer {
  at: number;
  callback(): void;
}

/** Begins at 1,000 ms, since 0 may mean "never"; its chance is always 0. */
export class FakeClock implements Timers {
  #now = 1_000;
  readonly #timers = new Set<FakeTimer>();
  /** Delays of all timers that were ever set, in order. */
  readonly delays: number[] = [];

  readonly now = (): number => this.#now;
  readonly random = (): number => 0;

  set(callback: () => void, delayMs: number): NodeJS.Timeout {
    this.delays.push(delayMs);
    const timer = { at: this.#now + delayMs, callback, unref: () => timer };
    this.#timers.add(timer);
    return timer as unknown as NodeJS.Timeout;
  }

  clear(timer: NodeJS.Timeout | undefined): void {
    this.#timers.delete(timer as unknown as FakeTimer);
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves the time, and calls what becomes due on the way, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].reduce<FakeTimer | undefined>(
        (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
        undefined,
      );
      if (next === undefined || next.at > end) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.callback();
    }
    this.#now = end;
  }
}
