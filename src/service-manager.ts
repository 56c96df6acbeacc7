/** What the service manager is told of this process, and wants to hear in time: sd_notify(3). */
import { EntropyError } from './common/errors.js';
import type { LoadResult } from './common/package.js';
import type { GeneratorState } from './generator/interface.js';

export interface ServiceManager {
  /** Listening; again after `reloading`. */
  ready(): void;
  /** @param text one line, for people */
  status(text: string): void;
  reloading(): void;
  stopping(): void;
  /** Alive. */
  alive(): void;
  /** How often it wants to hear `alive`, milliseconds; undefined: never. */
  watchdogMs: number | undefined;
}

const silent = () => {};

/** Nobody listens. */
export const noServiceManager: ServiceManager = {
  ready: silent,
  status: silent,
  reloading: silent,
  stopping: silent,
  alive: silent,
  watchdogMs: undefined,
};

const microsecondsPerMs = 1_000;
const nanosecondsPerMicrosecond = 1_000n;

/** A reason may hold a path; a new line in it would be an assignment of its own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f]/g;

/** WATCHDOG_USEC where it is meant for this process (sd_watchdog_enabled(3)). */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv, pid: number) {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined;
  const microseconds = Number(WATCHDOG_USEC);
  return microseconds >= microsecondsPerMs && microseconds <= Number.MAX_SAFE_INTEGER
    ? microseconds / microsecondsPerMs
    : undefined;
}

/**
 * The service manager that started this process, once: its variables are gone afterwards.
 * @param loaded the addon sends the notifications
 * @throws EntropyError `ERR_CONFIG` where a manager waits for a word and there is no addon to send it
 */
export function takeServiceManager(
  loaded: LoadResult,
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): ServiceManager {
  const address = env.NOTIFY_SOCKET;
  const watchdog = watchdogMs(env, pid);
  for (const variable of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[variable];
  if (!address) return noServiceManager;
  const { addon, reason } = loaded;
  if (addon === undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      `the service manager waits for a word (Type=notify), and only the addon can send it: ${reason}; the drop-in no-addon.conf does without`,
    );
  // Nothing is done about an errno: a manager that hears nothing acts by itself, and says so.
  const send = (...lines: string[]) => void addon.sendDatagram(address, lines.join('\n'));
  return {
    ready: () => send('READY=1'),
    status: (text) => send(`STATUS=${text.replace(controls, ' ')}`),
    // CLOCK_MONOTONIC, which is what hrtime reads on Linux.
    reloading: () =>
      send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / nanosecondsPerMicrosecond}`),
    stopping: () => send('STOPPING=1'),
    alive: () => send('WATCHDOG=1'),
    watchdogMs: watchdog,
  };
}

const words: Readonly<Record<GeneratorState, string>> = {
  seeding: 'Seeding, no bytes are served yet',
  operational: 'Operational',
  degraded: 'Degraded, bytes are served',
  error: 'Error, no bytes are served',
  fallback: 'Fallback, bytes of node:crypto are served',
};

/** A state of the generator in words, for `systemctl status`. */
export function stateInWords(state: GeneratorState, reason: string): string {
  return reason === '' ? words[state] : `${words[state]}: ${reason}`;
}
