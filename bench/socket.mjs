/** 32 bytes over the socket, compared with a C epoll echo server and Redis. */
import { native } from './generator.mjs';
import { interleave, load } from './measure.mjs';
import { echo, echoRequest, entropyd, random, redis, redisGet, storeValue } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atLeast, figure, printTable } from './table.mjs';

/** Connections, requests in flight, and the target ratios to the C echo server and to Redis. */
const goals = [
  [1, 1, 0.82, 0.95],
  [1, 16, 0.8, 1.25],
  [1, 64, 0.74, 2],
  [1, 256, 0.66, 3.6],
  [32, 1, 0.95, 1.05],
];

/** Those in the chart. */
const charted = ['1x1', '1x16', '32x1'];

async function measure(bench, servers) {
  await storeValue(servers.redis);
  const rows = [];
  let oneByOneNs = 0;
  for (const [connections, inFlight, ofEcho, ofRedis] of goals) {
    const shape = { connections, inFlight };
    const median = await interleave(bench.rounds, {
      echo: () => load(bench, servers.echo, echoRequest, shape),
      redis: () => load(bench, servers.redis, redisGet, shape),
      entropyd: () => load(bench, servers.entropyd, random(32), shape),
    });
    if (connections * inFlight === 1) oneByOneNs = median(({ entropyd }) => 1e9 / entropyd.rate);
    const group = `${connections}x${inFlight}`;
    if (charted.includes(group))
      bench.chart.add(group, {
        Redis: median(({ redis, echo }) => redis.rate / echo.rate),
        entropyd: median(({ entropyd, echo }) => entropyd.rate / echo.rate),
      });
    for (const [key, name] of [
      ['echo', 'C echo'],
      ['redis', 'Redis GET'],
      ['entropyd', 'entropyd'],
    ]) {
      const ratio = (other, wanted) => {
        const value = median((result) => result[key].rate / result[other].rate);
        return key === 'entropyd' ? atLeast(value, wanted) : figure(value);
      };
      rows.push([
        group,
        name,
        median((result) => result[key].rate),
        median((result) => result[key].cpuNs),
        ratio('echo', ofEcho),
        ratio('redis', ofRedis),
      ]);
    }
  }
  printTable(
    '32-byte random on a Unix socket',
    ['conn x in flight', 'server', 'requests/s', 'CPU ns/request', 'of C echo', 'of Redis'],
    rows,
  );
  return oneByOneNs;
}

export default async function benchSocket(bench) {
  const socketNs = await withServers(bench, { echo, redis, entropyd }, (servers) =>
    measure(bench, servers),
  );
  // The daemon's cost to a program that could call the kernel instead.
  const median = await interleave(bench.rounds, { native });
  const kernelNs = median((result) => result.native.getrandom32);
  console.log(
    `32 bytes over the socket, one at a time: ${figure(socketNs)} ns; by getrandom(2): ` +
      `${figure(kernelNs)} ns, ${figure(socketNs / kernelNs)} times less`,
  );
}
