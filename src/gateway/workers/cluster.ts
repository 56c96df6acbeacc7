/** Worker processes of this program, by node:cluster. */
import cluster from 'node:cluster';
import type { Socket } from 'node:net';
import type { Fork } from './crew.js';

/**
 * Forks this program with other arguments.
 * @param program its file; node's own options and the environment are those of this process
 */
export function forkOf(program: string, args: readonly string[]): Fork {
  cluster.setupPrimary({ exec: program, args: [...args] });
  return (receive, ended) => {
    const worker = cluster.fork();
    worker.on('message', receive);
    // A process that never was has no exit. A channel that breaks ends with its process.
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) ended(error.message);
    });
    worker.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
    return {
      pid: worker.process.pid ?? 0,
      send(message, socket?: Socket) {
        if (!worker.isConnected()) return;
        worker.process.send(message, socket, { keepOpen: true }, () => {});
      },
      kill: () => void worker.process.kill('SIGKILL'),
    };
  };
}
