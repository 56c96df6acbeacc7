/**
 * `starved.ts [MINUTES] [STARTS] [--idle]`: the daemon on a host whose RDSEED is kept busy by one
 * process on each core; with --idle, the same without them. STARTS starts (default 200) under each
 * profile, then MINUTES (default 10) of prediction-resistant load beside `noise`, `selftest` and
 * `reseed` in a loop. Exits with 1 unless the state stays `operational` and every request without
 * prediction resistance is served. Prints how long starts took, and how long others waited.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { connect } from '../../src/index.js';
import { type DaemonProcess, startDaemon } from './daemon.js';
import type { ProbeAnswer, ProbeQuestion } from './probe.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { idle: { type: 'boolean', default: false } },
});
const [minutes = 10, starts = 200] = positionals.map(Number);

/** Connections with prediction resistance, each with one request under way. */
const resistantLanes = 8;
/** Ends the spinning processes if this one cannot. */
const spinSeconds = String(Math.ceil(minutes * 60 + starts * 10 + 60));

const profiles = ['default', 'strict'] as const;

// Each daemon adds its own.
process.setMaxListeners(0);
const faults: string[] = [];

const folder = mkdtempSync(join(tmpdir(), 'entropyd-spin-'));
const spinner = join(folder, 'spin');
const source = new URL('spin.c', import.meta.url).pathname;
const compiled = spawnSync('cc', ['-O2', source, '-o', spinner], { stdio: 'inherit' });
if (compiled.status !== 0) throw new Error('spin.c does not compile');
const spinning = values.idle ? [] : cpus().map(() => spawn(spinner, [spinSeconds]));
process.once('exit', () => {
  for (const child of spinning) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** The value below which the share `p` lies. */
const quantile = (unsorted: readonly number[], p: number) =>
  [...unsorted].sort((a, b) => a - b)[Math.floor(p * unsorted.length)] ?? Number.NaN;

const shown = (waits: readonly number[]) =>
  [0.5, 0.99, 0.999999].map((p) => quantile(waits, p).toFixed(0)).join(' / ');

async function expectOperational(daemon: DaemonProcess, what: string): Promise<void> {
  const client = connect({ socketPath: daemon.path, timeoutMs: 60_000 });
  const { state, reason } = await client.status();
  if (state !== 'operational') faults.push(`${what}: ${state} ${reason}`);
  await client.close();
}

for (const profile of profiles) {
  const waits: number[] = [];
  for (let i = 0; i < starts; i++) {
    const start = performance.now();
    const daemon = await startDaemon(['--profile', profile]).catch((error: Error) => {
      faults.push(`start under ${profile}: ${error.message}`);
    });
    waits.push(performance.now() - start);
    if (daemon === undefined) continue;
    await expectOperational(daemon, `start ${i} under ${profile}`);
    await daemon.stop();
  }
  if (starts > 0) console.log(`${starts} starts, ${profile}: ${shown(waits)} ms (p50 / p99 / max)`);
}

for (const profile of profiles) {
  if (!(minutes > 0)) break;
  const daemon = await startDaemon(['--profile', profile]);
  const loader = new URL('../support/typescript.mjs', import.meta.url);
  const probe = new Worker(new URL('./probe.ts', import.meta.url), {
    workerData: { path: daemon.path },
    execArgv: [`--import=${loader}`],
  });
  const end = performance.now() + (minutes * 60_000) / profiles.length;
  let resistant = 0;
  let refused = 0;
  const waits: number[] = [];
  const lane = async () => {
    const client = connect({ socketPath: daemon.path });
    while (performance.now() < end) {
      const start = performance.now();
      await client.random(32, { predictionResistance: true }).then(
        () => resistant++,
        ({ code }) => (code === 'ERR_ENTROPY' ? refused++ : faults.push(`resistant: ${code}`)),
      );
      waits.push(performance.now() - start);
    }
    await client.close();
  };
  const rounds = async () => {
    const client = connect({ socketPath: daemon.path, timeoutMs: 120_000 });
    let round = 0;
    for (; performance.now() < end; round++) {
      await client.noise('rdseed', 4096).catch((error) => {
        if (error.code !== 'ERR_ENTROPY') faults.push(`noise: ${error.code}`);
      });
      const { passed } = await client.selftest();
      if (!passed) faults.push(`round ${round}: the self-test failed`);
      await client.reseed();
      await expectOperational(daemon, `round ${round} under ${profile}`);
    }
    await client.close();
    return round;
  };
  const [round] = await Promise.all([rounds(), ...Array.from({ length: resistantLanes }, lane)]);
  probe.postMessage({ stop: true } satisfies ProbeQuestion);
  const [{ p50, p99, failures }] = (await once(probe, 'message')) as [ProbeAnswer];
  faults.push(...failures);
  const seconds = (minutes * 60) / profiles.length;
  console.log(
    `${profile}: ${(resistant / seconds).toFixed(0)} resistant requests/s, ${shown(waits)} ms, ` +
      `${refused} refused with ERR_ENTROPY; ${round} rounds of noise, selftest, reseed; ` +
      `32 bytes without it: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
  );
  await daemon.stop();
}

for (const fault of faults.slice(0, 20)) console.error(fault);
console.log(faults.length === 0 ? 'passed' : `failed: ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
