/** The daemon's sockets: those that the configuration names, also after a reload. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EntropyError } from '../common/errors.js';
import type { Addon } from '../common/package.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { ListenConfig, Protocol } from '../config/config.js';
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
  /** Opened by the service manager: served from the first `set` until the end, each as its unit says. */
  passed?: readonly (PassedSocket & { protocol?: Protocol })[] | undefined;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #poller: Poller | undefined;
  readonly #servers = new Map<string, SocketServer>();
  /** By path, or by a name if the path is unknown. */
  readonly #passed: ReadonlyMap<string, { fd: number; protocol: Protocol }>;
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
      (options.passed ?? []).map(({ fd, path, protocol = 'rpc' }) => [
        path ?? `descriptor ${fd}`,
        { fd, protocol },
      ]),
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
      for (const [path, { fd, protocol }] of this.#passed) {
        refuseProtocol(next.get(path), protocol);
        if (!this.#servers.has(path)) added.set(path, await this.#serve(path, next, { fd }));
      }
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
    this.#options.context.sockets = this.paths.map((path) => ({
      path,
      protocol: this.#protocol(path, next),
    }));
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
    const current = () => (this.#servers.has(path) ? this.#entries : next);
    const rule = () => {
      const entries = current();
      return (entries.get(path)?.admin ?? entries.size === 0) ? adminRule() : undefined;
    };
    const protocol = () => this.#protocol(path, current());
    const options = { path, mode, fd, addon, poller: this.#poller };
    return listen({ ...options, adminRule: rule, protocol }, context);
  }

  #protocol(path: string, entries: Entries): Protocol {
    return this.#passed.get(path)?.protocol ?? entries.get(path)?.protocol ?? 'rpc';
  }

  /** Answers what was read (for at most 5 s), then ends all connections. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values(), ...this.#stopped];
    await Promise.all(servers.map((server) => server.close()));
    this.#poller?.close();
  }
}

/** @throws EntropyError `ERR_LISTEN` if a passed socket's entry has another protocol than its unit */
function refuseProtocol(entry: ListenConfig | undefined, passed: Protocol): void {
  if (entry === undefined || entry.protocol === 'rpc' || entry.protocol === passed) return;
  throw new EntropyError(
    'ERR_LISTEN',
    `${entry.path}: its unit opens it for ${passed}; want FileDescriptorName=entropyd-${entry.protocol}`,
  );
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
