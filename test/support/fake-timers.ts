/** Timers that run when a test says so, in place of those of the process. */
import type { Test } from 'tap';

interface Timer {
  at: number;
  readonly ms: number;
  readonly run: () => void;
}

/** The time of a test. */
export interface FakeTimers {
  /** Lets time pass: runs what is due, in order. */
  advance(ms: number): void;
  /** How many timers are running. */
  readonly running: number;
}

/** Replaces setTimeout and clearTimeout until the test ends. */
export function fakeTimers(t: Test): FakeTimers {
  const timers = new Set<Timer>();
  let now = 0;
  const setTimeout = (run: () => void, ms = 0) => {
    const timer = { at: now + ms, ms, run };
    const handle = {
      timer,
      ref: () => handle,
      unref: () => handle,
      refresh() {
        if (timers.has(timer)) timer.at = now + ms;
        return handle;
      },
    };
    timers.add(timer);
    return handle;
  };
  const clearTimeout = (handle?: { timer: Timer }) => void (handle && timers.delete(handle.timer));
  t.intercept(globalThis, 'setTimeout', { value: setTimeout as never });
  t.intercept(globalThis, 'clearTimeout', { value: clearTimeout as never });
  return {
    get running() {
      return timers.size;
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.at - b.at);
        if (next === undefined || next.at > end) break;
        timers.delete(next);
        now = next.at;
        next.run();
      }
      now = end;
    },
  };
}
