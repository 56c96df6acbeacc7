/** Waits for a condition, with a deadline that only a hung program misses. */
import { setTimeout } from 'node:timers/promises';

/** Longest that a program may take to start or to end on a slow and busy machine. */
export const programMs = 120_000;

export interface Patience {
  /** Longest wait, ms. */
  readonly limitMs?: number;
  /** Between two looks at the condition, ms: more for conditions that start programs. */
  readonly pollMs?: number;
}

/**
 * Resolves with the condition's value as soon as that is neither undefined nor false.
 * @param what names the awaited state in the error message
 * @throws Error when `limitMs` is over, and whatever `condition` throws
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  { limitMs = programMs, pollMs = 5 }: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await setTimeout(pollMs);
  }
}

/** A promise that resolves when told. */
export function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
