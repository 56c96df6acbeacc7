/**
 * Unix sockets: where the daemon's is, what the kernel limits, and all that is done to their files:
 * binding, changing, replacing, removing. One place for it, hence the length.
 */
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { join } from 'node:path';
import { EntropyError } from './errors.js';

const systemSocket = '/run/entropyd/entropyd.sock';

/**
 * Longest path of a socket, bytes: sockaddr_un holds 108 with the terminating NUL (unix(7)). Older
 * versions of libuv silently truncate a longer path.
 */
export const maxPathBytes = 107;

/** Connections that may wait to be accepted: as in systemd's socket units, and Linux's somaxconn. */
export const listenBacklog = 4_096;

/** Most bytes that the daemon writes to a socket at a time; larger writes were measured slower. */
export const chunkSize = 128 * 1024;

/** A listening socket that another process opened and passed; its file and mode are not ours. */
export interface PassedSocket {
  fd: number;
  /** Undefined for TCP, for an abstract name, and without the addon, which reads it. */
  path: string | undefined;
  /** `FileDescriptorName=` of its unit. */
  name?: string;
}

/** What the search for a socket depends on. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  /** The process's user. */
  uid: number;
  exists(path: string): boolean;
}

const here: Surroundings = {
  env: process.env,
  // Defined on every platform that package.json allows.
  uid: (process.getuid as () => number)(),
  exists: existsSync,
};

function userSocket(env: NodeJS.ProcessEnv): string | undefined {
  const folder = env.XDG_RUNTIME_DIR;
  return folder ? join(folder, 'entropyd', 'entropyd.sock') : undefined;
}

/**
 * Where the daemon listens: the first of the option, `ENTROPYD_SOCKET`, /run/entropyd as root, and
 * the user's runtime directory. Never below the temporary directory, where any user could bind
 * first.
 * @throws EntropyError `ERR_CONFIG` if there is none of these
 */
export function daemonSocket(option?: string, { env, uid }: Surroundings = here): string {
  const path =
    option || env.ENTROPYD_SOCKET || (uid === 0 ? systemSocket : undefined) || userSocket(env);
  if (path) return path;
  throw new EntropyError(
    'ERR_CONFIG',
    'no default path for the socket, because XDG_RUNTIME_DIR is not set; pass --socket PATH',
  );
}

/**
 * Where a client looks for the daemon: the first of the option, `ENTROPYD_SOCKET`, /run/entropyd if
 * a socket is there, and the user's runtime directory. If all fail, /run/entropyd.
 */
export function clientSocket(option?: string, { env, exists }: Surroundings = here): string {
  return (
    option ||
    env.ENTROPYD_SOCKET ||
    (exists(systemSocket) ? systemSocket : undefined) ||
    userSocket(env) ||
    systemSocket
  );
}

/** Where the packages and install.sh put units: systemd.unit(5). */
const unitFolders = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/**
 * How to start a daemon where none answers. On a host with the units that is never a process by hand:
 * one of root's would be a daemon without the sandbox, and would keep the unit's socket from being
 * opened.
 * @param path where a client looked
 * @returns a command line
 */
export function howToStart(path: string, { env, exists }: Surroundings = here): string {
  const isDefault = path === systemSocket || path === userSocket(env);
  return isDefault && unitFolders.some((folder) => exists(`${folder}/entropyd.socket`))
    ? 'systemctl start entropyd.socket'
    : `entropyd --socket ${path}`;
}

/** The file of a socket that this process bound. */
export interface SocketFile {
  /**
   * Changes its mode.
   * @throws EntropyError `ERR_LISTEN` if another file has taken its place, which stays as it is
   */
  chmod(mode: number): void;
}

/**
 * Listens on a path. A stale socket file there is replaced, a live one is not. The server's `close`
 * removes the file, unless it is another process's by then.
 * @param server not yet listening
 * @param mode of the file, from its creation on
 * @throws EntropyError `ERR_LISTEN`, or the system's error
 */
export async function bindUnixSocket(
  server: Server,
  path: string,
  mode: number,
): Promise<SocketFile> {
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new EntropyError('ERR_LISTEN', `socket path: at most ${maxPathBytes} bytes: ${path}`);
  const listening = async () => {
    const file = bindNow(server, path, mode);
    await once(server, 'listening');
    return file;
  };
  const file = await listening().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    await removeStaleSocket(path);
    return listening();
  });
  const close = server.close.bind(server);
  server.close = (done) => {
    if (server.listening) keepOthersFile(path, file, () => close(done));
    else close(done);
    return server;
  };
  return { chmod: (next) => changeMode(path, file, next) };
}

/** What identifies a file. */
interface Inode {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * Binds under a mask that gives the file its mode: chmod(2) afterwards would follow a symbolic link
 * that took the file's place. The mask is the whole process's, but node:net binds before `listen`
 * returns, so no other code of this thread runs under it, and what the thread pool creates meanwhile
 * names a mode of its own.
 * @returns the file that is there then; not bound (the server reports why), undefined. In a folder
 *   where others may write, it could be theirs already, and would then be treated as ours: removed at
 *   the end, or given the mode that ours was to have
 */
function bindNow(server: Server, path: string, mode: number): Inode | undefined {
  const before = process.umask(0o777 & ~mode);
  try {
    server.listen({ path, backlog: listenBacklog });
  } finally {
    process.umask(before);
  }
  return server.listening ? inodeAt(path) : undefined;
}

/** The file at a path, not what a link there leads to; undefined if there is none. */
function inodeAt(path: string): Inode | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined; // nor can it be removed then
  }
}

function same(one: Inode | undefined, other: Inode | undefined): boolean {
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino;
}

/**
 * Runs what removes the file at `path`, as libuv does when a server closes, and keeps a file of
 * another process there. That file has a second name meanwhile, and none at `path` for two system
 * calls: a client that connects then is refused. Whoever replaces our own file between the first
 * look and the removal, as many calls apart, still loses theirs.
 */
function keepOthersFile(path: string, own: Inode | undefined, remove: () => void): void {
  const now = inodeAt(path);
  if (now === undefined || same(now, own)) {
    remove();
    return;
  }
  const aside = `${path}.${process.pid}~`;
  // What may not be renamed may not be removed either.
  const moved = succeeds(() => renameSync(path, aside));
  remove();
  if (!moved) return;
  // Unlike rename(2), link(2) replaces nothing that somebody bound meanwhile. It may be forbidden for
  // a file of another user (proc_sys_fs(5), protected_hardlinks).
  if (!succeeds(() => linkSync(aside, path)) && inodeAt(path) === undefined)
    succeeds(() => renameSync(aside, path));
  else succeeds(() => unlinkSync(aside));
}

function succeeds(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** O_PATH of open(2), which Node does not name: the same number on x86 and ARM. */
const pathOnly = 0o10000000;

function changeMode(path: string, own: Inode | undefined, mode: number): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, pathOnly | constants.O_NOFOLLOW);
    if (!same(fstatSync(fd, { bigint: true }), own))
      throw new Error('another process has replaced the file');
    // fchmod(2) refuses such a descriptor; its link in /proc leads to the very file.
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } catch (cause) {
    const text = `cannot change the mode of unix:${path}: ${(cause as Error).message}`;
    throw new EntropyError('ERR_LISTEN', text, { cause });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Removes the socket file of a process that is gone, and no other file. If two processes start on
 * one path at the same instant, both can find it stale; the later one then gets the path.
 * @param path where listening failed because a file exists
 * @throws EntropyError `ERR_LISTEN` if a process answers or may answer, or the file is not a socket
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(ignoreAbsent);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw refusal(path, 'a file that is not a socket is in the way');
  const outcome = await connectOutcome(path);
  if (outcome === 'connected') throw refusal(path, 'another process answers there');
  // After a denied permission or a full backlog, a process may still be listening.
  if (outcome !== 'ECONNREFUSED')
    throw refusal(path, `cannot tell whether it is in use: ${outcome}`);
  await unlink(path).catch(ignoreAbsent);
}

function connectOutcome(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}

/** Another process may remove the file first; that is as good. */
function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function refusal(path: string, reason: string): EntropyError {
  return new EntropyError('ERR_LISTEN', `cannot listen on unix:${path}: ${reason}`);
}
