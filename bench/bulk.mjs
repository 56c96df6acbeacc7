/** Large responses, compared with a C server that uses the same DRBG, and with /dev/urandom. */
import { interleave, load, runPinned } from './measure.mjs';
import { cBulk, cBulkRequest, entropyd, random } from './peers.mjs';
import { withServers } from './servers.mjs';
import { atLeast, figure, printTable } from './table.mjs';

const kiB = 1024;
const miB = 1024 * kiB;

/** Bytes per request, requests in flight, and the target ratios to the C server and /dev/urandom. */
const shapes = [
  [64 * kiB, 1],
  [miB, 1, 0.9, 8],
  [miB, 16],
];

const urandomReads = 100;

/** MB/s in reads of 1 MiB. */
async function readUrandom(bench) {
  const { stderr } = await runPinned(
    bench,
    ...['dd', 'if=/dev/urandom', 'of=/dev/null', 'bs=1M', `count=${urandomReads}`],
  );
  const [, bytes, seconds] = /^(\d+) bytes .* copied, (\S+) s/m.exec(stderr);
  return bytes / seconds / 1e6;
}

async function loadMBps(bench, server, request, size, inFlight) {
  const { rate } = await load(bench, server, request, { inFlight });
  return (rate * size) / 1e6;
}

const goal = (value, wanted) => (wanted === undefined ? figure(value) : atLeast(value, wanted));

export default async function benchBulk(bench) {
  const rows = await withServers(bench, { cBulk, entropyd }, async (servers) => {
    const all = [];
    for (const [size, inFlight, wantedOfC, wantedOfUrandom] of shapes) {
      const median = await interleave(bench.rounds, {
        c: () => loadMBps(bench, servers.cBulk, cBulkRequest(size), size, inFlight),
        urandom: () => readUrandom(bench),
        entropyd: () => loadMBps(bench, servers.entropyd, random(size), size, inFlight),
      });
      const ofC = median(({ entropyd, c }) => entropyd / c);
      const ofUrandom = median(({ entropyd, urandom }) => entropyd / urandom);
      if (size === miB && inFlight === 1) bench.chart.add('bulk 1 MiB', { entropyd: ofC });
      all.push([
        `${size / kiB} KiB x ${inFlight}`,
        median(({ c }) => c),
        median(({ urandom }) => urandom),
        median(({ entropyd }) => entropyd),
        goal(ofC, wantedOfC),
        goal(ofUrandom, wantedOfUrandom),
      ]);
    }
    return all;
  });
  printTable(
    'Bulk over one connection, MB/s; C: the same DRBG behind epoll; urandom: reads of 1 MiB',
    ['size x in flight', 'C', 'urandom', 'entropyd', 'of C', 'of urandom'],
    rows,
  );
}
