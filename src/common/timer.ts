/** Time, as the arguments that let tests turn it by hand: a repeating timer, and a result that lasts. */

/** Milliseconds since any fixed point, as `performance.now()`. */
export type Clock = () => number;

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

/**
 * Shares a costly result: callers get the last one until it is `ms` old, and all who come while it is
 * made wait for the same. A failure is not kept.
 * @param now for tests
 */
export function lasting<T>(
  make: () => Promise<T>,
  ms: number,
  now: Clock = () => performance.now(),
): () => Promise<T> {
  let result: Promise<T> | undefined;
  let madeAt = 0;
  return () => {
    if (result !== undefined && now() - madeAt < ms) return result;
    madeAt = now();
    const making = make();
    result = making;
    making.catch(() => {
      if (result === making) result = undefined;
    });
    return making;
  };
}
