/** Tells the service manager that this process answers, for as long as it does: sd_watchdog_enabled(3). */
import type { ServiceManager } from './service-manager.js';

/**
 * Probes at half of the time that the manager allows, and says so when there was an answer.
 * @param probe resolves with whether there was one within the milliseconds that it is given
 * @returns ends it
 */
export function startWatchdog(
  manager: Pick<ServiceManager, 'alive' | 'watchdogMs'>,
  probe: (timeoutMs: number) => Promise<boolean>,
): () => void {
  if (manager.watchdogMs === undefined) return () => {};
  const halfMs = manager.watchdogMs / 2;
  const beat = async () => {
    if (await probe(halfMs)) manager.alive();
  };
  void beat();
  const timer = setInterval(() => void beat(), halfMs).unref();
  return () => clearInterval(timer);
}
