/** Prediction resistance over the socket: a reseed from live entropy before every response. */
import { interleave, load } from './measure.mjs';
import { entropyd, freshRandom } from './peers.mjs';
import { exchange, withServers } from './servers.mjs';
import { atLeast, figure } from './table.mjs';

const inFlight = 16;

export default async function benchFresh(bench) {
  await withServers(bench, { entropyd }, async (servers) => {
    const socket = await servers.entropyd.connect();
    const answer = await exchange(socket, Buffer.from(freshRandom.hex, 'hex'));
    socket.destroy();
    if (answer.length !== freshRandom.answerSize) {
      console.log('\nPrediction resistance: not measured, no live credited noise source here');
      return;
    }
    const median = await interleave(bench.rounds, {
      fresh: () => load(bench, servers.entropyd, freshRandom, { inFlight }),
    });
    const rate = median(({ fresh }) => fresh.rate);
    console.log(
      `\nPrediction resistance, 32 B, ${inFlight} in flight: ${atLeast(rate, 10_000)} requests/s, ` +
        `${figure(median(({ fresh }) => fresh.cpuNs))} CPU ns/request`,
    );
  });
}
