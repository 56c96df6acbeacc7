/** Medians of interleaved rounds, and the load generator for sockets. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compile } from './native.mjs';

const execute = promisify(execFile);

/** Length of one measurement under load. */
const milliseconds = 300;

/**
 * Runs all measurements in turn, round after round, so that a drift in the machine's speed affects
 * all of them.
 * @param measures functions by name
 * @returns a function that takes the value to extract from a round's results and returns its median over
 *   all rounds. Ratios are computed within a round.
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
 * Runs a program on the servers' core: a wake-up across cores costs more than a request.
 * @returns its output
 */
export function runPinned({ core }, command, ...args) {
  return execute('taskset', ['-c', String(core), command, ...args.map(String)], {
    env: { ...process.env, LC_ALL: 'C' },
  });
}

/** @returns requests per second, and the server's CPU nanoseconds per request */
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
