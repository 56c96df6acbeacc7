/** The daemon: generator, socket and, where asked for, the gateway, as one thing that ends cleanly. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { connect } from './client.js';
import type { Config } from './config.js';
import { EntropyError, errorCode } from './errors.js';
import { startGateway } from './gateway/gateway.js';
import { createGenerator, type GeneratorState } from './generator.js';
import { createLogger, type Logger } from './log.js';
import { Counters } from './metrics.js';
import { type Addon, type LoadResult, loadAddon } from './native.js';
import { OutputBuffers } from './server/output.js';
import { type AdminRule, identify } from './server/peer.js';
import { listen } from './server/server.js';
import { version } from './version.js';

export interface DaemonOptions {
  config: Config;
  /** Run the gateway in this process as well: a loopback or Unix address. */
  http?: string;
  /** Default: the one of this package. */
  addon?: LoadResult;
}

export interface Daemon {
  /** Of the gateway, where there is one. */
  addresses: readonly string[];
  /**
   * Reseeds, which is also the way back from the error state: for SIGHUP, which a udev rule sends
   * when a virtual machine was cloned. Logs the outcome.
   */
  reseed(): void;
  /** Answers what has been read (at most 5 s), then ends everything. */
  close(): Promise<void>;
}

/** Logs transitions; the ones before the logger is loaded come right after it. */
class TransitionLog {
  readonly #early: [GeneratorState, string][] = [];
  #log: Logger | undefined;

  note(state: GeneratorState, reason: string): void {
    if (this.#log === undefined) {
      this.#early.push([state, reason]);
      return;
    }
    const level = state === 'operational' ? 'info' : state === 'error' ? 'error' : 'warn';
    this.#log[level]({ state, reason }, `generator ${state}${reason ? `: ${reason}` : ''}`);
  }

  start(log: Logger): void {
    this.#log = log;
    for (const [state, reason] of this.#early.splice(0)) this.note(state, reason);
  }
}

/** The socket's folder may be new, and is then the daemon's alone to write to. */
async function makeFolder(socketPath: string): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 }).catch((cause: Error) => {
    throw new EntropyError('ERR_LISTEN', `cannot make the socket's folder: ${cause.message}`, {
      cause,
    });
  });
}

/** @throws EntropyError `ERR_CONFIG` where there is no such group */
function adminRule(groupName: string | undefined, addon: Addon | undefined): AdminRule {
  const group = groupName === undefined ? undefined : (addon?.groupId(groupName) ?? undefined);
  if (groupName !== undefined && addon !== undefined && group === undefined)
    throw new EntropyError('ERR_CONFIG', `admin_group: this host has no group "${groupName}"`);
  return { uid: process.geteuid?.() ?? 0, group };
}

/**
 * Starts the daemon in this process. It listens before it loads what only later requests need.
 * @throws EntropyError `ERR_LISTEN`, `ERR_HEALTH` (profile `strict` without the addon), `ERR_CONFIG`
 */
export async function startDaemon({ config, http, addon }: DaemonOptions): Promise<Daemon> {
  for (const { path } of config.listen) await makeFolder(path);
  const loaded = addon ?? loadAddon();
  // Before there is a secret in memory.
  loaded.addon?.harden();
  const rule = adminRule(config.adminGroup, loaded.addon);
  const transitions = new TransitionLog();
  const { profile, reseedRequests, reseedSeconds, devices } = config;
  const onTransition = (state: GeneratorState, reason: string) => transitions.note(state, reason);
  const generator = createGenerator(
    { profile, reseedRequests, reseedSeconds, devices, onTransition },
    loaded,
  );
  const context = {
    generator,
    counters: new Counters(),
    version,
    startedAt: Date.now(),
    outputs: new OutputBuffers(generator),
    maxMessageSize: config.messageBytes,
  };
  // In reverse: the generator is last to end.
  const parts: { close(): Promise<void> | void }[] = [generator];
  let log: Logger | undefined;
  const close = async () => {
    for (const part of parts.splice(0).reverse()) await part.close();
    log?.info('entropyd ended');
  };
  try {
    for (const { path, mode, admin } of config.listen)
      parts.push(
        await listen(
          admin
            ? { path, mode, identify: (socket) => identify(socket, loaded.addon, rule) }
            : { path, mode },
          context,
        ),
      );
    const logger = await createLogger();
    log = logger;
    const sockets = config.listen.map(({ path }) => path);
    logger.info({ sockets, pid: process.pid, version }, 'entropyd listening');
    transitions.start(logger);

    let addresses: readonly string[] = [];
    if (http !== undefined) {
      const client = connect({ socketPath: sockets[0] as string });
      parts.push(client);
      const { dialect } = config.gateway;
      const gateway = await startGateway({ listen: [http], client, dialect, log: logger });
      parts.push(gateway);
      addresses = gateway.addresses;
    }
    return {
      addresses,
      reseed() {
        try {
          generator.reseed();
          logger.info('generator reseeded');
        } catch (error) {
          logger.error({ code: errorCode(error) }, `no reseed: ${(error as Error).message}`);
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
