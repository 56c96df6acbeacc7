/** Medians of interleaved rounds, and the load that a socket is measured with. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compile } from './native.mjs';

const execute = promisify(execFile);

/** Of one measurement with load. */
const milliseconds = 300;

/**
 * Measures everything in turn, round after round, so that a machine whose speed drifts treats all
 * alike.
 * @param measures functions by name
 * @returns a function: the median over all rounds of what it is told to take from a round's results.
 *   A ratio is taken within each round.
 */
export async function interleave(rounds, measures) {
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const result = {};
    for (const [name, measure] of Object.entries(measures)) result[name] = await measure();
    results.push(result);
  }
  return (take) => results.map(take).sort((a, b) => a - b)[rounds >> 1];
}

/**
 * Runs a program on the core of the servers: a wake-up across cores costs more than a request.
 * @returns what it printed
 */
export function runPinned({ core }, command, ...args) {
  return execute('taskset', ['-c', String(core), command, ...args.map(String)], {
    env: { ...process.env, LC_ALL: 'C' },
  });
}

/** @returns requests a second, and CPU nanoseconds of the server a request */
export async function load(bench, server, request, { connections = 1, inFlight = 1 } = {}) {
  const program = compile(bench, 'load');
  const { hex, answerSize } = request;
  const before = server.cpuNs();
  const { stdout } = await runPinned(
    bench,
    ...[program, server.path, hex, answerSize, connections, inFlight, milliseconds],
  );
  const { requests, ns } = JSON.parse(stdout);
  return { rate: (requests / ns) * 1e9, cpuNs: (server.cpuNs() - before) / requests };
}
