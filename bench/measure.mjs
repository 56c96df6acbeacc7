/** One measurement of one server, and the medians of interleaved rounds. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Requests a second, CPU nanoseconds of the server a request, and the batches' p99. */
async function measure(folder, core, peer, connections, inFlight, milliseconds) {
  const cpuBefore = peer.cpuNs();
  const { stdout } = await run('taskset', [
    '-c',
    String(core),
    join(folder, 'load'),
    peer.path,
    peer.request,
    String(peer.answerSize),
    String(connections),
    String(inFlight),
    String(milliseconds),
  ]);
  const { requests, ns, p99 } = JSON.parse(stdout);
  return {
    rate: (requests / ns) * 1e9,
    cpuNs: (peer.cpuNs() - cpuBefore) / requests,
    p99,
  };
}

/**
 * Measures every server in turn, round after round, so that a machine whose speed drifts treats
 * them alike.
 * @returns for each server the medians; the ratios to the other servers are medians of ratios
 */
export async function compare(
  folder,
  core,
  peers,
  { connections, inFlight, rounds, milliseconds },
) {
  const samples = peers.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, peer] of peers.entries())
      samples[i].push(await measure(folder, core, peer, connections, inFlight, milliseconds));
  return peers.map((peer, i) => ({
    name: peer.name,
    rate: median(samples[i].map(({ rate }) => rate)),
    cpuNs: median(samples[i].map(({ cpuNs }) => cpuNs)),
    p99: median(samples[i].map(({ p99 }) => p99)),
    ratioTo: (other) => {
      const j = peers.findIndex(({ name }) => name === other);
      return median(samples[i].map(({ rate }, round) => rate / samples[j][round].rate));
    },
  }));
}
