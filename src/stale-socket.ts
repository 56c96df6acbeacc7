/** The socket file that a process left behind when it was killed. */
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { EntropyError } from './errors.js';

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
