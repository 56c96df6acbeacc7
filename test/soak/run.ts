/**
 * `run.ts [MINUTES]`: keeps the built daemon and a gateway before it under mixed load, by default for an
 * hour. Prints a line for each a minute, then the verdict. Exits with 1 unless memory stayed flat, every
 * descriptor was closed and each client got what the documentation says.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { connect } from '../../src/index.js';
import { fuzzHttp } from '../fuzz/http.js';
import { fuzzHttp2 } from '../fuzz/http2.js';
import { until } from '../support/until.js';
import { isFlat, mebibytes, type Process, startDaemon, startGateway } from './daemon.js';
import { startLoad } from './load.js';
import type { ProbeAnswer, ProbeQuestion } from './probe.js';

const defaultMinutes = 60;
const minuteMs = 60_000;
const sampleMs = 1000;
const reloadMs = 15_000;

/** In a shorter run the first half is only the warm-up. */
const minJudgedMinutes = 3;

/** Connections of HTTP before descriptors are counted: they open what stays open. */
const warmUp = 50;

/** Errors that the load provokes; the last only if the hardware cannot serve prediction resistance. */
const expectedCodes = [
  'ERR_LENGTH',
  'ERR_PARAMS',
  'ERR_METHOD',
  'ERR_MESSAGE',
  'ERR_TOO_LARGE',
  'ERR_ENTROPY',
];

/** How many failures are printed. */
const maxShown = 20;

const minutes = Number(process.argv[2] ?? defaultMinutes);
if (!(minutes > 0)) {
  console.error('usage: npm run soak -- [MINUTES]');
  process.exit(64);
}

const daemon = await startDaemon();
const gateway = await startGateway(daemon.path);
let faults = 0;
/** Counts a fault, and prints the first ones at once: they are the most telling. */
function note(...errors: (Error | string)[]): void {
  for (const error of errors) {
    if (faults++ < maxShown)
      console.error(`FAILED: ${error instanceof Error ? error.stack : error}`);
  }
}

const targets = [{ to: { path: gateway.path }, verifies: true }];
await fuzzHttp({ targets, requests: warmUp, seed: 1 });
await fuzzHttp2({ targets, requests: warmUp, seed: 1 });
const client = connect({ socketPath: daemon.path });
await client.status();

/** What is watched of each program. */
const watched = Object.entries({ daemon, gateway }).map(([name, program]) => ({
  name,
  program: program as Process,
  resident: [] as number[],
  /** Connections that are not of the load; -1: not looked at yet. */
  own: -1,
  descriptors: 0,
}));
for (const each of watched) {
  const { name, program } = each;
  const isSettled = async () => {
    const before = each.own;
    each.own = await program.connections();
    return before === each.own;
  };
  await until(isSettled, `the first connections to the ${name} are closed`, { pollMs: sampleMs });
  each.descriptors = program.descriptors();
}

const load = startLoad(daemon.path);
const loader = new URL('../support/typescript.mjs', import.meta.url);
const probe = new Worker(new URL('./probe.ts', import.meta.url), {
  workerData: { path: daemon.path },
  execArgv: [`--import=${loader}`],
});
const probed = once(probe, 'exit');

let isStopping = false;
const httpRequests = { 1: 0, 2: 0 };
const seed = randomInt(2 ** 31);
const fuzz = { targets, requests: () => !isStopping, seed };
const http = Promise.all([
  fuzzHttp({
    ...fuzz,
    onSession: ({ requests }) => {
      httpRequests[1] = requests;
    },
  }).catch(note),
  fuzzHttp2({
    ...fuzz,
    onSession: ({ requests }) => {
      httpRequests[2] = requests;
    },
  }).catch(note),
]);

async function stopLoad(): Promise<void> {
  isStopping = true;
  await Promise.all([load.stop(), http]);
  note(...load.failures);
}

const start = performance.now();
async function printLines(stop = false): Promise<Record<string, number>> {
  const { connections, requests, errors } = await client.status();
  probe.postMessage({ stop } satisfies ProbeQuestion);
  const [{ p50, p99, failures }] = (await once(probe, 'message')) as [ProbeAnswer];
  note(...failures);
  const own = {
    daemon: [
      `${connections} connections`,
      `${requests.toLocaleString('en')} requests`,
      Object.entries(errors)
        .map(([code, count]) => `${code} ${count}`)
        .join(' '),
      `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
    ],
    gateway: [1, 2].map((version) => {
      const requests = httpRequests[version as 1 | 2].toLocaleString('en');
      return `${requests} requests over HTTP/${version}`;
    }),
  };
  const minute = ((performance.now() - start) / minuteMs).toFixed(1).padStart(6);
  for (const { name, program } of watched)
    console.log(
      [
        `${minute} min  ${name}`,
        mebibytes(program.residentBytes()),
        `${program.descriptors()} descriptors`,
        ...own[name as keyof typeof own],
      ].join('  '),
    );
  return errors;
}

const timers = [
  setInterval(() => {
    for (const { program, resident } of watched) resident.push(program.residentBytes());
  }, sampleMs),
  setInterval(() => {
    for (const { program } of watched) program.reload();
  }, reloadMs),
];
const minute = (number: number) => setTimeout(start + number * minuteMs - performance.now());
try {
  for (let passed = 1; passed < minutes && faults === 0; passed++) {
    await minute(passed);
    await printLines();
  }
  if (faults === 0) await minute(minutes);
  for (const timer of timers) clearInterval(timer);
  await stopLoad();
  const errors = await printLines(true);
  await probed;
  for (const [code, count] of Object.entries(errors))
    if (!expectedCodes.includes(code)) note(`${count} times ${code}`);
  for (const { name, program, own, descriptors } of watched) {
    await until(
      async () => (await program.connections()) <= own,
      `every connection to the ${name} is closed`,
    );
    await until(
      () => program.descriptors() <= descriptors,
      `at most ${descriptors} descriptors of the ${name}, as before`,
    );
  }
} catch (error) {
  note(error as Error);
  for (const timer of timers) clearInterval(timer);
  await Promise.all([stopLoad(), probe.terminate()]);
}
await client.close();
for (const { name, program, resident } of watched.reverse()) {
  const { status, log } = await program.stop();
  if (status !== 0) note(`the ${name} ended with ${status}`);
  if (faults > 0) console.log(`the end of the ${name}'s log:\n${log}`);
  // A run that a fault has cut short is a warm-up as well.
  if (faults > 0 || minutes < minJudgedMinutes) continue;
  console.log(name);
  if (!isFlat(resident)) note(`the ${name}'s memory grows`);
}
console.log(faults === 0 ? 'passed' : `failed: ${faults} faults`);
process.exitCode = faults === 0 ? 0 : 1;
