/** The time that commands go by, as an argument for tests. */
import { setTimeout } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** @throws AbortError once `signal` is aborted */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) => setTimeout(ms, undefined, signal === undefined ? {} : { signal }),
};
