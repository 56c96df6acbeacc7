/** Where the daemon's socket is, for the daemon and for its clients. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EntropyError } from './errors.js';

const systemSocket = '/run/entropyd/entropyd.sock';

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
