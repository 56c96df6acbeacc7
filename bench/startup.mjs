/** From the start of a process to the moment it listens: bare Node, and with the generator. */
import { spawnSync } from 'node:child_process';
import { median } from './measure.mjs';

const listen = `require('node:net').createServer().listen(0, '127.0.0.1', function () {
  process.stdout.write(String(performance.now()), () => process.exit()); });`;
const generator = `const addon = require('node-gyp-build')(${JSON.stringify(new URL('..', import.meta.url).pathname)});
new addon.Generator({ profile: 'default', reseedRequests: 4096, reseedSeconds: 300,
  devices: [{ name: 'hwrng', path: '/dev/hwrng', creditedBitsPerByte: 0 }] }, () => {}, () => {});`;

function milliseconds(program) {
  const { stdout } = spawnSync(process.execPath, ['-e', program], {
    cwd: new URL('..', import.meta.url).pathname,
  });
  return Number(stdout);
}

/** Prints the medians and the difference. */
export function benchStartup(rounds) {
  const bare = [];
  const seeded = [];
  for (let round = 0; round < 2 * rounds; round++) {
    bare.push(milliseconds(listen));
    seeded.push(milliseconds(generator + listen));
  }
  const added = median(seeded.map((value, round) => value - bare[round]));
  console.log(
    `\nStart until listening: bare Node ${median(bare).toFixed(1)} ms; the generator adds ${added.toFixed(1)} ms ` +
      `(${added <= 10 ? 'goal' : 'short of'} at most 10)`,
  );
}
