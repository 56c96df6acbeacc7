/**
 * `run.ts [MINUTES]`: keeps the built daemon under mixed load, by default for an hour. Prints a line a
 * minute, then the verdict. Exits with 1 unless memory stayed flat, every descriptor was closed and
 * each client got what docs/protocol.md says.
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { connect } from '../../src/index.js';
import { until } from '../support/until.js';
import { isFlat, mebibytes, startDaemon } from './daemon.js';
import { startLoad } from './load.js';
import type { ProbeAnswer, ProbeQuestion } from './probe.js';

const defaultMinutes = 60;
const minuteMs = 60_000;
const sampleMs = 1000;
const reloadMs = 15_000;

/** In a shorter run the first half is only the daemon's warm-up. */
const minJudgedMinutes = 3;

/** Errors that the load provokes; the last only if the hardware cannot serve prediction resistance. */
const expectedCodes = [
  'ERR_LENGTH',
  'ERR_PARAMS',
  'ERR_METHOD',
  'ERR_MESSAGE',
  'ERR_TOO_LARGE',
  'ERR_ENTROPY',
];

/** How many failures are printed; the first ones are the most telling. */
const maxShown = 20;

const minutes = Number(process.argv[2] ?? defaultMinutes);
if (!(minutes > 0)) {
  console.error('usage: npm run soak -- [MINUTES]');
  process.exit(64);
}

const daemon = await startDaemon();
const client = connect({ socketPath: daemon.path });
await client.status();
/** Whether this client's connection is the only one. */
const isIdle = async () => (await daemon.connections()) === 1;
await until(isIdle, 'the first connections are closed');
const descriptors = daemon.descriptors();
const load = startLoad(daemon.path);
const loader = new URL('../support/typescript.mjs', import.meta.url);
const probe = new Worker(new URL('./probe.ts', import.meta.url), {
  workerData: { path: daemon.path },
  execArgv: [`--import=${loader}`],
});
const probed = once(probe, 'exit');
const resident: number[] = [];
const faults = load.failures;

const start = performance.now();
async function printLine(stop = false): Promise<Record<string, number>> {
  const { connections, requests, errors } = await client.status();
  probe.postMessage({ stop } satisfies ProbeQuestion);
  const [{ p50, p99, failures }] = (await once(probe, 'message')) as [ProbeAnswer];
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
  setInterval(() => daemon.reload(), reloadMs),
];
const minute = (number: number) => setTimeout(start + number * minuteMs - performance.now());
try {
  for (let passed = 1; passed < minutes; passed++) {
    await minute(passed);
    await printLine();
  }
  await minute(minutes);
  for (const timer of timers) clearInterval(timer);
  await load.stop();
  const errors = await printLine(true);
  await probed;
  for (const [code, count] of Object.entries(errors))
    if (!expectedCodes.includes(code)) faults.push(`${count} times ${code}`);
  await until(isIdle, 'every connection is closed');
  await until(
    () => daemon.descriptors() <= descriptors,
    `at most ${descriptors} descriptors, as before`,
  );
} catch (error) {
  faults.push((error as Error).message);
  for (const timer of timers) clearInterval(timer);
  await Promise.all([load.stop(), probe.terminate()]);
}
await client.close();
const { status, log } = await daemon.stop();
if (status !== 0) faults.push(`the daemon ended with ${status}: ${log}`);
if (minutes >= minJudgedMinutes && !isFlat(resident)) faults.push('memory grows');
for (const fault of faults.slice(0, maxShown)) console.error(`FAILED: ${fault}`);
console.log(faults.length === 0 ? 'passed' : `failed: ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
