/** The latency of one client while others load the daemon fully. */
import { setTimeout } from 'node:timers/promises';
import { interleave, runPinned } from './measure.mjs';
import { compile } from './native.mjs';
import { entropyd, random } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atMost, figure } from './table.mjs';

const miB = 1024 * 1024;

/** Request, connections, requests in flight. */
const others = [
  [random(32), 8, 16],
  [random(miB), 1, 1],
  [random(miB), 1, 1],
];

const probeMs = 600;
/** The others start before the probe and stop after it. */
const leadMs = 200;

/** @returns the 99th percentile, microseconds */
async function p99(bench, server, [{ hex, answerSize }, connections, inFlight], milliseconds) {
  const program = compile(bench, 'load');
  const { stdout } = await runPinned(
    bench,
    ...[program, server.path, hex, answerSize, connections, inFlight, milliseconds],
  );
  return JSON.parse(stdout).p99 / 1000;
}

export default async function benchIsolation(bench) {
  // Clients have their own core; otherwise this would measure the scheduler.
  const clients = { ...bench, core: 0 };
  const probe = (server) => p99(clients, server, [random(32), 1, 1], probeMs);
  await withServers(bench, { entropyd }, async (servers) => {
    const median = await interleave(bench.rounds, {
      idle: () => probe(servers.entropyd),
      beside: async () => {
        const load = others.map((other) =>
          p99(clients, servers.entropyd, other, probeMs + 2 * leadMs),
        );
        await setTimeout(leadMs);
        const figure = await probe(servers.entropyd);
        await Promise.all(load);
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
