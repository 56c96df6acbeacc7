/**
 * The daemon: generator, sockets and, with `--http`, the gateway, started, reloaded and ended as one;
 * hence the length.
 */
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { descriptorLimit, withinDescriptors } from '../common/descriptors.js';
import { EntropyError, errorCode } from '../common/errors.js';
import { createLogger, type Logger, WarningThrottle } from '../common/log.js';
import { type Addon, type LoadResult, loadAddon, version } from '../common/package.js';
import { every } from '../common/timer.js';
import type { Config, Protocol } from '../config/config.js';
import { type ConfigFlags, loadConfig, namingLines } from '../config/load.js';
import type { GatewayOptions } from '../gateway/gateway.js';
import { createGenerator } from '../generator/create.js';
import type { GeneratorState } from '../generator/interface.js';
import type { Transition } from '../rpc/protocol.js';
import { Transitions } from '../server/activity.js';
import { type ConnectionContext, createContext } from '../server/context.js';
import { Listeners } from '../server/listeners.js';
import { loadMethods } from '../server/methods-loader.js';
import type { AdminRule } from '../server/users.js';
import { openGateway } from './inner-gateway.js';
import { runService, type ServiceHost } from './service.js';
import { describeState } from './systemd.js';

/**
 * What a daemon is started with; without a service manager, `addon` is all it needs of the host.
 */
export interface DaemonOptions extends Partial<ServiceHost> {
  /** `listen` may be empty if sockets were passed. */
  config: Config;
  /** Address of a gateway in this process: loopback or Unix. Default: no gateway. */
  http?: string | undefined;
  /** Settings of that gateway which the configuration does not have, or has otherwise. */
  gateway?: Partial<GatewayOptions>;
  addon: LoadResult;
  /** Loads the log; default: the program's, on standard error. */
  loadLog?: () => Promise<Logger>;
  /** Reads how many descriptors this process may open, at the start and at each reload. */
  descriptors?: () => number;
  /** Where the history is kept; undefined: in memory. */
  stateDirectory?: string | undefined;
}

export interface Daemon {
  /** The gateway's addresses; empty without a gateway. */
  addresses: readonly string[];
  /**
   * Takes over a new configuration and the gateway's files, and reseeds. For SIGHUP, which a udev rule sends after a virtual machine was cloned.
   * Connections stay. A fault is logged and changes nothing. Call it again only after it has
   * resolved.
   * @param load gives the configuration
   */
  reload(load: () => Promise<Config>): Promise<void>;
  /** Answers what was read (at most 5 s), then ends everything. */
  close(): Promise<void>;
}

/** Clients that wait for the socket are answered first, because loading the rest takes longer. */
const firstRequestsMs = 5;

/**
 * Longest wait for a first seed before the daemon listens. Under profile `strict` a busy CPU source
 * takes a good part of a second.
 */
const firstSeedMs = 2_000;

/** `[0, 0, "random", [1]]` in MessagePack: the most frequent request, for the watchdog. */
const probeRequest = Buffer.from('940000a672616e646f6d9101', 'hex');

/**
 * Starts the daemon in this process. It listens before it loads what only later requests need, and
 * has loaded everything when this resolves: a request loads nothing, however few descriptors are left
 * then, and whatever becomes of the package's files.
 * @returns the daemon, owned by the caller
 * @throws EntropyError `ERR_LISTEN`, `ERR_HEALTH` (profile `strict` without the addon),
 *   `ERR_CONFIG`
 */
export async function startDaemon({
  config,
  http,
  gateway: gatewayOptions,
  addon: loaded,
  passed = [],
  status = () => {},
  listening = () => {},
  loadLog = createLogger,
  descriptors = descriptorLimit,
  stateDirectory,
}: DaemonOptions): Promise<Daemon> {
  let rule = adminRule(config.access.adminGroup, loaded.addon);
  const transitions = new Transitions();
  const seeded = new AbortController();
  let noteInHistory = (_transition: Transition) => {};
  const onTransition = (state: GeneratorState, reason: string) => {
    if (state !== 'seeding') seeded.abort();
    status(describeState(state, reason));
    noteInHistory(transitions.note(state, reason));
  };
  const { profile, devices } = config;
  const generator = createGenerator(
    { profile, ...config.generator, devices, onTransition },
    loaded,
  );
  let available = descriptors();
  const limits = withinDescriptors(config.limits, available);
  let warnings: WarningThrottle | undefined;
  const context = createContext({
    generator,
    limits,
    version,
    transitions,
    descriptorLimit: () => available,
    warn: (...warning) => warnings?.warn(...warning),
  });
  const sockets = passed.map((socket) => ({
    ...socket,
    protocol: passedProtocols.get(socket.name ?? '') ?? 'rpc',
  }));
  const { history } = context;
  for (const transition of transitions.last) history.note(transition);
  noteInHistory = (transition) => history.note(transition);
  const listeners = new Listeners({
    addon: loaded.addon,
    adminRule: () => rule,
    passed: sockets,
    context,
  });
  // Closed in reverse order, the generator last.
  const parts: { close(): Promise<void> | void }[] = [generator, listeners];
  let log: Logger | undefined;
  const close = async () => {
    for (const part of parts.splice(0).reverse()) await part.close();
    log?.info('entropyd ended');
  };
  try {
    await setTimeout(firstSeedMs, undefined, { signal: seeded.signal }).catch(() => {});
    await listeners.set(config.listen);
    // The gateway's, and the watchdog's.
    const path = [...sockets, ...config.listen].find(
      (socket) => socket.protocol === 'rpc' && socket.path !== undefined,
    )?.path;
    listening(path === undefined ? undefined : { to: { path }, request: probeRequest });
    await setTimeout(firstRequestsMs);
    const [logger] = await Promise.all([loadLog(), loadRequests(context)]);
    log = logger;
    warnings = new WarningThrottle(logger);
    parts.push(warnings);
    logger.info({ sockets: listeners.paths, pid: process.pid, version }, 'entropyd listening');
    transitions.start(logger);
    parts.push(history);
    await history.start(stateDirectory, logger, every);
    const warnIfClamped = (wanted: Config) => {
      const { connections } = limits;
      if (connections < wanted.limits.connections)
        logger.warn(
          { wanted: wanted.limits.connections, connections, descriptors: available },
          'limits.connections is lowered to what RLIMIT_NOFILE allows',
        );
    };
    warnIfClamped(config);
    const gateway =
      http === undefined
        ? undefined
        : await openGateway(
            { listen: [http], addon: loaded.addon, log: logger, ...gatewayOptions },
            config,
            path,
            parts,
          );

    const logged = async (what: string, action: () => Promise<void> | void) => {
      try {
        await action();
      } catch (error) {
        logger.error({ code: errorCode(error) }, `${what}: ${(error as Error).message}`);
      }
    };
    const apply = async (next: Config) => {
      const nextRule = adminRule(next.access.adminGroup, loaded.addon);
      await listeners.set(next.listen);
      rule = nextRule;
      available = descriptors();
      Object.assign(limits, withinDescriptors(next.limits, available));
      warnIfClamped(next);
      const later = needingRestart(config, next);
      if (later.length > 0) logger.warn({ later }, `after a restart only: ${later.join(', ')}`);
      logger.info({ sockets: listeners.paths }, 'configuration reloaded');
    };
    return {
      addresses: gateway?.addresses ?? [],
      async reload(load) {
        await logged('configuration kept', async () => apply(await load()));
        await gateway?.reload();
        await logged('no reseed', () => {
          generator.reseed();
          logger.info('generator reseeded');
        });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws Error if a file of the package is missing; the daemon must not continue without it */
async function loadRequests(context: ConnectionContext): Promise<void> {
  const { loadRest } = await loadMethods();
  await loadRest(context);
}

/**
 * Who administers the daemon.
 * @throws EntropyError `ERR_CONFIG` if the group does not exist
 */
function adminRule(groupName: string | undefined, addon: Addon | undefined): AdminRule {
  const group = groupName === undefined ? undefined : (addon?.groupId(groupName) ?? undefined);
  if (groupName !== undefined && addon !== undefined && group === undefined)
    throw new EntropyError('ERR_CONFIG', `admin_group: this host has no group "${groupName}"`, {
      key: 'access.admin_group',
    });
  return { uid: process.geteuid?.() ?? 0, group };
}

/** The keys, under the file's names, that differ and that a reload cannot change. */
function needingRestart(before: Config, after: Config): string[] {
  const fixed = (config: Config) => ({
    profile: config.profile,
    'generator.reseed_requests': config.generator.reseedRequests,
    'generator.reseed_seconds': config.generator.reseedSeconds,
    source: config.devices,
    gateway: config.gateway,
  });
  const [old, wanted] = [fixed(before), fixed(after)];
  const names = Object.keys(old) as (keyof typeof old)[];
  return names.filter((name) => !isDeepStrictEqual(old[name], wanted[name]));
}

/** What is spoken on a passed socket, by the `FileDescriptorName=` of its unit. */
const passedProtocols = new Map<string, Protocol>([
  ['entropyd', 'rpc'],
  ['entropyd-egd', 'egd'],
  ['entropyd-raw', 'raw'],
]);

/** Options of the daemon's command line. */
export interface DaemonFlags extends ConfigFlags {
  http?: string;
  /** A file to check instead of serving. */
  checkConfig?: string;
}

/**
 * `entropyd`: the daemon in the foreground, until SIGTERM or SIGINT. SIGHUP reloads the
 * configuration and reseeds.
 * @throws EntropyError as {@link startDaemon}
 */
export function serveDaemon({ http, checkConfig, ...options }: DaemonFlags): Promise<void> {
  if (checkConfig !== undefined) return checkDaemon({ ...options, config: checkConfig });
  return runService({
    socketNames: [...passedProtocols.keys()] as [string, ...string[]],
    async start(host) {
      const flags = { ...options, activated: host.passed.length > 0 };
      const config = await loadConfig(flags);
      const daemon = await namingLines({ ...flags }, () =>
        startDaemon({ ...host, config, http, stateDirectory: stateDirectory() }),
      );
      return {
        reload: () => daemon.reload(() => loadConfig(flags)),
        close: () => daemon.close(),
      };
    },
  });
}

/** The first directory of `StateDirectory=` (systemd.exec(5)); undefined without a service manager. */
function stateDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const [first = ''] = env.STATE_DIRECTORY?.split(':') ?? [];
  return first.startsWith('/') ? first : undefined;
}

/** Says that a file is valid, or throws what would keep a daemon from starting or reloading with it. */
async function checkDaemon(flags: ConfigFlags): Promise<void> {
  const loaded = loadAddon();
  // Sockets may come from the service manager.
  const { profile, devices, generator, access } = await loadConfig({ ...flags, activated: true });
  await namingLines({ ...flags }, async () => {
    adminRule(access.adminGroup, loaded.addon);
    createGenerator({ profile, ...generator, devices }, loaded).close();
  });
  console.log(`${flags.config}: valid`);
}
