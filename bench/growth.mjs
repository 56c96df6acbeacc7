/** How the cost of a request grows with connections and with its size, and a signed one with the keys. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, gateway, generateRandom, ready, requestOf, warmUp } from './gateway.mjs';
import { interleave, load } from './measure.mjs';
import { echo, echoRequest, entropyd, random } from './peers.mjs';
import { withServers } from './servers.mjs';
import { figure, printTable } from './table.mjs';

/** With one request of 32 bytes in flight on each. */
const connections = [1, 10, 100, 1000, 4000];

/** Bytes per request, 16 in flight. */
const sizes = [1, 32, 1024, 65_536, 1_048_576];

const keys = [1, 100, 10_000];

/** The daemon, with room for all connections of the one user. */
function roomy({ folder }) {
  const config = join(folder, 'roomy.toml');
  writeFileSync(config, '[limits]\nconnections = 5000\nconnections_per_user = 5000\n');
  return (bench, path) => [...entropyd(bench, path), '--config', config];
}

/** Beside a C server that echoes: the kernel's part grows for both. */
async function connectionsRow(bench, { entropyd, echo }, connections) {
  const median = await interleave(bench.rounds, {
    entropyd: () => load(bench, entropyd, random(32), { connections }),
    echo: () => load(bench, echo, echoRequest, { connections }),
  });
  return [
    `${connections}`,
    median(({ entropyd }) => entropyd.rate),
    median(({ entropyd }) => entropyd.cpuNs),
    median(({ echo }) => echo.cpuNs),
    figure(median(({ entropyd, echo }) => entropyd.rate / echo.rate)),
  ];
}

async function sizeRow(bench, { entropyd }, size) {
  const median = await interleave(bench.rounds, {
    loaded: () => load(bench, entropyd, random(size), { inFlight: 16 }),
  });
  const rate = median(({ loaded }) => loaded.rate);
  const cpuNs = median(({ loaded }) => loaded.cpuNs);
  return [`${size}`, rate, (rate * size) / 1e6, cpuNs];
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
  await withServers(bench, { entropyd: roomy(bench), echo }, async (servers) => {
    const grown = [];
    for (const number of connections) grown.push(await connectionsRow(bench, servers, number));
    printTable(
      'Growth of the daemon with connections, one request of 32 bytes in flight on each',
      ['connections', 'requests/s', 'CPU ns/request', 'C echo: CPU ns', 'of C echo'],
      grown,
    );
    const sized = [];
    for (const size of sizes) sized.push(await sizeRow(bench, servers, size));
    printTable(
      'Growth of the daemon with sizes, 16 in flight on one connection',
      ['bytes', 'requests/s', 'MB/s', 'CPU ns/request'],
      sized,
    );
  });
  const signed = [];
  for (const number of keys) signed.push(await keysRow(bench, number));
  printTable(
    'Growth of the gateway with keys: GenerateRandom, signed, 16 connections',
    ['keys', 'requests/s', 'CPU ns/request'],
    signed,
  );
}
