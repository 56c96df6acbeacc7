/** Abort signals, each of which ends many calls and streams. */
import { setMaxListeners } from 'node:events';

export type Signals = readonly AbortSignal[];

/** Its event's target is the signal. */
export type AbortListener = ((event: Event) => void) | { handleEvent(event: Event): void };

/** The first that is aborted already. */
export function abortedOf(signals: Signals): AbortSignal | undefined {
  for (const signal of signals) if (signal.aborted) return signal;
  return undefined;
}

/** Until `unlisten`, `listener` hears of an abort. */
export function listen(signals: Signals, listener: AbortListener): void {
  for (const signal of signals) {
    // More than ten calls may wait at once, and that is no leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', listener);
  }
}

/** Takes back `listen`. */
export function unlisten(signals: Signals, listener: AbortListener): void {
  for (const signal of signals) signal.removeEventListener('abort', listener);
}
