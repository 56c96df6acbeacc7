/** How the cost of a request grows with the number of connections, and with its size. */
import { interleave, load } from './measure.mjs';
import { entropyd, random } from './peers.mjs';
import { withServers } from './servers.mjs';
import { printTable } from './table.mjs';

/** Connections, requests in flight on each, bytes per request. */
const shapes = [
  ...[1, 10, 100, 1000].map((connections) => [connections, 1, 32]),
  ...[1, 32, 1024, 65_536, 1_048_576].map((size) => [1, 16, size]),
];

export default async function benchGrowth(bench) {
  const rows = await withServers(bench, { entropyd }, async (servers) => {
    const all = [];
    for (const [connections, inFlight, size] of shapes) {
      const median = await interleave(bench.rounds, {
        loaded: () => load(bench, servers.entropyd, random(size), { connections, inFlight }),
      });
      const rate = median(({ loaded }) => loaded.rate);
      const cpuNs = median(({ loaded }) => loaded.cpuNs);
      all.push([`${connections}x${inFlight}`, `${size}`, rate, (rate * size) / 1e6, cpuNs]);
    }
    return all;
  });
  printTable(
    'Growth of the daemon with connections and sizes',
    ['conn x in flight', 'bytes', 'requests/s', 'MB/s', 'CPU ns/request'],
    rows,
  );
}
