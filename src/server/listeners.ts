/** The daemon's sockets as the configuration has them, also after a reload. */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ListenConfig } from '../config.js';
import { EntropyError } from '../errors.js';
import type { Addon } from '../native.js';
import type { ConnectionContext } from './context.js';
import type { AdminRule } from './peer.js';
import { listen, type SocketServer } from './server.js';

/** The socket's folder may be new, and is then the daemon's alone to write to. */
async function makeFolder(socketPath: string): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 }).catch((cause: Error) => {
    throw new EntropyError('ERR_LISTEN', `cannot make the socket's folder: ${cause.message}`, {
      cause,
    });
  });
}

export interface ListenersOptions {
  context: ConnectionContext;
  addon: Addon | undefined;
  /** What makes an administrator, where a listener has them. */
  adminRule: () => AdminRule;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #servers = new Map<string, SocketServer>();
  /** Not listening any more, with connections that are still served. */
  readonly #stopped: SocketServer[] = [];
  #entries = new Map<string, ListenConfig>();

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  get paths(): string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Listens on new paths and stops where a path is gone; connections stay.
   * @throws EntropyError `ERR_LISTEN`, and nothing has changed
   */
  async set(entries: readonly ListenConfig[]): Promise<void> {
    const next = new Map(entries.map((entry) => [entry.path, entry]));
    const added = new Map<string, SocketServer>();
    try {
      for (const { path, mode } of next.values())
        if (!this.#servers.has(path)) added.set(path, await this.#listen(path, mode));
        else if (this.#entries.get(path)?.mode !== mode) await chmod(path, mode);
    } catch (error) {
      for (const server of added.values()) await server.close();
      throw error;
    }
    for (const [path, server] of this.#servers) {
      if (next.has(path)) continue;
      server.stop();
      this.#stopped.push(server);
      this.#servers.delete(path);
    }
    for (const [path, server] of added) this.#servers.set(path, server);
    this.#entries = next;
  }

  async #listen(path: string, mode: number): Promise<SocketServer> {
    await makeFolder(path);
    const { addon, context, adminRule } = this.#options;
    const rule = () => (this.#entries.get(path)?.admin ? adminRule() : undefined);
    return listen({ path, mode, addon, adminRule: rule }, context);
  }

  /** Answers what was read (at most 5 s), then ends all connections. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values(), ...this.#stopped];
    await Promise.all(servers.map((server) => server.close()));
  }
}
