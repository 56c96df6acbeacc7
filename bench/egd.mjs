/** The EGD socket, compared with a bare Node responder of constant bytes; QEMU asks for 64 at a time. */
import { fileURLToPath } from 'node:url';
import { interleave, load } from './measure.mjs';
import { entropyd } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atLeast, printTable } from './table.mjs';

const goal = 0.8;

const shapes = [
  { size: 64, connections: 1, inFlight: 1 },
  { size: 64, connections: 1, inFlight: 16 },
  { size: 255, connections: 1, inFlight: 16 },
  { size: 64, connections: 32, inFlight: 1 },
];

const constant = (_, path) => [
  process.execPath,
  fileURLToPath(new URL('programs/egd-constant.mjs', import.meta.url)),
  path,
];

const egd = (bench, path) => [...entropyd(bench, `${path}.main`), '--egd-socket', path];

const block = (size) => ({ hex: `02${size.toString(16).padStart(2, '0')}`, answerSize: size });

export default async function benchEgd(bench) {
  const rows = await withServers(bench, { constant, egd }, async (servers) => {
    const all = [];
    for (const { size, ...shape } of shapes) {
      const median = await interleave(bench.rounds, {
        constant: () => load(bench, servers.constant, block(size), shape),
        egd: () => load(bench, servers.egd, block(size), shape),
      });
      all.push([
        `${size} B, ${shape.connections}x${shape.inFlight}`,
        median(({ constant }) => constant.rate),
        median(({ egd }) => egd.rate),
        atLeast(
          median(({ egd, constant }) => egd.rate / constant.rate),
          goal,
        ),
        // On a busy machine this one is the steadier.
        atLeast(
          median(({ egd, constant }) => constant.cpuNs / egd.cpuNs),
          goal,
        ),
      ]);
    }
    return all;
  });
  printTable(
    'EGD, requests/s; Node: a bare responder of constant bytes',
    ['bytes, conn x in flight', 'Node', 'entropyd', 'of Node', 'by CPU time'],
    rows,
  );
}
