/** Resident memory of an idle daemon, compared with bare Node. */
import { readFileSync } from 'node:fs';
import { interleave } from './measure.mjs';
import { bareNode, entropyd } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atMost, figure } from './table.mjs';

/** VmRSS of proc(5). Only root may read more about a process that cannot be dumped. */
function residentMiB({ pid }) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
}

export default async function benchMemory(bench) {
  const median = await interleave(bench.rounds, {
    idle: () =>
      withServers(bench, { bareNode, entropyd }, (servers) => ({
        bare: residentMiB(servers.bareNode),
        daemon: residentMiB(servers.entropyd),
      })),
  });
  const added = median(({ idle }) => idle.daemon - idle.bare);
  console.log(
    `\nResident memory, idle: bare Node ${figure(median(({ idle }) => idle.bare))} MiB; ` +
      `entropyd adds ${atMost(added, 5)} MiB`,
  );
}
