/**
 * A worker that requests 32 bytes a hundred times a second and reports how long it waited. It has its
 * own thread, so that it measures the daemon and not the load.
 */
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from '../../src/index.js';

/** The parent asks for the measurements since its last question; `stop` ends the worker as well. */
export interface ProbeQuestion {
  readonly stop: boolean;
}

export interface ProbeAnswer {
  /** Median and 99th percentile of the waits, ms. */
  readonly p50: number;
  readonly p99: number;
  readonly failures: readonly string[];
}

const pauseMs = 10;
const probeSize = 32;

/** The value below which the share `p` of the sorted `values` lies. */
const quantile = (values: readonly number[], p: number) =>
  values[Math.floor(p * values.length)] ?? Number.NaN;

if (parentPort === null) throw new Error('runs only as a worker');
const port = parentPort;
const { path } = workerData as { path: string };
const client = connect({ socketPath: path });
let waits: number[] = [];
let failures: string[] = [];
let running = true;

port.on('message', ({ stop }: ProbeQuestion) => {
  const sorted = waits.sort((a, b) => a - b);
  const answer: ProbeAnswer = {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    failures,
  };
  port.postMessage(answer);
  waits = [];
  failures = [];
  if (stop) running = false;
});

while (running) {
  const start = performance.now();
  await client.random(probeSize).catch((error) => failures.push(`probe: ${error.message}`));
  waits.push(performance.now() - start);
  await setTimeout(pauseMs);
}
await client.close();
port.close();
