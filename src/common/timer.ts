/** A repeating timer, as the argument that lets tests turn time by hand. */

/**
 * Runs an action again and again.
 * @param action must not throw
 * @param ms between two runs, and before the first
 * @returns stops it
 */
export type Every = (action: () => void, ms: number) => () => void;

/** Real time. Does not keep the process alive. */
export const every: Every = (action, ms) => {
  const timer = setInterval(action, ms).unref();
  return () => clearInterval(timer);
};
