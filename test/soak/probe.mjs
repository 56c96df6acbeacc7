/**
 * A worker that asks for 32 bytes a hundred times a second and says how long it waited. Its own
 * thread: what it measures is the daemon, not the load.
 */
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from '../../dist/index.js';

const pauseMs = 10;
const probeSize = 32;

/** The value below which the share `p` of the sorted `values` lies. */
const quantile = (values, p) => values[Math.floor(p * values.length)] ?? Number.NaN;

const client = connect({ socketPath: workerData.path });
let waits = [];
let failures = [];
let running = true;

// Every message asks for what was measured since the last one; the last one ends it as well.
parentPort.on('message', ({ stop }) => {
  const sorted = waits.sort((a, b) => a - b);
  parentPort.postMessage({ p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), failures });
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
parentPort.close();
