/** The daemon's sockets as the configuration has them, also after a reload. */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EntropyError } from '../common/errors.js';
import type { Addon } from '../common/package.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { ListenConfig } from '../config/config.js';
import type { ConnectionContext } from './context.js';
import { listen, type SocketServer } from './listener.js';
import type { AdminRule } from './users.js';

/** The socket's folder may be new, and is then the daemon's alone to write to. */
async function makeFolder(socketPath: string): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 }).catch((cause: Error) => {
    throw new EntropyError('ERR_LISTEN', `cannot make the socket's folder: ${cause.message}`, {
      cause,
    });
  });
}

type Entries = ReadonlyMap<string, ListenConfig>;

export interface ListenersOptions {
  context: ConnectionContext;
  addon: Addon | undefined;
  /** What makes an administrator, where a listener has them. */
  adminRule: () => AdminRule;
  /** Opened by the service manager: served from the first `set` to the end. */
  passed?: readonly PassedSocket[] | undefined;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #servers = new Map<string, SocketServer>();
  /** By path, or by number where that cannot be told. */
  readonly #passed: ReadonlyMap<string, number>;
  /** Not listening any more, with connections that are still served. */
  readonly #stopped: SocketServer[] = [];
  #entries: Entries = new Map();

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#passed = new Map(
      (options.passed ?? []).map(({ fd, path }) => [path ?? `descriptor ${fd}`, fd]),
    );
  }

  get paths(): string[] {
    return [...this.#servers.keys()];
  }

  /**
   * Listens on new paths and stops where a path is gone; connections stay. Sockets that were passed
   * stay too, whatever their mode; those that no entry names have no administrators, unless there
   * is no entry at all.
   * @throws EntropyError `ERR_LISTEN`, and nothing has changed
   */
  async set(entries: readonly ListenConfig[]): Promise<void> {
    const next = new Map(entries.map((entry) => [entry.path, entry]));
    const added = new Map<string, SocketServer>();
    try {
      for (const [path, fd] of this.#passed)
        if (!this.#servers.has(path)) added.set(path, await this.#serve(path, next, { fd }));
      // Without the addon no path of theirs is known, and any entry may be one of them.
      const own = this.#passed.size > 0 && this.#options.addon === undefined ? [] : next.values();
      for (const { path, mode } of own) {
        if (this.#passed.has(path)) continue;
        if (!this.#servers.has(path)) added.set(path, await this.#listen(path, next, mode));
        else if (this.#entries.get(path)?.mode !== mode) await chmod(path, mode);
      }
    } catch (error) {
      for (const server of added.values()) await server.close();
      throw error;
    }
    for (const [path, server] of this.#servers) {
      if (next.has(path) || this.#passed.has(path)) continue;
      server.stop();
      this.#stopped.push(server);
      this.#servers.delete(path);
    }
    for (const [path, server] of added) this.#servers.set(path, server);
    this.#entries = next;
  }

  async #listen(path: string, next: Entries, mode: number): Promise<SocketServer> {
    await makeFolder(path);
    return this.#serve(path, next, { mode });
  }

  /** @param next holds until `set` has ended: whoever waited on a passed socket comes before that */
  #serve(
    path: string,
    next: Entries,
    { mode = 0, fd }: { mode?: number; fd?: number },
  ): Promise<SocketServer> {
    const { addon, context, adminRule } = this.#options;
    const rule = () => {
      const entries = this.#servers.has(path) ? this.#entries : next;
      return (entries.get(path)?.admin ?? entries.size === 0) ? adminRule() : undefined;
    };
    return listen({ path, mode, fd, addon, adminRule: rule }, context);
  }

  /** Answers what was read (at most 5 s), then ends all connections. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values(), ...this.#stopped];
    await Promise.all(servers.map((server) => server.close()));
  }
}
