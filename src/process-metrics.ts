/** What both programs say of their own process. */
import type { MetricsPage } from './exposition.js';
import { version } from './version.js';

const microsecond = 1e-6;
const millisecond = 1e-3;

/**
 * Build, start, processor time and memory. The names are the program's own, not the plain `process_`
 * of other exporters: the gateway's page holds the daemon's as well.
 * @param prefix `entropyd_` or `entropyd_gateway_`
 */
export function addProcessMetrics(page: MetricsPage, prefix: string): void {
  const { node, openssl } = process.versions;
  const { user, system } = process.cpuUsage();
  page.gauge(`${prefix}build_info`, 'Always 1; the versions are in the labels', [
    [{ version, node, openssl }, 1],
  ]);
  page.gauge(
    `${prefix}process_start_time_seconds`,
    'When the process started, seconds since 1970',
    performance.timeOrigin * millisecond,
  );
  page.counter(
    `${prefix}process_cpu_seconds_total`,
    'Processor time of the process, user and system',
    (user + system) * microsecond,
  );
  page.gauge(
    `${prefix}process_resident_memory_bytes`,
    'Resident memory of the process',
    process.memoryUsage.rss(),
  );
}
