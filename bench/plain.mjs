/** The gain of the poller and of the addon's `respond` over what node:net documents. */
import { interleave, load } from './measure.mjs';
import { random, server } from './peers.mjs';
import { withServers } from './servers.mjs';
import { printTable } from './table.mjs';

const shapes = [
  { connections: 1, inFlight: 1 },
  { connections: 1, inFlight: 16 },
  { connections: 32, inFlight: 1 },
];

export default async function benchPlain(bench) {
  const programs = { polled: server('polled'), plain: server('plain') };
  const rows = await withServers(bench, programs, async (servers) => {
    const all = [];
    for (const shape of shapes) {
      const rate = (name) => async () => (await load(bench, servers[name], random(32), shape)).rate;
      const median = await interleave(bench.rounds, {
        polled: rate('polled'),
        plain: rate('plain'),
      });
      all.push([
        `${shape.connections}x${shape.inFlight}`,
        median(({ plain }) => plain),
        median(({ polled }) => polled),
        median(({ polled, plain }) => polled / plain),
      ]);
    }
    return all;
  });
  printTable(
    '32-byte random, requests/s: by node:net alone, and by the poller',
    ['conn x in flight', 'node:net', 'poller', 'gain'],
    rows,
  );
}
