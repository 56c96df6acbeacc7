/**
 * `npm run bench [-- TOPIC...]`: comparisons side by side in one run. Builds its C programs with the
 * machine's compiler and starts redis-server itself. Prints what was reached and what fell short; it
 * is no test and ends with 0 unless it could not measure.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Each is a file of this folder. */
const topics = [
  ...['generator', 'startup', 'memory', 'socket', 'plain'],
  ...['bulk', 'fresh', 'growth', 'isolation', 'client', 'gateway'],
];

const wanted = process.argv.slice(2);
const unknown = wanted.find((topic) => !topics.includes(topic));
if (unknown !== undefined) {
  console.error(`no topic "${unknown}"; there are: ${topics.join(' ')}`);
  process.exit(64);
}

const bench = {
  rounds: Number(process.env.BENCH_ROUNDS ?? 7),
  /** All servers and their load run on this processor. */
  core: cpus().length - 1,
  /** For sockets and compiled programs. */
  folder: mkdtempSync(join(tmpdir(), 'entropyd-bench-')),
};
console.log(`Medians of ${bench.rounds} interleaved rounds, of start-up twice as many`);
try {
  for (const topic of wanted.length > 0 ? wanted : topics) {
    const { default: measure } = await import(`./${topic}.mjs`);
    await measure(bench);
  }
} finally {
  rmSync(bench.folder, { recursive: true });
}
