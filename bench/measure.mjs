/** Medians of interleaved rounds, and the load generator for sockets. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { compile } from './native.mjs';

const execute = promisify(execFile);

/** Length of one measurement under load. */
export const milliseconds = 300;

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

/**
 * Loads a server from its own core.
 * @returns requests per second, the server's CPU nanoseconds per request, p50 and p99 in nanoseconds
 */
export async function load(
  bench,
  server,
  { hex, answerSize },
  { connections = 1, inFlight = 1, duration = milliseconds } = {},
) {
  const program = compile(bench, 'load');
  const command = [program, server.path, hex, answerSize, connections, inFlight, duration];
  const child = spawn('taskset', ['-c', bench.core, ...command].map(String), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error('the load generator has ended early');
    return value;
  };
  await nextLine();
  const before = server.cpuNs();
  child.stdin.write('\n');
  const { requests, ns, p50, p99 } = JSON.parse(await nextLine());
  const cpuNs = server.cpuNs() - before;
  child.stdin.end();
  await exited;
  return { rate: (requests / ns) * 1e9, cpuNs: cpuNs / requests, p50, p99 };
}
