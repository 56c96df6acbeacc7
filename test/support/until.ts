/** Waiting for a condition, with a deadline that only a hung program misses. */
import { setTimeout } from 'node:timers/promises';

/** Longest that a program may take to start or to end, on a slow and busy machine. */
export const programMs = 30_000;

/** Between two looks at a condition, milliseconds. */
const pollMs = 5;

/**
 * Resolves with what `condition` returns as soon as that is neither undefined nor false.
 * @param what is waited for, for the message
 * @throws Error if `programMs` passes first
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + programMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > deadline) throw new Error(`not within ${programMs} ms: ${what}`);
    await setTimeout(pollMs);
  }
}
