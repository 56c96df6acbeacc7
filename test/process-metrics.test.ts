import t from 'tap';
import { openMetricsPage } from '../src/exposition.js';
import { addProcessMetrics } from '../src/process-metrics.js';
import { version } from '../src/version.js';
import { samplesOf } from './metrics-page.js';

t.test('a process tells its build, its start, its time and its memory', async (t) => {
  const page = await openMetricsPage();
  addProcessMetrics(page, 'entropyd_test_');
  const found = samplesOf(await page.text());
  const { node, openssl } = process.versions;
  t.equal(
    found.get(`entropyd_test_build_info{version="${version}",node="${node}",openssl="${openssl}"}`),
    1,
  );
  const started = found.get('entropyd_test_process_start_time_seconds') ?? 0;
  t.ok(Math.abs(Date.now() / 1000 - process.uptime() - started) < 1, `started ${started}`);
  const cpu = found.get('entropyd_test_process_cpu_seconds_total') ?? 0;
  t.ok(cpu > 0.01 && cpu < 600, `${cpu} s`);
  const memory = found.get('entropyd_test_process_resident_memory_bytes') ?? 0;
  t.ok(memory > 2 ** 24 && memory < 2 ** 32, `${memory} bytes`);
});
