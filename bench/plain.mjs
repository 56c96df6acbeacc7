/** The gain of the shortcuts past node:net: the static read buffer, and responses sent by send(2). */
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
  const programs = { both: server('both'), read: server('read'), none: server('none') };
  const rows = await withServers(bench, programs, async (servers) => {
    const all = [];
    for (const shape of shapes) {
      const rate = (name) => async () => (await load(bench, servers[name], random(32), shape)).rate;
      const median = await interleave(bench.rounds, {
        both: rate('both'),
        read: rate('read'),
        none: rate('none'),
      });
      all.push([
        `${shape.connections}x${shape.inFlight}`,
        median(({ none }) => none),
        median(({ read }) => read),
        median(({ both }) => both),
        median(({ read, none }) => read / none),
        median(({ both, read }) => both / read),
      ]);
    }
    return all;
  });
  printTable(
    '32-byte random, requests/s: plain node:net; with the static read buffer; with send(2) as well',
    ['conn x in flight', 'plain', 'static read', 'and send', 'read buys', 'send buys'],
    rows,
  );
}
