import { createHash, randomBytes } from 'node:crypto';
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

t.test('the CAVP vectors of CTR_DRBG AES-256 without derivation function pass', async (t) => {
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

t.test(
  'the known-answer test passes, and fails with one bit of either answer flipped',
  async (t) => {
    t.ok(addon.knownAnswerTest(-1));
    t.notOk(addon.knownAnswerTest(0));
    t.notOk(addon.knownAnswerTest(1));
  },
);

t.test('the conditioner is SHA-384', async (t) => {
  for (const size of [0, 1, 111, 112, 128, 1000]) {
    const material = randomBytes(size);
    t.strictSame(addon.condition(material), createHash('sha384').update(material).digest());
  }
});

t.test('seed is asked for at instantiate, reseed and with prediction resistance', async (t) => {
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  t.equal(drbg.asked(), 1);
  drbg.generate(32, none);
  t.equal(drbg.asked(), 1, 'not by a generate');
  drbg.reseed(seed, none);
  t.equal(drbg.asked(), 2);
  drbg.generate(32, none, seed);
  t.equal(drbg.asked(), 3);
});

t.test('a seed of any other size than 384 bits is refused', async (t) => {
  for (const size of [0, 32, 47, 49]) {
    const wrong = Buffer.alloc(size, 7);
    t.notOk(new addon.Drbg().instantiate(wrong, none), `${size} bytes at instantiate`);
    const drbg = new addon.Drbg();
    drbg.instantiate(seed, none);
    t.notOk(drbg.reseed(wrong, none), `${size} bytes at reseed`);
  }
});

t.test('additional input of more than 384 bits is refused', async (t) => {
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  t.equal(drbg.generate(32, Buffer.alloc(49)), null);
});

t.test('no copy of the key is left after uninstantiate (SP 800-90A 9.4)', async (t) => {
  const [before, after] = addon.keyCopies();
  t.ok(before > 0, 'the search finds it while it is in use');
  t.equal(after, 0);
});

t.test('nothing is generated after uninstantiate', async (t) => {
  const drbg = new addon.Drbg();
  drbg.instantiate(seed, none);
  drbg.uninstantiate();
  t.equal(drbg.generate(32, none), null);
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
