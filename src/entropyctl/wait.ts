/** `entropyctl wait`: returns once the daemon serves in a state, for scripts and units that start after it. */
import { CommandError } from '../common/program.js';
import { serves, stateLine } from '../common/state.js';
import { printable } from '../common/terminal.js';
import type { Health } from '../generator/interface.js';
import { type Clock, realClock } from './clock.js';
import { print, printJson, type SessionOptions, withClient } from './session.js';

/** States that can be waited for, the best first. */
export const awaitedStates = ['operational', 'degraded', 'fallback'] as const;

export interface WaitOptions extends SessionOptions {
  /** This state or a better one; default: `operational`. */
  state?: (typeof awaitedStates)[number];
  /** Seconds; default: no end. */
  timeout?: number;
}

/** Time between two questions, milliseconds. */
const pauseMs = 250;

/** Time for one answer, milliseconds: a daemon that hangs is asked again. */
const answerMs = 5_000;

/** What passes by itself, or once somebody starts the daemon. */
const passing = ['ERR_CONNECT', 'ERR_CLOSED', 'ERR_TIMEOUT'];

/**
 * Asks until the state is reached, and prints it.
 * @param ask the daemon's health; for tests
 * @throws CommandError `ERR_TIMEOUT`, which names the last answer, or why asking again cannot help
 */
export async function wait(
  options: WaitOptions,
  clock: Clock = realClock,
  ask: (options: SessionOptions, timeoutMs: number) => Promise<Health> = askDaemon,
): Promise<void> {
  const { state: wanted = 'operational', timeout = Number.POSITIVE_INFINITY, json } = options;
  const start = clock.now();
  const end = start + timeout * 1_000;
  const enough = awaitedStates.slice(0, awaitedStates.indexOf(wanted) + 1);
  for (;;) {
    let last: string;
    try {
      const { state, reason } = await ask(
        options,
        Math.max(1, Math.min(answerMs, end - clock.now())),
      );
      if (serves(state) && (enough as readonly string[]).includes(state)) {
        const waitedSeconds = (clock.now() - start) / 1_000;
        if (json) await printJson({ state, reason, waitedSeconds });
        else await print(stateLine(printable(state), printable(reason)));
        return;
      }
      last = stateLine(printable(state), printable(reason));
    } catch (error) {
      if (!(error instanceof CommandError) || !passing.includes(error.code)) throw error;
      last = error.message;
    }
    const left = end - clock.now();
    if (left <= 0)
      throw new CommandError('ERR_TIMEOUT', `not ${wanted} within ${timeout} s: ${last}`);
    await clock.wait(Math.min(pauseMs, left));
  }
}

/** Looks for the socket each time: it may appear meanwhile, also at another of its places. */
function askDaemon(options: SessionOptions, timeoutMs: number): Promise<Health> {
  return withClient(options, (client) => client.health({ timeoutMs }));
}
