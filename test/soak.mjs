/**
 * `soak.mjs [MINUTES]`: the built daemon under mixed load for an hour or as long as wanted. A line a
 * minute, then the verdict; ends with 1 unless memory stayed flat, every descriptor came back and
 * each client got what docs/protocol.md says.
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { connect } from '../dist/index.js';
import { growth, maxGrowthBytes } from './flat.mjs';
import { startLoad } from './soak/load.mjs';
import { startDaemon } from './support/daemon-process.mjs';

const defaultMinutes = 60;
const minuteMs = 60_000;
const sampleMs = 1000;
const hangupMs = 15_000;

/** Below, the first half is no more than the daemon's warming up. */
const minJudgedMinutes = 3;

/** Refusals that the load provokes. */
const expectedCodes = ['ERR_LENGTH', 'ERR_PARAMS', 'ERR_METHOD', 'ERR_MESSAGE', 'ERR_TOO_LARGE'];

/** Failures that are printed; the first ones tell most. */
const maxShown = 20;

const minutes = Number(process.argv[2] ?? defaultMinutes);
if (!(minutes > 0)) {
  console.error('usage: npm run soak -- [MINUTES]');
  process.exit(64);
}

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const daemon = await startDaemon();
const client = connect({ socketPath: daemon.path });
await client.status();
const descriptors = await daemon.settledDescriptors();
const load = startLoad(daemon.path);
const probe = new Worker(new URL('./soak/probe.mjs', import.meta.url), {
  workerData: { path: daemon.path },
});
const probed = once(probe, 'exit');
const resident = [];
const faults = load.failures;

const start = performance.now();
async function line(stop = false) {
  const { connections, requests, errors } = await client.status();
  probe.postMessage({ stop });
  const [{ p50, p99, failures }] = await once(probe, 'message');
  faults.push(...failures);
  console.log(
    [
      `${((performance.now() - start) / minuteMs).toFixed(1).padStart(6)} min`,
      mebibytes(daemon.residentBytes()),
      `${daemon.descriptors()} descriptors`,
      `${connections} connections`,
      `${requests.toLocaleString('en')} requests`,
      Object.entries(errors)
        .map(([code, count]) => `${code} ${count}`)
        .join(' '),
      `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
    ].join('  '),
  );
  return errors;
}

const timers = [
  setInterval(() => resident.push(daemon.residentBytes()), sampleMs),
  setInterval(() => daemon.reload(), hangupMs),
];
const until = (minute) => setTimeout(start + minute * minuteMs - performance.now());
try {
  for (let minute = 1; minute < minutes; minute++) {
    await until(minute);
    await line();
  }
  await until(minutes);
  for (const timer of timers) clearInterval(timer);
  await load.stop();
  const errors = await line(true);
  await probed;
  for (const [code, count] of Object.entries(errors))
    if (!expectedCodes.includes(code)) faults.push(`${count} times ${code}`);
  const left = await daemon.settledDescriptors();
  if (left !== descriptors) faults.push(`${left} descriptors, ${descriptors} before`);
} catch (error) {
  faults.push(error.message);
  for (const timer of timers) clearInterval(timer);
  await Promise.all([load.stop(), probe.terminate()]);
}
await client.close();
const { status, log } = await daemon.stop();
if (status !== 0) faults.push(`the daemon ended with ${status}: ${log}`);
if (minutes >= minJudgedMinutes) {
  const grown = growth(resident);
  console.log(
    `memory: ${mebibytes(grown)} in the second half, at most ${mebibytes(maxGrowthBytes)}`,
  );
  if (grown > maxGrowthBytes) faults.push('memory grows');
}
for (const fault of faults.slice(0, maxShown)) console.error(`FAILED: ${fault}`);
console.log(faults.length === 0 ? 'passed' : `failed: ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
