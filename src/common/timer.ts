/** A repeating timer, as the argument that lets tests turn time by hand. */

/**
 * Runs an action again and again.
 * @param action must not throw
 * @param ms between two runs, and before the first
 * @param keepsAlive whether the process lives until it is stopped; default false
 * @returns stops it
 */
export type Every = (action: () => void, ms: number, keepsAlive?: boolean) => () => void;

/** Real time. */
export const every: Every = (action, ms, keepsAlive = false) => {
  const timer = setInterval(action, ms);
  if (!keepsAlive) timer.unref();
  return () => clearInterval(timer);
};
