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
      const rate = (name) => async () =>
        (await load(bench, servers[name], block(size), shape)).rate;
      const median = await interleave(bench.rounds, {
        constant: rate('constant'),
        egd: rate('egd'),
      });
      all.push([
        `${size} B, ${shape.connections}x${shape.inFlight}`,
        median(({ constant }) => constant),
        median(({ egd }) => egd),
        atLeast(
          median(({ egd, constant }) => egd / constant),
          goal,
        ),
      ]);
    }
    return all;
  });
  printTable(
    'EGD, requests/s; Node: a bare responder of constant bytes',
    ['bytes, conn x in flight', 'Node', 'entropyd', 'of Node'],
    rows,
  );
}
