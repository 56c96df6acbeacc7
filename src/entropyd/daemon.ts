/** The daemon: generator, socket and, where asked for, the gateway, as one thing that ends cleanly. */
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { EntropyError, errorCode } from '../common/errors.js';
import { createLogger, type Logger } from '../common/log.js';
import { type Addon, type LoadResult, loadAddon, version } from '../common/package.js';
import { terminationSignal } from '../common/program.js';
import type { PassedSocket } from '../common/unix-socket.js';
import { type Config, type ConfigFlags, loadConfig } from '../config/config.js';
import type { Gateway } from '../gateway/gateway.js';
import { createGenerator } from '../generator/create.js';
import type { GeneratorState } from '../generator/interface.js';
import { Transitions } from '../server/activity.js';
import { createContext } from '../server/context.js';
import { Listeners } from '../server/listeners.js';
import type { AdminRule } from '../server/users.js';
import {
  answers,
  noServiceManager,
  type ServiceManager,
  startWatchdog,
  stateInWords,
  takePassedSockets,
  takeServiceManager,
} from './systemd.js';

export interface DaemonOptions {
  config: Config;
  /** Run the gateway in this process as well: a loopback or Unix address. */
  http?: string;
  /** Default: the one of this package. */
  addon?: LoadResult;
  /** Sockets that the service manager opened; `config.listen` may then be empty. */
  passed?: readonly PassedSocket[];
  /** Default: nobody wants to know. */
  manager?: ServiceManager;
}

export interface Daemon {
  /** Of the gateway, where there is one. */
  addresses: readonly string[];
  /**
   * Takes over a new configuration and the gateway's files, and reseeds, which is also the way back
   * from the error state: for SIGHUP, which a udev rule sends when a virtual machine was cloned.
   * Connections stay; what is at fault is logged and changes nothing.
   * @param load gives the configuration
   */
  reload(load: () => Promise<Config>): Promise<void>;
  /** Answers what has been read (at most 5 s), then ends everything. */
  close(): Promise<void>;
}

const firstRequestsMs = 5;

/** `[0, 0, "random", [1]]` in MessagePack: the request that everybody comes for. */
const probeRequest = Buffer.from('940000a672616e646f6d9101', 'hex');

/** @throws EntropyError `ERR_CONFIG` where there is no such group */
function adminRule(groupName: string | undefined, addon: Addon | undefined): AdminRule {
  const group = groupName === undefined ? undefined : (addon?.groupId(groupName) ?? undefined);
  if (groupName !== undefined && addon !== undefined && group === undefined)
    throw new EntropyError('ERR_CONFIG', `admin_group: this host has no group "${groupName}"`);
  return { uid: process.geteuid?.() ?? 0, group };
}

/** What a reload cannot change, by the names of the file. */
function needingRestart(before: Config, after: Config): string[] {
  const fixed = (config: Config) => ({
    profile: config.profile,
    'generator.reseed_requests': config.reseedRequests,
    'generator.reseed_seconds': config.reseedSeconds,
    source: config.devices,
    gateway: config.gateway,
  });
  const [old, wanted] = [fixed(before), fixed(after)];
  const names = Object.keys(old) as (keyof typeof old)[];
  return names.filter((name) => !isDeepStrictEqual(old[name], wanted[name]));
}

/**
 * Starts the daemon in this process. It listens before it loads what only later requests need.
 * @throws EntropyError `ERR_LISTEN`, `ERR_HEALTH` (profile `strict` without the addon), `ERR_CONFIG`
 */
export async function startDaemon({
  config,
  http,
  addon,
  passed = [],
  manager = noServiceManager,
}: DaemonOptions): Promise<Daemon> {
  const loaded = addon ?? loadAddon();
  // Before there is a secret in memory.
  loaded.addon?.harden();
  let rule = adminRule(config.adminGroup, loaded.addon);
  const transitions = new Transitions();
  const { profile, reseedRequests, reseedSeconds, devices } = config;
  const onTransition = (state: GeneratorState, reason: string) => {
    manager.status(stateInWords(state, reason));
    transitions.note(state, reason);
  };
  const generator = createGenerator(
    { profile, reseedRequests, reseedSeconds, devices, onTransition },
    loaded,
  );
  const limits = { ...config.limits };
  const listeners = new Listeners({
    addon: loaded.addon,
    adminRule: () => rule,
    passed,
    context: createContext({ generator, limits, version, transitions }),
  });
  // In reverse: the generator is last to end.
  const parts: { close(): Promise<void> | void }[] = [generator, listeners];
  let log: Logger | undefined;
  const close = async () => {
    manager.stopping();
    for (const part of parts.splice(0).reverse()) await part.close();
    log?.info('entropyd ended');
  };
  try {
    await listeners.set(config.listen);
    manager.ready();
    const watched = passed.find(({ path }) => path !== undefined)?.path ?? config.listen[0]?.path;
    const endWatchdog = startWatchdog(manager, async (timeoutMs) =>
      watched === undefined ? true : answers({ path: watched }, probeRequest, timeoutMs),
    );
    parts.push({ close: endWatchdog });
    // Who waits for the socket is answered before the log's library is loaded, which takes longer.
    await setTimeout(firstRequestsMs);
    const logger = await createLogger();
    log = logger;
    logger.info({ sockets: listeners.paths, pid: process.pid, version }, 'entropyd listening');
    transitions.start(logger);

    let gateway: Gateway | undefined;
    if (http !== undefined) {
      const [{ connect }, { startGateway }] = await Promise.all([
        import('../client/client.js'),
        import('../gateway/gateway.js'),
      ]);
      const client = connect({
        coalesce: 'turn',
        ...(watched === undefined ? {} : { socketPath: watched }),
      });
      parts.push(client);
      // No way to other hosts, in or out.
      const { tls, upstream, upstreamResign, ...settings } = config.gateway;
      gateway = await startGateway({
        ...settings,
        listen: [http],
        hostOnly: true,
        client,
        log: logger,
      });
      parts.push(gateway);
    }

    const logged = async (what: string, action: () => Promise<void> | void) => {
      try {
        await action();
      } catch (error) {
        logger.error({ code: errorCode(error) }, `${what}: ${(error as Error).message}`);
      }
    };
    const adopt = async (next: Config) => {
      const nextRule = adminRule(next.adminGroup, loaded.addon);
      await listeners.set(next.listen);
      rule = nextRule;
      Object.assign(limits, next.limits);
      const later = needingRestart(config, next);
      if (later.length > 0) logger.warn({ later }, `after a restart only: ${later.join(', ')}`);
      logger.info({ sockets: listeners.paths }, 'configuration reloaded');
    };
    let reloads = Promise.resolve();
    return {
      addresses: gateway?.addresses ?? [],
      reload(load) {
        // One after the other.
        reloads = reloads.then(async () => {
          manager.reloading();
          await logged('configuration kept', async () => adopt(await load()));
          await gateway?.reload();
          await logged('no reseed', () => {
            generator.reseed();
            logger.info('generator reseeded');
          });
          manager.ready();
        });
        return reloads;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

// `entropyd`: the daemon in the foreground.

/** `FileDescriptorName=` of the daemon's socket units. */
const socketName = 'entropyd';

export interface ServeOptions extends ConfigFlags {
  http?: string;
}

/** Serves until SIGTERM or SIGINT; SIGHUP reloads the configuration and reseeds. */
export async function serve({ http, ...options }: ServeOptions): Promise<void> {
  const ended = terminationSignal();
  // From the first moment on: without a listener the signal would end the process.
  let reload = () => {};
  const onHangup = () => reload();
  process.on('SIGHUP', onHangup);
  try {
    const addon = loadAddon();
    const manager = takeServiceManager(addon);
    const passed = takePassedSockets(socketName, addon.addon);
    const flags = { ...options, activated: passed.length > 0 };
    const config = await loadConfig(flags);
    const daemon = await startDaemon({
      config,
      addon,
      passed,
      manager,
      ...(http === undefined ? {} : { http }),
    });
    reload = () => void daemon.reload(() => loadConfig(flags));
    await ended;
    await daemon.close();
  } finally {
    process.off('SIGHUP', onHangup);
  }
}
