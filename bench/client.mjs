/** The client library and daemon, compared with ioredis and Redis. */
import { fileURLToPath } from 'node:url';
import { interleave, runPinned } from './measure.mjs';
import { entropyd, redis, storeValue } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atLeast, printTable } from './table.mjs';

const program = fileURLToPath(new URL('programs/calls.mjs', import.meta.url));

/** Calls in flight, and the target ratio to ioredis of the client without local mixing. */
const goals = [
  [1, 1],
  [16, 4],
  [64, 8],
];

/** The target ratio of the client with local mixing to the client without. */
const mixedGoal = 0.8;

/** Calls per second. */
async function calls(bench, client, { path }, inFlight) {
  const { stdout } = await runPinned(bench, process.execPath, program, client, path, inFlight);
  return Number(stdout);
}

export default async function benchClient(bench) {
  const rows = await withServers(bench, { redis, entropyd }, async (servers) => {
    await storeValue(servers.redis);
    const all = [];
    for (const [inFlight, wanted] of goals) {
      const median = await interleave(bench.rounds, {
        ioredis: () => calls(bench, 'ioredis', servers.redis, inFlight),
        plain: () => calls(bench, 'plain', servers.entropyd, inFlight),
        mixed: () => calls(bench, 'mixed', servers.entropyd, inFlight),
      });
      const ofIoredis = median(({ plain, ioredis }) => plain / ioredis);
      const ofPlain = median(({ mixed, plain }) => mixed / plain);
      all.push([
        `${inFlight}`,
        median(({ ioredis }) => ioredis),
        median(({ plain }) => plain),
        median(({ mixed }) => mixed),
        atLeast(ofIoredis, wanted),
        atLeast(ofPlain, mixedGoal),
      ]);
    }
    return all;
  });
  printTable(
    'Clients in Node, 32 bytes, calls/s; ioredis with autopipelining',
    ['in flight', 'ioredis', 'entropyd', 'mixed', 'entropyd of ioredis', 'mixed of not mixed'],
    rows,
  );
}
