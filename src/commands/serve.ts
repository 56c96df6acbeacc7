/** `entropyd`: the daemon in the foreground. */
import { type ConfigFlags, loadConfig } from '../config.js';
import { startDaemon } from '../daemon.js';
import { terminationSignal } from './run.js';

export interface ServeOptions extends ConfigFlags {
  http?: string;
}

/** Serves until SIGTERM or SIGINT; SIGHUP reloads the configuration and reseeds. */
export async function serve({ http, ...flags }: ServeOptions): Promise<void> {
  const ended = terminationSignal();
  // From the first moment on: without a listener the signal would end the process.
  let reload = () => {};
  const onHangup = () => reload();
  process.on('SIGHUP', onHangup);
  try {
    const config = await loadConfig(flags);
    const daemon = await startDaemon({ config, ...(http === undefined ? {} : { http }) });
    reload = () => void daemon.reload(() => loadConfig(flags));
    await ended;
    await daemon.close();
  } finally {
    process.off('SIGHUP', onHangup);
  }
}
