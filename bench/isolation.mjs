/** The latency of one client while others load the daemon fully. */
import { setTimeout } from 'node:timers/promises';
import { interleave, load } from './measure.mjs';
import { entropyd, random } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atMost, figure } from './table.mjs';

const miB = 1024 * 1024;

const others = [
  [random(32), { connections: 8, inFlight: 16 }],
  [random(miB), {}],
  [random(miB), {}],
];

const probeMs = 600;
/** The others start before the probe and stop after it. */
const leadMs = 200;

export default async function benchIsolation(bench) {
  // Clients have their own core; otherwise this would measure the scheduler.
  const clients = { ...bench, core: 0 };
  const p99 = async (server, request, shape, duration) => {
    const { p99 } = await load(clients, server, request, { ...shape, duration });
    return p99 / 1000;
  };
  const probe = (server) => p99(server, random(32), {}, probeMs);
  await withServers(bench, { entropyd }, async (servers) => {
    const median = await interleave(bench.rounds, {
      idle: () => probe(servers.entropyd),
      beside: async () => {
        const beside = others.map(([request, shape]) =>
          p99(servers.entropyd, request, shape, probeMs + 2 * leadMs),
        );
        await setTimeout(leadMs);
        const figure = await probe(servers.entropyd);
        await Promise.all(beside);
        return figure;
      },
    });
    const ratio = median(({ idle, beside }) => beside / idle);
    console.log(
      `\np99 of one client, 32 B: alone ${figure(median(({ idle }) => idle))} µs; beside 8 connections ` +
        `with 16 requests in flight and two readers of 1 MiB ${figure(median(({ beside }) => beside))} µs, ` +
        `${atMost(ratio, 2.5)} times as long`,
    );
  });
}
