/** The daemon: generator, socket and, where asked for, the gateway, as one thing that ends cleanly. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { connect } from './client.js';
import { EntropyError } from './errors.js';
import { type Gateway, startGateway } from './gateway/gateway.js';
import { createGenerator, type GeneratorOptions, type GeneratorState } from './generator.js';
import { createLogger, type Logger } from './log.js';
import { Counters } from './metrics.js';
import { type LoadResult, loadAddon } from './native.js';
import { OutputBuffers } from './server/output.js';
import { listen } from './server/server.js';
import { version } from './version.js';

/** Of one message, bytes. */
const maxMessageSize = 65_536;

export interface DaemonOptions {
  socketPath: string;
  /** Run the gateway in this process as well: a loopback or Unix address. */
  http?: string;
  profile?: NonNullable<GeneratorOptions['profile']>;
  /** Default: the one of this package. */
  addon?: LoadResult;
}

export interface Daemon {
  /** Of the gateway, where there is one. */
  addresses: readonly string[];
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

/**
 * Starts the daemon in this process. It listens before it loads what only later requests need.
 * @throws EntropyError `ERR_LISTEN`, `ERR_HEALTH` (profile `strict` without the addon), `ERR_CONFIG`
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { socketPath } = options;
  await makeFolder(socketPath);
  const loaded = options.addon ?? loadAddon();
  // Before there is a secret in memory.
  loaded.addon?.harden();
  const transitions = new TransitionLog();
  const generator = createGenerator(
    {
      profile: options.profile ?? 'default',
      onTransition: (state, reason) => transitions.note(state, reason),
    },
    loaded,
  );
  const counters = new Counters();
  const context = {
    generator,
    counters,
    version,
    startedAt: Date.now(),
    outputs: new OutputBuffers(generator),
    maxMessageSize,
  };
  const server = await listen({ path: socketPath }, context).catch((error: unknown) => {
    generator.close();
    throw error;
  });
  const log = await createLogger();
  log.info({ socketPath, pid: process.pid, version }, 'entropyd listening');
  transitions.start(log);

  let gateway: Gateway | undefined;
  const client = connect({ socketPath });
  const close = async () => {
    await gateway?.close();
    await client.close();
    await server.close();
    generator.close();
    log.info('entropyd ended');
  };
  if (options.http !== undefined) {
    gateway = await startGateway({ listen: [options.http], client, dialect: 'otc', log }).catch(
      async (error: unknown) => {
        await close();
        throw error;
      },
    );
  }
  return { addresses: gateway?.addresses ?? [], close };
}
