/** systemd's protocols for services: passed sockets, notifications, and the watchdog. */
import { createConnection, type NetConnectOpts } from 'node:net';
import { EntropyError } from '../common/errors.js';
import type { Addon, LoadResult } from '../common/package.js';
import { stateLine } from '../common/state.js';
import { type Every, every } from '../common/timer.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { GeneratorState } from '../generator/interface.js';

/** SD_LISTEN_FDS_START: passed descriptors are numbered from here without gaps. */
const firstDescriptor = 3;

/** The name of every descriptor if the manager passes no names. */
const unnamed = 'unknown';

/** More than any unit has. Bounds the array that a number in the environment leads to. */
const maxDescriptors = 1_024;

/** Removes variables that were meant for this process, so that no child takes them for its own. */
function forget(env: NodeJS.ProcessEnv, names: readonly string[]): void {
  for (const name of names) delete env[name];
}

/**
 * Lists the descriptors that were passed to this process: sd_listen_fds_with_names(3).
 * @param env with LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, or none of them
 * @param pid of this process; descriptors for another are ignored
 * @returns by ascending number, which need not be the order in the unit
 * @throws EntropyError `ERR_CONFIG` if the variables contradict each other
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
 * Takes the sockets that were passed to this program. Works once: the variables are removed.
 * @param names the units' `FileDescriptorName=`, of sockets without a name first; a socket with another
 *   is refused, because its clients would wait forever
 * @param addon reads the sockets' paths
 * @throws EntropyError `ERR_CONFIG`
 */
export function takePassedSockets(
  names: readonly [string, ...string[]],
  addon: Addon | undefined,
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): PassedSocket[] {
  const passed = passedDescriptors(env, pid);
  forget(env, ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']);
  const other = passed.find((each) => !names.includes(each.name) && each.name !== unnamed);
  if (other !== undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      `descriptor ${other.fd} was passed as ${JSON.stringify(other.name)}; want FileDescriptorName=${names.join(' or ')}`,
    );
  return passed.map(({ fd, name }) => ({
    fd,
    path: addon?.socketPath(fd) ?? undefined,
    name: name === unnamed ? names[0] : name,
  }));
}

/** Notifications to the service manager: sd_notify(3). */
export interface ServiceManager {
  /** The service listens, or has reloaded. */
  ready(): void;
  /** @param text one line, for people */
  status(text: string): void;
  reloading(): void;
  stopping(): void;
  alive(): void;
  /** Longest time between two calls of `alive`, milliseconds; undefined: no watchdog. */
  watchdogMs: number | undefined;
}

const silent = () => {};

const noServiceManager: ServiceManager = {
  ready: silent,
  status: silent,
  reloading: silent,
  stopping: silent,
  alive: silent,
  watchdogMs: undefined,
};

const microsecondsPerMs = 1_000;
const nanosecondsPerMicrosecond = 1_000n;

/** A reason may contain a path, and a line feed in it would begin another assignment. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it must find
const controls = /[\u0000-\u001f\u007f]/g;

/** WATCHDOG_USEC in milliseconds, if it is meant for this process: sd_watchdog_enabled(3). */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv, pid: number) {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined;
  const microseconds = Number(WATCHDOG_USEC);
  return microseconds >= microsecondsPerMs && microseconds <= Number.MAX_SAFE_INTEGER
    ? microseconds / microsecondsPerMs
    : undefined;
}

/**
 * Takes the service manager that started this process. Works once: the variables are removed.
 * @param loaded the addon sends the notifications
 * @returns without a manager, an object that does nothing
 * @throws EntropyError `ERR_CONFIG` if a manager waits for notifications and there is no addon
 */
export function takeServiceManager(
  loaded: LoadResult,
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): ServiceManager {
  const address = env.NOTIFY_SOCKET;
  const watchdog = watchdogMs(env, pid);
  forget(env, ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']);
  if (!address) return noServiceManager;
  const { addon, reason } = loaded;
  if (addon === undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      `the service manager waits for a notification (Type=notify), which only the addon can send: ${reason}; to run without it, use the drop-in no-addon.conf`,
    );
  // An errno is ignored: a manager that hears nothing acts by itself, and logs it.
  const send = (...lines: string[]) => void addon.sendDatagram(address, lines.join('\n'), true);
  return {
    ready: () => send('READY=1'),
    status: (text) => send(`STATUS=${text.replace(controls, ' ')}`),
    // CLOCK_MONOTONIC, which hrtime reads on Linux.
    reloading: () =>
      send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / nanosecondsPerMicrosecond}`),
    stopping: () => send('STOPPING=1'),
    alive: () => send('WATCHDOG=1'),
    watchdogMs: watchdog,
  };
}

/** Describes a state of the generator in one line, for `systemctl status`. */
export function describeState(state: GeneratorState, reason: string): string {
  const line = stateLine(state, reason);
  return line.charAt(0).toUpperCase() + line.slice(1);
}

/**
 * Reports that this process is alive for as long as its server responds: sd_watchdog_enabled(3).
 * Probes at once, and then at half the time that the manager allows.
 * @param probe whether the server responded within the given milliseconds
 * @param timer for tests
 * @returns ends it
 */
export function startWatchdog(
  manager: Pick<ServiceManager, 'alive' | 'watchdogMs'>,
  probe: (timeoutMs: number) => Promise<boolean>,
  timer: Every = every,
): () => void {
  if (manager.watchdogMs === undefined) return () => {};
  const halfMs = manager.watchdogMs / 2;
  const beat = async () => {
    if (await probe(halfMs)) manager.alive();
  };
  void beat();
  return timer(() => void beat(), halfMs);
}

/**
 * Liveness probe: connects to this process's own socket as a client would, sends a request, and
 * waits for any reaction. A refusal counts, and so does a connection that ends or cannot be made: a
 * socket file that somebody removed or locked is no reason to end a process that serves others.
 * @param to the server's own address
 * @param request complete, so that an answer is due
 * @param timeoutMs to connect and to react
 * @returns false if nothing happened in time
 */
export function isResponsive(
  to: NetConnectOpts,
  request: Uint8Array | string,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(to);
    const settle = (responded: boolean) => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(responded);
    };
    const deadline = setTimeout(settle, timeoutMs, false);
    for (const event of ['data', 'error', 'close']) socket.on(event, () => settle(true));
    socket.write(request);
  });
}
