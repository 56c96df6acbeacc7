/**
 * `npm run bench`: comparisons side by side in one run. Builds its C programs with the machine's
 * compiler and starts redis-server itself. Prints what was reached and what fell short; it is no
 * test and always ends with 0 unless it could not measure.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchGenerator } from './generator.mjs';
import { compare } from './measure.mjs';
import { startPeers } from './peers.mjs';
import { benchStartup } from './startup.mjs';

/** Wanted ratios at 32 bytes: connections, in flight, of the C echo, of Redis. */
const goals = [
  [1, 1, 0.65, 0.8],
  [1, 16, 0.6, 1.1],
  [1, 64, 0.55, 1.6],
  [1, 256, 0.45, 3],
  [32, 1, 0.53, 0.6],
];
const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const milliseconds = 300;

const folder = mkdtempSync(join(tmpdir(), 'entropyd-bench-'));
// Servers and load share a core: a wake-up across cores costs more than a request.
const core = cpus().length - 1;

for (const name of ['echo', 'load'])
  execFileSync('cc', [
    '-O2',
    '-o',
    join(folder, name),
    fileURLToPath(new URL(`native/${name}.c`, import.meta.url)),
  ]);

const getrandomNs = benchGenerator(rounds);
benchStartup(rounds);

const peers = await startPeers(folder, core);
try {
  console.log(
    `\n32-byte random on a Unix socket; one core; medians of ${rounds} interleaved rounds`,
  );
  console.log('conn x in flight | server    | requests/s | CPU ns/request | of C echo | of Redis');
  let socketNs = 0;
  for (const [connections, inFlight, ofEcho, ofRedis] of goals) {
    const results = await compare(folder, core, peers, {
      connections,
      inFlight,
      rounds,
      milliseconds,
    });
    if (connections === 1 && inFlight === 1) socketNs = 1e9 / results.at(-1).rate;
    for (const { name, rate, cpuNs, ratioTo } of results) {
      const cell = `${connections}x${inFlight}`.padEnd(16);
      const figures = `${rate.toFixed(0).padStart(10)} | ${cpuNs.toFixed(0).padStart(14)}`;
      const [echo, redis] = [ratioTo('C echo'), ratioTo('Redis GET')];
      const goal = (value, wanted) =>
        name === 'entropyd'
          ? `${value.toFixed(2)} (${value >= wanted ? 'goal' : 'short of'} ${wanted})`
          : value.toFixed(2);
      console.log(
        `${cell} | ${name.padEnd(9)} | ${figures} | ${goal(echo, ofEcho)} | ${goal(redis, ofRedis)}`,
      );
    }
  }
  // What the daemon costs a program that could have called the kernel.
  console.log(
    `\n32 bytes over the socket, one at a time: ${socketNs.toFixed(0)} ns; by getrandom(2): ${getrandomNs.toFixed(0)} ns, ` +
      `${(socketNs / getrandomNs).toFixed(0)} times less`,
  );
} finally {
  for (const peer of peers) await peer.stop();
  rmSync(folder, { recursive: true });
}
