/**
 * Prediction resistance over the socket, a reseed from live entropy before every response, compared with
 * what the fastest credited source delivers when nobody but its reader is at work.
 */
import { connect } from '../dist/index.js';
import { interleave, load, milliseconds } from './measure.mjs';
import { entropyd, freshRandom } from './peers.mjs';
import { exchange, withServers } from './servers.mjs';
import { atLeast, figure } from './table.mjs';

const inFlight = 16;

const noiseSize = 256 * 1024;

export default async function benchFresh(bench) {
  await withServers(bench, { entropyd }, async (servers) => {
    const socket = await servers.entropyd.connect();
    const answer = await exchange(socket, Buffer.from(freshRandom.hex, 'hex'));
    socket.destroy();
    if (answer.length !== freshRandom.answerSize) {
      console.log('\nPrediction resistance: not measured, no live credited noise source here');
      return;
    }
    const client = connect({ socketPath: servers.entropyd.path });
    const sources = async () => (await client.status()).sources;
    const { name } = (await sources())
      .filter(({ state, creditedBitsPerByte: credit }) => state === 'passing' && credit > 0)
      .reduce((fastest, source) =>
        source.bytesPerSecond > fastest.bytesPerSecond ? source : fastest,
      );
    const readSoFar = async () => (await sources()).find((source) => source.name === name).bytes;
    const median = await interleave(bench.rounds, {
      alone: async () => {
        const start = performance.now();
        await client.noise(name, noiseSize);
        return noiseSize / (performance.now() - start);
      },
      fresh: async () => {
        const before = await readSoFar();
        const { rate, cpuNs } = await load(bench, servers.entropyd, freshRandom, { inFlight });
        return { rate, cpuNs, bytes: ((await readSoFar()) - before) / milliseconds };
      },
    });
    await client.close();
    const rate = median(({ fresh }) => fresh.rate);
    const share = median(({ fresh, alone }) => fresh.bytes / alone);
    console.log(
      `\nPrediction resistance, 32 B, ${inFlight} in flight: ${figure(rate)} requests/s, ` +
        `${figure(median(({ fresh }) => fresh.cpuNs))} CPU ns/request; it takes of ${name} ` +
        `${atLeast(share, 0.9)} of the ${figure(median(({ alone }) => alone) / 1000)} MB/s that this source delivers`,
    );
  });
}
