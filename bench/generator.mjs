/** The generator beside what it stands on and what it is compared with; rounds interleaved. */
import { randomBytes, randomFillSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { median } from './measure.mjs';

const require = createRequire(import.meta.url);
const { benchmark } = require('../test/native/build/Release/entropyd_test.node');
const addon = require('node-gyp-build')(new URL('..', import.meta.url).pathname);

function nsPerCall(calls, call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) call();
  return Number(process.hrtime.bigint() - start) / calls;
}

/**
 * Prints the table; goals are ratios within the run.
 * @returns nanoseconds that getrandom(2) takes for 32 bytes, for comparison with the socket
 */
export function benchGenerator(rounds) {
  const options = { profile: 'default', reseedRequests: 4096, reseedSeconds: 300, devices: [] };
  const generator = new addon.Generator(
    options,
    () => {},
    () => {},
  );
  const out = addon.allocate(65536);
  const calls = 20_000;
  const samples = [];
  for (let round = 0; round <= rounds; round++)
    samples.push({
      ...benchmark(calls),
      'addon call 32': nsPerCall(calls, () => generator.generate(out, 0, 32, false)),
      'randomBytes 32': nsPerCall(calls, () => randomBytes(32)),
      'randomFillSync 32': nsPerCall(calls, () => randomFillSync(out, 0, 32)),
    });
  generator.close();
  samples.shift(); // the first round warms up
  const ns = (name) => median(samples.map((sample) => sample[name]));
  const ratio = (a, b) => median(samples.map((sample) => sample[a] / sample[b]));
  const row = (name, value, note = '') =>
    console.log(`${name.padEnd(58)} | ${value.toFixed(0).padStart(8)} | ${note}`);
  const goal = (value, met, wanted) =>
    `${value.toFixed(2)} (${met ? 'goal' : 'short of'} ${wanted})`;

  console.log(`\nGenerator, nanoseconds a call; medians of ${rounds} interleaved rounds`);
  row('bare EVP generate, 32 B', ns('bare32'));
  row('bare EVP generate, 32 B with 32 B of additional input', ns('bareInput32'));
  row('RDRAND, 32 B', ns('rdrand32'));
  const small = ratio('generate32', 'bare32');
  row(
    'generate 32 B with RDRAND as additional input',
    ns('generate32'),
    `${goal(small, small <= 1.5, 'at most 1.5')} of bare, ` +
      `${ratio('generate32', 'bareInput32').toFixed(2)} of bare with additional input`,
  );
  row('generate 32 B with prediction resistance', ns('fresh32'));
  row('getrandom(2) 32 B', ns('getrandom32'));
  const bulk = ratio('getrandom64K', 'generate64K');
  row('getrandom(2) 64 KiB', ns('getrandom64K'));
  row(
    'generate 64 KiB',
    ns('generate64K'),
    `getrandom takes ${goal(bulk, bulk >= 15, 'at least 15')} times as long`,
  );
  row('from JavaScript: generate 32 B', ns('addon call 32'));
  row('from JavaScript: crypto.randomBytes(32)', ns('randomBytes 32'));
  row('from JavaScript: crypto.randomFillSync, 32 B', ns('randomFillSync 32'));
  return ns('getrandom32');
}
