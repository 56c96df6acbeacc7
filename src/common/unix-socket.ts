/** Unix sockets: where the daemon's is, what the kernel limits, and which file may be replaced. */
import { existsSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
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
