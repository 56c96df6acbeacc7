/** Time from process start to listening and to the first byte, compared with bare Node. */
import { spawnSync } from 'node:child_process';
import { interleave } from './measure.mjs';
import { bareNode, entropyd, random } from './peers.mjs';
import { exchange, spawnServer } from './servers.mjs';
import { atMost, figure } from './table.mjs';

const root = new URL('..', import.meta.url).pathname;

const listen = `require('node:net').createServer().listen(0, '127.0.0.1', function () {
  process.stdout.write(String(performance.now()), () => process.exit()); });`;
const generator = `const addon = require('node-gyp-build')(${JSON.stringify(root)});
new addon.Generator({ profile: 'default', reseedRequests: 4096, reseedSeconds: 300,
  devices: [{ name: 'hwrng', path: '/dev/hwrng', testedBitsPerByte: 1, creditedBitsPerByte: 0 }] }, () => {}, () => {});`;

function untilListeningMs(program) {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: root });
  if (stdout.length === 0) throw new Error(`${stderr}`);
  return Number(stdout);
}

async function firstByteMs(bench, program, answerSize) {
  const start = performance.now();
  const server = spawnServer(bench, 'startup', program);
  try {
    const socket = await server.connect();
    const request = Buffer.from(random(1).hex, 'hex');
    // A response of another size means that the generator has no seed yet.
    while ((await exchange(socket, request)).length !== answerSize);
    const elapsed = performance.now() - start;
    socket.destroy();
    return elapsed;
  } finally {
    await server.stop();
  }
}

export default async function benchStartup(bench) {
  const median = await interleave(2 * bench.rounds, {
    bare: () => untilListeningMs(listen),
    seeded: () => untilListeningMs(generator + listen),
    bareByte: () => firstByteMs(bench, bareNode, 1),
    byte: () => firstByteMs(bench, entropyd, random(1).answerSize),
  });
  const added = median(({ bare, seeded }) => seeded - bare);
  const slower = median(({ bareByte, byte }) => byte / bareByte);
  console.log(
    `\nStart until listening: bare Node ${figure(median(({ bare }) => bare))} ms; ` +
      `the generator adds ${atMost(added, 10)} ms, ` +
      `${figure(median(({ bare, seeded }) => seeded / bare - 1))} of it`,
  );
  console.log(
    `Start until the first byte: bare Node ${figure(median(({ bareByte }) => bareByte))} ms; ` +
      `entropyd ${figure(median(({ byte }) => byte))} ms, ${atMost(slower, 1.25)} times as long`,
  );
}
