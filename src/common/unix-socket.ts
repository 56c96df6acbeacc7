/** Where the daemon's socket is, for the daemon and for its clients. */
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

/** What the search for a socket depends on. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  /** Of the process. */
  uid: number;
  exists(path: string): boolean;
}

const here: Surroundings = {
  env: process.env,
  // Every platform of package.json has user ids.
  uid: (process.getuid as () => number)(),
  exists: existsSync,
};

function userSocket(env: NodeJS.ProcessEnv): string | undefined {
  const folder = env.XDG_RUNTIME_DIR;
  return folder ? join(folder, 'entropyd', 'entropyd.sock') : undefined;
}

/**
 * Where the daemon listens: the option, `ENTROPYD_SOCKET`, /run as root, the user's runtime folder.
 * Never below the temporary folder, where anybody could be first.
 * @throws EntropyError `ERR_CONFIG` where none of these is there
 */
export function daemonSocket(option?: string, { env, uid }: Surroundings = here): string {
  const path =
    option || env.ENTROPYD_SOCKET || (uid === 0 ? systemSocket : undefined) || userSocket(env);
  if (path) return path;
  throw new EntropyError(
    'ERR_CONFIG',
    'no place for the socket: name one with --socket PATH (XDG_RUNTIME_DIR is not set)',
  );
}

/**
 * Where a client looks for the daemon: the option, `ENTROPYD_SOCKET`, /run where it is there, the
 * user's runtime folder.
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

// The socket file that a process left behind when it was killed.

/**
 * Removes a Unix socket file that nobody answers, and nothing else. Two processes that start on the
 * same path in the same instant can still both find it stale; the later one then wins the path.
 * @param path where listening failed because something is there
 * @throws EntropyError `ERR_LISTEN` when a process answers or may answer, or no socket is there
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(absent);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw refusal(path, 'a file that is no socket is in the way');
  const outcome = await connectOutcome(path);
  if (outcome === 'connected') throw refusal(path, 'another process answers there');
  // Permission denied or a full backlog: somebody may be listening.
  if (outcome !== 'ECONNREFUSED')
    throw refusal(path, `cannot tell whether it is in use: ${outcome}`);
  await unlink(path).catch(absent);
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

/** Whoever else removed the file did our work. */
function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function refusal(path: string, reason: string): EntropyError {
  return new EntropyError('ERR_LISTEN', `cannot listen on unix:${path}: ${reason}`);
}

/** A listening socket that is not ours: neither its file nor its mode. */
export interface PassedSocket {
  fd: number;
  /** Undefined for TCP, an abstract name, and where there is no addon to ask for it. */
  path: string | undefined;
}
