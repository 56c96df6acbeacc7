/** Listening sockets that a service manager opened and passed: sd_listen_fds_with_names(3). */

import { createConnection, type NetConnectOpts } from 'node:net';
import { EntropyError } from '../common/errors.js';
import type { Addon, LoadResult } from '../common/package.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { GeneratorState } from '../generator/interface.js';

/** SD_LISTEN_FDS_START: descriptors are passed from here on, without a gap. */
const firstDescriptor = 3;

/** What a manager that knows no names calls them. */
const unnamed = 'unknown';

/** More than any unit has; a bound on what is made of a number in the environment. */
const maxDescriptors = 1_024;

const variables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/**
 * Names and numbers of the descriptors that were passed to this process.
 * @param env with LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, or none of them
 * @param pid of this process: what was passed to another is not ours
 * @returns in the order of their numbers, which is no order of the unit's
 * @throws EntropyError `ERR_CONFIG` where the variables contradict each other
 */
export function passedDescriptors(
  env: NodeJS.ProcessEnv,
  pid: number,
): { fd: number; name: string }[] {
  if (env.LISTEN_PID !== String(pid)) return [];
  const count = Number(env.LISTEN_FDS);
  if (!Number.isInteger(count) || count < 0 || count > maxDescriptors)
    throw new EntropyError('ERR_CONFIG', `LISTEN_FDS: want an integer of 0 to ${maxDescriptors}`);
  const names = env.LISTEN_FDNAMES?.split(':') ?? new Array<string>(count).fill(unnamed);
  if (count > 0 && names.length !== count)
    throw new EntropyError('ERR_CONFIG', `LISTEN_FDNAMES: want ${count} names`);
  return Array.from({ length: count }, (_, i) => ({
    fd: firstDescriptor + i,
    name: names[i] as string,
  }));
}

/**
 * The sockets that were passed to this program, once: the variables are gone afterwards, so that no
 * child takes them for its own.
 * @param name of the unit's `FileDescriptorName=`; others are refused, or their clients would wait
 *   for ever
 * @param addon tells their paths
 * @throws EntropyError `ERR_CONFIG`
 */
export function takePassedSockets(
  name: string,
  addon: Addon | undefined,
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): PassedSocket[] {
  const passed = passedDescriptors(env, pid);
  for (const variable of variables) delete env[variable];
  const other = passed.find((each) => each.name !== name && each.name !== unnamed);
  if (other !== undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      `descriptor ${other.fd} was passed as ${JSON.stringify(other.name)}; want FileDescriptorName=${name}`,
    );
  return passed.map(({ fd }) => ({ fd, path: addon?.socketPath(fd) ?? undefined }));
}

// What the service manager is told of this process, and wants to hear in time: sd_notify(3).

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

// Tells the service manager that this process answers, for as long as it does: sd_watchdog_enabled(3).

/**
 * Probes at half of the time that the manager allows, and says so when there was an answer.
 * @param probe resolves with whether there was one within the milliseconds that it is given
 * @returns ends it
 */
export function startWatchdog(
  manager: Pick<ServiceManager, 'alive' | 'watchdogMs'>,
  probe: (timeoutMs: number) => Promise<boolean>,
): () => void {
  if (manager.watchdogMs === undefined) return () => {};
  const halfMs = manager.watchdogMs / 2;
  const beat = async () => {
    if (await probe(halfMs)) manager.alive();
  };
  void beat();
  const timer = setInterval(() => void beat(), halfMs).unref();
  return () => clearInterval(timer);
}

// Whether a server of this process still does anything with what it is sent, as a client sees it.

/**
 * Connects, sends a request, and waits for anything to happen. A refusal is an answer. So is a
 * connection that ends, and one that cannot be had: a socket file that somebody removed or locked
 * away is no reason to end a process that serves others.
 * @param to the server's own address
 * @param request whole, so that an answer is due
 * @param timeoutMs to connect and to answer
 * @returns false where nothing happened in time
 */
export function answers(
  to: NetConnectOpts,
  request: Uint8Array | string,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(to);
    const settle = (answered: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    const timer = setTimeout(settle, timeoutMs, false);
    for (const event of ['data', 'error', 'close']) socket.on(event, () => settle(true));
    socket.write(request);
  });
}
