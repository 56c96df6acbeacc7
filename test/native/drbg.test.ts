import { readFileSync } from 'node:fs';
import t from 'tap';
import { addon } from './addon.js';
import { applies, passes, type VectorCase } from './vectors.mjs';

const { tests } = JSON.parse(
  readFileSync(new URL('../vectors/drbg-cavp-small.json', import.meta.url), 'utf8'),
) as { tests: VectorCase[] };
const ours = tests.filter(applies);

const seed = Buffer.alloc(48, 7);
const none = Buffer.alloc(0);

t.test('the CAVP vectors of CTR_DRBG AES-256 with derivation function pass', async (t) => {
  t.equal(ours.length, 12, 'three sets, with and without personalization and additional input');
  for (const test of ours) t.ok(passes(test), `case ${test.id}`);
});

t.test('one flipped bit of entropy fails a vector', async (t) => {
  for (const test of ours) {
    const flipped = Buffer.from(test.entropyInput, 'hex');
    flipped.writeUInt8(flipped.readUInt8(0) ^ 1, 0);
    t.notOk(passes({ ...test, entropyInput: flipped.toString('hex') }), `case ${test.id}`);
  }
});

t.test('the power-on test passes, and fails with one bit flipped', async (t) => {
  t.ok(addon.knownAnswerTest(false));
  t.notOk(addon.knownAnswerTest(true));
});

t.test('seed is requested as SP 800-90A requires', async (t) => {
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  t.strictSame(drbg.asked(), [384, false], 'instantiate: entropy and nonce');
  drbg.reseed(seed, none);
  t.strictSame(drbg.asked(), [256, false], 'reseed');
  drbg.generate(32, none, seed);
  t.strictSame(drbg.asked(), [256, true], 'prediction resistance: fresh');
});

t.test('too little seed is refused', async (t) => {
  t.notOk(new addon.Drbg().instantiate(seed.subarray(0, 47), none), '47 bytes at instantiate');
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  t.notOk(drbg.reseed(seed.subarray(0, 31), none), '31 bytes at reseed');
});

t.test('a failure latches until the next instantiate', async (t) => {
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  t.notOk(drbg.reseed(none, none), 'no seed');
  t.equal(drbg.generate(32, none), null, 'no bytes');
  t.notOk(drbg.reseed(seed, none), 'no reseed, though the source is back');
  t.ok(drbg.instantiate(seed, none));
  t.ok(drbg.generate(32, none));
});

t.test('one generate yields at most 2^19 bits', async (t) => {
  for (const [size, granted] of [
    [65536, true],
    [65537, false],
  ] as const) {
    const drbg = new addon.Drbg();
    drbg.instantiate(seed, none);
    t.equal(drbg.generate(size, none) !== null, granted, `${size} bytes`);
  }
});

t.test('prediction resistance without seed fails and yields nothing', async (t) => {
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  t.equal(drbg.generate(32, none, none), null);
  t.equal(drbg.generate(32, none), null, 'and latches');
});
