/** `entropyd`: the daemon in the foreground. */
import { daemonSocket } from '../config.js';
import { startDaemon } from '../daemon.js';
import { terminationSignal } from './run.js';

export interface ServeOptions {
  socket?: string;
  http?: string;
  profile: 'default' | 'strict';
}

/** Serves until SIGTERM or SIGINT. */
export async function serve({ socket, http, profile }: ServeOptions): Promise<void> {
  const ended = terminationSignal();
  const daemon = await startDaemon({
    socketPath: daemonSocket(socket),
    profile,
    ...(http === undefined ? {} : { http }),
  });
  await ended;
  await daemon.close();
}
