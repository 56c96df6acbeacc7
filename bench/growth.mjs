/** How the cost of a request grows with connections and with its size, and a signed one with the keys. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, gateway, generateRandom, ready, requestOf, warmUp } from './gateway.mjs';
import { interleave, load } from './measure.mjs';
import { entropyd, random } from './peers.mjs';
import { withServers } from './servers.mjs';
import { printTable } from './table.mjs';

/** Connections, requests in flight on each, bytes per request. */
const shapes = [
  ...[1, 10, 100, 1000, 4000].map((connections) => [connections, 1, 32]),
  ...[1, 32, 1024, 65_536, 1_048_576].map((size) => [1, 16, size]),
];

const keys = [1, 100, 10_000];

/** The daemon, with room for all connections of the one user. */
function roomy({ folder }) {
  const config = join(folder, 'roomy.toml');
  writeFileSync(config, '[limits]\nconnections = 5000\nconnections_per_user = 5000\n');
  return (bench, path) => [...entropyd(bench, path), '--config', config];
}

async function socketRow(bench, server, [connections, inFlight, size]) {
  const median = await interleave(bench.rounds, {
    loaded: () => load(bench, server, random(size), { connections, inFlight }),
  });
  const rate = median(({ loaded }) => loaded.rate);
  const cpuNs = median(({ loaded }) => loaded.cpuNs);
  return [`${connections}x${inFlight}`, `${size}`, rate, (rate * size) / 1e6, cpuNs];
}

async function keysRow(bench, keys) {
  const signed = await ready(generateRandom);
  const programs = { entropyd, gateway: gateway(bench, await freePort(), { keys }) };
  return withServers(bench, programs, async ({ gateway }) => {
    await warmUp(bench, [gateway], signed);
    const request = await requestOf(gateway, signed);
    const median = await interleave(bench.rounds, {
      loaded: () => load(bench, gateway, request, { connections: 16 }),
    });
    return [`${keys}`, median(({ loaded }) => loaded.rate), median(({ loaded }) => loaded.cpuNs)];
  });
}

export default async function benchGrowth(bench) {
  const rows = await withServers(bench, { entropyd: roomy(bench) }, async ({ entropyd }) => {
    const all = [];
    for (const shape of shapes) all.push(await socketRow(bench, entropyd, shape));
    return all;
  });
  printTable(
    'Growth of the daemon with connections and sizes',
    ['conn x in flight', 'bytes', 'requests/s', 'MB/s', 'CPU ns/request'],
    rows,
  );
  const signed = [];
  for (const number of keys) signed.push(await keysRow(bench, number));
  printTable(
    'Growth of the gateway with keys: GenerateRandom, signed, 16 connections',
    ['keys', 'requests/s', 'CPU ns/request'],
    signed,
  );
}
