/** The generator compared with OpenSSL's DRBG and the kernel. */
import { randomBytes, randomFillSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { interleave } from './measure.mjs';
import { atLeast, atMost, figure, printTable } from './table.mjs';

const require = createRequire(import.meta.url);
const { benchmark } = require('../test/native/build/Release/entropyd_test.node');
const addon = require('node-gyp-build')(new URL('..', import.meta.url).pathname);

const calls = 20_000;

/** Nanoseconds per call in C++, by name. */
export const native = () => benchmark(calls);

function nsPerCall(call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) call();
  return Number(process.hrtime.bigint() - start) / calls;
}

export default async function benchGenerator({ rounds }) {
  const options = { profile: 'default', reseedRequests: 4096, reseedSeconds: 300, devices: [] };
  const ignore = () => {};
  const generator = new addon.Generator(options, ignore, ignore);
  const out = addon.allocate(65536);
  const measures = {
    native,
    generate: () => nsPerCall(() => generator.generate(out, 0, 32)),
    randomBytes: () => nsPerCall(() => randomBytes(32)),
    randomFillSync: () => nsPerCall(() => randomFillSync(out, 0, 32)),
  };
  await interleave(1, measures); // warms up
  const median = await interleave(rounds, measures);
  generator.close();

  const ns = (name) => median((result) => result.native[name]);
  const ratio = (a, b) => median((result) => result.native[a] / result.native[b]);
  const script = (name) => [`from JavaScript: ${name}`, median((result) => result[name]), ''];
  printTable(
    'Generator',
    ['', 'ns a call', ''],
    [
      ['bare EVP generate, 32 B', ns('bare32'), ''],
      ['bare EVP generate, 32 B with 32 B of additional input', ns('bareInput32'), ''],
      ['RDRAND, 32 B', ns('rdrand32'), ''],
      [
        'generate 32 B with RDRAND as additional input',
        ns('generate32'),
        `${atMost(ratio('generate32', 'bare32'), 1.5)} of bare, ` +
          `${figure(ratio('generate32', 'bareInput32'))} of bare with additional input`,
      ],
      ['generate 32 B with prediction resistance', ns('fresh32'), ''],
      ['getrandom(2) 32 B', ns('getrandom32'), ''],
      ['getrandom(2) 64 KiB', ns('getrandom64K'), ''],
      [
        'generate 64 KiB',
        ns('generate64K'),
        `getrandom takes ${atLeast(ratio('getrandom64K', 'generate64K'), 15)} times as long`,
      ],
      script('generate'),
      script('randomBytes'),
      script('randomFillSync'),
    ],
  );
}
