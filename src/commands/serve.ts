/** `entropyd`: the daemon in the foreground. */
import { takePassedSockets } from '../activation.js';
import { loadAddon } from '../common/package.js';
import { terminationSignal } from '../common/program.js';
import { type ConfigFlags, loadConfig } from '../config/config.js';
import { startDaemon } from '../daemon.js';
import { takeServiceManager } from '../service-manager.js';

/** `FileDescriptorName=` of the daemon's socket units. */
const socketName = 'entropyd';

export interface ServeOptions extends ConfigFlags {
  http?: string;
}

/** Serves until SIGTERM or SIGINT; SIGHUP reloads the configuration and reseeds. */
export async function serve({ http, ...options }: ServeOptions): Promise<void> {
  const ended = terminationSignal();
  // From the first moment on: without a listener the signal would end the process.
  let reload = () => {};
  const onHangup = () => reload();
  process.on('SIGHUP', onHangup);
  try {
    const addon = loadAddon();
    const manager = takeServiceManager(addon);
    const passed = takePassedSockets(socketName, addon.addon);
    const flags = { ...options, activated: passed.length > 0 };
    const config = await loadConfig(flags);
    const daemon = await startDaemon({
      config,
      addon,
      passed,
      manager,
      ...(http === undefined ? {} : { http }),
    });
    reload = () => void daemon.reload(() => loadConfig(flags));
    await ended;
    await daemon.close();
  } finally {
    process.off('SIGHUP', onHangup);
  }
}
