/**
 * `npm run bench [-- [--chart FILE] TOPIC...]`: comparisons side by side in one run. It builds its C programs with
 * the machine's compiler and starts redis-server itself. It prints which goals were reached; it is
 * not a test and exits 0 unless it could not measure.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newChart } from './chart.mjs';

/** Each topic is a file of this folder. */
const topics = [
  ...['generator', 'startup', 'memory', 'socket', 'plain'],
  ...['bulk', 'fresh', 'growth', 'isolation', 'client', 'egd', 'provider', 'gateway'],
];

const {
  values: { chart: chartFile },
  positionals: wanted,
} = parseArgs({ options: { chart: { type: 'string' } }, allowPositionals: true });
const unknown = wanted.find((topic) => !topics.includes(topic));
if (unknown !== undefined) {
  console.error(`no topic "${unknown}"; there are: ${topics.join(' ')}`);
  process.exit(64);
}

const bench = {
  rounds: Number(process.env.BENCH_ROUNDS ?? 7),
  /** The processor of all servers and their load. */
  core: cpus().length - 1,
  chart: newChart(),
  /** The folder for sockets and compiled programs. */
  folder: mkdtempSync(join(tmpdir(), 'entropyd-bench-')),
};
console.log(`Medians of ${bench.rounds} interleaved rounds, of start-up twice as many`);
try {
  for (const topic of wanted.length > 0 ? wanted : topics) {
    const { default: measure } = await import(`./${topic}.mjs`);
    await measure(bench);
  }
  if (chartFile !== undefined) bench.chart.write(chartFile);
} finally {
  rmSync(bench.folder, { recursive: true });
}
