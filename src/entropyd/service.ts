/** What daemon and gateway share as services: signals, passed sockets, readiness, watchdog. */
import type { NetConnectOpts } from 'node:net';
import { type LoadResult, loadAddon } from '../common/package.js';
import { terminationSignal } from '../common/program.js';
import type { PassedSocket } from '../common/unix-socket.js';
import { isResponsive, startWatchdog, takePassedSockets, takeServiceManager } from './systemd.js';

/** What the watchdog sends to this process's own server. */
export interface Probe {
  readonly to: NetConnectOpts;
  /** A complete request, so that an answer is due. */
  readonly request: Uint8Array | string;
}

/** What a service is started with. */
export interface ServiceHost {
  readonly addon: LoadResult;
  /** Sockets that the service manager opened. */
  readonly passed: readonly PassedSocket[];
  /** Sets the line that `systemctl status` shows. */
  status(text: string): void;
  /**
   * Reports readiness and starts the watchdog. Call it once, when the sockets listen.
   * @param probe undefined if the process cannot connect to itself; then it counts as alive
   */
  listening(probe: Probe | undefined): void;
}

/** A service that runs. */
export interface Service {
  /** Handles SIGHUP. Reports failures itself. Called again only after it has resolved. */
  reload(): Promise<void>;
  close(): Promise<void>;
  /** Rejects once it cannot go on. Absent: it ends with this process only. */
  readonly failed?: Promise<never>;
}

export interface ServiceOptions {
  /** `FileDescriptorName=` of the socket units, of sockets without a name first. */
  socketNames: readonly [string, ...string[]];
  start(host: ServiceHost): Promise<Service>;
}

/** What a test replaces. */
export interface ServiceSurroundings {
  load?: () => LoadResult;
  env?: NodeJS.ProcessEnv;
}

/** Loads the addon, and hardens this process before there is a secret in its memory. */
export function loadHardened(load: () => LoadResult = loadAddon): LoadResult {
  const loaded = load();
  loaded.addon?.harden();
  return loaded;
}

/**
 * Runs a service until SIGTERM or SIGINT; a second one of them ends the process at once. SIGHUP
 * reloads.
 * @throws what `start` throws; EntropyError `ERR_CONFIG` if the service manager's variables are at
 *   fault
 */
export async function runService(
  { socketNames, start }: ServiceOptions,
  { load, env = process.env }: ServiceSurroundings = {},
): Promise<void> {
  const ended = terminationSignal();
  // Registered first: without a listener the signal would end the process. One that comes during the
  // start waits for its end; after READY=1 a service manager may send it at any time.
  let isHungUp = false;
  let reload = () => {
    isHungUp = true;
  };
  const onHangup = () => reload();
  process.on('SIGHUP', onHangup);
  try {
    const addon = loadHardened(load);
    const manager = takeServiceManager(addon, env);
    const passed = takePassedSockets(socketNames, addon.addon, env);
    let endWatchdog = () => {};
    const listening = (probe: Probe | undefined) => {
      manager.ready();
      endWatchdog = startWatchdog(manager, async (timeoutMs) =>
        probe === undefined ? true : isResponsive(probe.to, probe.request, timeoutMs),
      );
    };
    const stopping = () => {
      manager.stopping();
      endWatchdog();
    };
    const service = await start({ addon, passed, status: manager.status, listening }).catch(
      (error: unknown) => {
        stopping();
        throw error;
      },
    );
    let reloads = Promise.resolve();
    let isQueued = false;
    reload = () => {
      // One that has not started yet will read what this one would.
      if (isQueued) return;
      isQueued = true;
      reloads = reloads.then(async () => {
        isQueued = false;
        manager.reloading();
        await service.reload();
        manager.ready();
      });
    };
    if (isHungUp) reload();
    try {
      await Promise.race([ended, ...(service.failed ? [service.failed] : [])]);
    } finally {
      stopping();
      await reloads;
      await service.close();
    }
  } finally {
    process.off('SIGHUP', onHangup);
  }
}
