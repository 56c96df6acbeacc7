/** The daemon's sockets: those that the configuration names, also after a reload. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EntropyError } from '../common/errors.js';
import type { Addon } from '../common/package.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { ListenConfig } from '../config/config.js';
import type { ConnectionContext } from './context.js';
import { listen, type SocketServer } from './listener.js';
import { Poller } from './poller.js';
import type { AdminRule } from './users.js';

type Entries = ReadonlyMap<string, ListenConfig>;

export interface ListenersOptions {
  context: ConnectionContext;
  addon: Addon | undefined;
  /** Who is an administrator, on listeners that have them. */
  adminRule: () => AdminRule;
  /** Opened by the service manager: served from the first `set` until the end. */
  passed?: readonly PassedSocket[] | undefined;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #poller: Poller | undefined;
  readonly #servers = new Map<string, SocketServer>();
  /** Descriptors by path, or by a name if the path is unknown. */
  readonly #passed: ReadonlyMap<string, number>;
  /** No longer listening, but with connections that are still served. */
  readonly #stopped: SocketServer[] = [];
  #entries: Entries = new Map();

  constructor(options: ListenersOptions) {
    this.#options = options;
    const { addon, context } = options;
    // Without the addon's generator there is nothing to send in one call.
    if (addon !== undefined && context.generator.respond !== undefined)
      this.#poller = new Poller(addon, context);
    this.#passed = new Map(
      (options.passed ?? []).map(({ fd, path }) => [path ?? `descriptor ${fd}`, fd]),
    );
  }

  /** Where it listens now. */
  get paths(): string[] {
    return [...this.#servers.keys()];
  }

  /**
   * Listens on new paths and stops on removed ones; connections stay. Passed sockets stay as well,
   * with their mode. A passed socket that no entry names has no administrators, unless there is no
   * entry at all.
   * @throws EntropyError `ERR_LISTEN`; nothing has changed then
   */
  async set(entries: readonly ListenConfig[]): Promise<void> {
    const next = new Map(entries.map((entry) => [entry.path, entry]));
    const added = new Map<string, SocketServer>();
    try {
      for (const [path, fd] of this.#passed)
        if (!this.#servers.has(path)) added.set(path, await this.#serve(path, next, { fd }));
      // Without the addon the paths of passed sockets are unknown, and any entry may be one of them.
      const own = this.#passed.size > 0 && this.#options.addon === undefined ? [] : next.values();
      for (const { path, mode } of own) {
        if (this.#passed.has(path)) continue;
        if (!this.#servers.has(path)) added.set(path, await this.#listen(path, next, mode));
        else if (this.#entries.get(path)?.mode !== mode) this.#servers.get(path)?.chmod(mode);
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
    await makeDirectory(path);
    return this.#serve(path, next, { mode });
  }

  /** @param next in force until `set` has ended: clients may already wait on a passed socket */
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
    return listen({ path, mode, fd, addon, poller: this.#poller, adminRule: rule }, context);
  }

  /** Answers what was read (for at most 5 s), then ends all connections. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values(), ...this.#stopped];
    await Promise.all(servers.map((server) => server.close()));
    this.#poller?.close();
  }
}

/** Creates the socket's directory if it does not exist. Only the daemon's user may write to it. */
async function makeDirectory(socketPath: string): Promise<void> {
  await makeFolder(dirname(socketPath)).catch((cause: Error) => {
    throw new EntropyError('ERR_LISTEN', `cannot make the socket's folder: ${cause.message}`, {
      cause,
    });
  });
}

/**
 * Creates a folder and those above it. Each is tried once after the one above: with `recursive`, Node
 * tries for ever in a file system such as /proc, which says that a new folder's parent is missing.
 */
async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const make = () => mkdir(path, { mode: 0o755 });
  await make()
    .catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || dirname(path) === path) throw error;
      await makeFolder(dirname(path));
      await make();
    })
    .catch(async (error: NodeJS.ErrnoException) => {
      // Another process may have made it meanwhile.
      if (error.code !== 'EEXIST' || !(await isFolder(path))) throw error;
    });
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
