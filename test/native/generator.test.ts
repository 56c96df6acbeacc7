import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { addon, bytes, result, type ScriptedSource, type TestGenerator } from './addon.js';

const rdseed: ScriptedSource = { name: 'rdseed', role: 'seed', words: true, credit: 4 };
const rdrand: ScriptedSource = { name: 'rdrand', role: 'additional', words: true };
const kernel: ScriptedSource = { name: 'getrandom', role: 'kernel' };
const hwrng: ScriptedSource = { name: 'hwrng', role: 'seed', blocking: true };
const host = [rdseed, rdrand, kernel];

const strict = { profile: 'strict' } as const;

function last(generator: TestGenerator): string | undefined {
  return generator.snapshot().transitions.at(-1);
}

/** How long an expected event may take on a slow, busy machine. */
const patienceMs = 60_000;

/** Waits for what a source's thread does; fails at its deadline. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${patienceMs} ms: ${condition}`);
    await setTimeout(10);
  }
}

t.test('a healthy host is operational and reports it once', async (t) => {
  const generator = new addon.Generator({ sources: host });
  t.equal(bytes(generator).length, 32);
  t.strictSame(generator.snapshot().transitions, ['operational']);
  t.match(generator.snapshot().sources, {
    rdseed: { state: 'passing', credit: 4 },
    rdrand: { state: 'passing', credit: 0 },
    getrandom: { state: 'passing', credit: 0 },
  });
});

t.test('case 2: a corrupted known answer is an error, and nothing is served', async (t) => {
  const generator = new addon.Generator({ sources: host, corruptKnownAnswer: true });
  t.equal(generator.generate(32), result.health);
  t.strictSame(generator.snapshot().transitions, ['error: known-answer test of the DRBG failed']);
  t.equal(generator.reseed(), result.health, 'a reseed does not help');
});

t.test('a faulty 64-bit source is out after three startup tests', async (t) => {
  for (const fault of ['allOnes', 'zeros', 'stuckWord', 'twice', 'cycle4K', 'bias55', 'bit7']) {
    const generator = new addon.Generator({ sources: [{ ...rdseed, fault }, rdrand, kernel] });
    t.equal(last(generator), 'degraded: rdseed failed: seeded by getrandom(2)', fault);
    t.equal(bytes(generator).length, 32, `${fault}: served on getrandom(2)`);
  }
});

t.test('case 12: the only credited source fails its startup: error, nothing served', async (t) => {
  for (const fault of ['allOnes', 'carry0', 'bit7']) {
    const generator = new addon.Generator({
      ...strict,
      sources: [{ ...rdseed, fault }, rdrand, kernel],
    });
    t.equal(last(generator), 'error: no credited noise source: rdseed failed', fault);
    t.equal(generator.generate(32), result.health, fault);
  }
  const generator = new addon.Generator({ sources: [{ ...kernel, fault: 'stuckByte' }] });
  t.equal(last(generator), 'error: no credited noise source: getrandom failed');
});

t.test('strict without creditable hardware is an error from the start', async (t) => {
  const generator = new addon.Generator({ ...strict, sources: [rdrand, kernel] });
  t.strictSame(generator.snapshot().transitions, ['error: no credited noise source']);
  t.equal(generator.generate(1), result.health);
});

t.test('default without creditable hardware is operational and gives the reason', async (t) => {
  const absent = { ...rdseed, fault: 'absent' };
  const generator = new addon.Generator({ sources: [absent, rdrand, kernel] });
  t.equal(last(generator), 'operational: no creditable hardware source: seeded by getrandom(2)');
  t.match(generator.snapshot().sources, { rdseed: { state: 'absent' }, getrandom: { credit: 8 } });
});

t.test('case 13: a device that blocks delays no request and is degraded', async (t) => {
  // Its read returns only after the last line of this test: whatever waited for it would hang.
  const generator = new addon.Generator({ sources: [...host, { ...hwrng, fault: 'block' }] });
  t.equal(bytes(generator).length, 32, 'served meanwhile');
  await until(() => {
    generator.poll();
    return last(generator) === 'degraded: hwrng lost';
  });
  t.equal(generator.snapshot().sources.hwrng?.lastError, 'timed out');
  t.equal(bytes(generator).length, 32, 'and afterwards');
  generator.setFault('hwrng', 'none');
});

t.test('case 14: EAGAIN is waited for, without spinning and without alarm', async (t) => {
  const generator = new addon.Generator({ sources: [...host, { ...hwrng, fault: 'slow' }] });
  await until(() => generator.snapshot().sources.hwrng?.state === 'passing');
  const { retries, alarms, bytes: read } = generator.snapshot().sources.hwrng ?? {};
  t.equal(alarms, 0);
  t.ok(read !== undefined && read >= 1024, 'the startup test has its samples');
  t.ok(retries !== undefined && retries < 100, `${retries} retries`);

  const never = new addon.Generator({ sources: [...host, { ...hwrng, fault: 'tryAgain' }] });
  const attempts = () => never.snapshot().sources.hwrng?.retries ?? 0;
  await until(() => attempts() > 0);
  t.equal(attempts(), 46, 'one attempt and one after each of the 45 waits of a read');
  t.equal(never.snapshot().sources.hwrng?.state, 'lost');
});

t.test('a device without hardware behind its node is absent, not lost', async (t) => {
  const generator = new addon.Generator({ sources: [...host, { ...hwrng, fault: 'gone' }] });
  await until(() => generator.snapshot().sources.hwrng?.state === 'absent');
  generator.poll();
  t.strictSame(generator.snapshot().transitions, ['operational']);
});

t.test('case 16: the carry flag may be 0 in 46 % of the attempts, but not forever', async (t) => {
  const busy = new addon.Generator({ sources: [{ ...rdseed, fault: 'carry46' }, rdrand, kernel] });
  t.equal(last(busy), 'operational');
  const dead = new addon.Generator({ sources: [{ ...rdseed, fault: 'carry0' }, rdrand, kernel] });
  t.match(dead.snapshot().sources.rdseed, {
    state: 'failed',
    lastError: 'no word in 128 attempts',
  });
});

t.test('case 17: one source fails mid-run: degraded; all: error, which remains', async (t) => {
  const generator = new addon.Generator({ sources: host });
  generator.setFault('rdseed', 'carry0');
  t.equal(generator.reseed(), result.ok, 'seeded by getrandom(2)');
  t.equal(last(generator), 'degraded: rdseed failed: seeded by getrandom(2)');
  t.equal(bytes(generator).length, 32);

  generator.setFault('getrandom', 'gone');
  t.equal(generator.reseed(), result.health);
  t.equal(generator.snapshot().state, 'error');
  t.equal(generator.generate(32), result.health);

  generator.setFault('rdseed', 'none');
  generator.setFault('getrandom', 'none');
  t.equal(generator.generate(32), result.health, 'the sources are back, the error remains');
  t.equal(generator.reseed(), result.health, 'both have failed permanently');
});

t.test('from an error a reseed returns if a source has not failed permanently', async (t) => {
  const device = { ...hwrng, credit: 8, fault: 'block' };
  const generator = new addon.Generator({ ...strict, sources: [device, kernel] });
  t.equal(generator.generate(32), result.notSeeded, 'seeding: nothing is served');
  generator.setFault('hwrng', 'slow');
  await until(() => {
    generator.poll();
    return generator.snapshot().state === 'operational';
  });
  generator.setFault('hwrng', 'gone');
  await until(() => {
    generator.reseed();
    generator.poll();
    return generator.snapshot().state === 'error';
  });
  t.equal(generator.generate(32), result.health);
  t.equal(generator.reseed(), result.health, 'still gone');
  generator.setFault('hwrng', 'none');
  await until(() => generator.snapshot().sources.hwrng?.state === 'passing');
  t.equal(generator.generate(32), result.health, 'back, but latched');
  await until(() => generator.reseed() === result.ok);
  t.equal(bytes(generator).length, 32);
});

t.test('seeding lasts until the first seed, not only until a source passes', async (t) => {
  // A seed takes 384 bytes at one credited bit per byte, after 1024 of the startup test.
  const device = { ...hwrng, credit: 1, fault: 'block' };
  const generator = new addon.Generator({ ...strict, sources: [device, kernel] });
  t.equal(generator.generate(32), result.notSeeded, 'during the startup test');
  generator.setFault('hwrng', 'startup');
  await until(() => {
    generator.poll();
    return generator.snapshot().sources.hwrng?.state === 'passing';
  });
  generator.poll();
  t.equal(generator.generate(32), result.notSeeded, 'the source passes, its seed is not complete');
  generator.setFault('hwrng', 'none');
  await until(() => {
    generator.poll();
    return generator.snapshot().state === 'operational';
  });
  t.equal(bytes(generator).length, 32);
  t.strictSame(generator.snapshot().transitions, [
    'seeding: startup test of the credited source',
    'seeding: the first seed is being gathered',
    'operational',
  ]);
});

t.test(
  'strict: nothing is served while the only credited source left is in its startup test',
  async (t) => {
    const held = { ...hwrng, name: 'held', credit: 8, fault: 'block' };
    const generator = new addon.Generator({ ...strict, sources: [rdseed, held, kernel] });
    t.equal(bytes(generator).length, 32);
    generator.setFault('rdseed', 'carry0');
    t.equal(generator.reseed(), result.notSeeded);
    t.equal(generator.snapshot().state, 'seeding');
    t.equal(generator.generate(32), result.notSeeded);
    generator.setFault('held', 'none');
  },
);

t.test('a failed RDRAND is reported by the reseed that read it', async (t) => {
  const generator = new addon.Generator({ sources: host });
  generator.setFault('rdrand', 'zeros');
  t.equal(generator.reseed(), result.ok);
  t.equal(last(generator), 'degraded: rdrand failed');
});

t.test('an intermittent alarm discards, repeats the startup test and continues', async (t) => {
  const generator = new addon.Generator({ sources: host });
  // 128 bytes of seed hold 16 words: 'twice' is detected at the second.
  generator.setFault('rdseed', 'twice');
  generator.reseed();
  t.equal(
    generator.snapshot().sources.rdseed?.state,
    'failed',
    'a fault that remains is permanent',
  );
  t.equal(generator.snapshot().sources.rdseed?.lastAlarm, 'equal words');
});

t.test('case 18: prediction resistance never degrades', async (t) => {
  const generator = new addon.Generator({ sources: host });
  const { reseeds } = generator.snapshot();
  t.equal(bytes(generator, 32, true).length, 32);
  t.equal(generator.snapshot().reseeds, reseeds + 1, 'reseeded before the generate');
  t.equal(bytes(generator, 200_000, true).length, 200_000);
  t.equal(generator.snapshot().reseeds, reseeds + 1 + 4, 'before each 64 KiB');

  generator.setFault('rdseed', 'carry0');
  t.equal(generator.generate(32, true), result.entropy, 'an error and zero bytes');
  t.equal(bytes(generator).length, 32, 'without it, served on getrandom(2)');
  t.equal(generator.generate(32, true), result.entropy, 'getrandom(2) is not a live source');
});

t.test('prediction resistance from a device is read after the request', async (t) => {
  const generator = new addon.Generator({
    ...strict,
    sources: [{ ...hwrng, credit: 8 }, rdrand, kernel],
  });
  await until(() => {
    generator.poll();
    return generator.snapshot().state === 'operational';
  });
  const read = () => generator.snapshot().sources.hwrng?.bytes ?? 0;
  // The startup test, the first seed, and samples for the next one.
  const ready = 1024 + 64 + 64;
  await until(() => read() >= ready);
  generator.beginFresh();
  await until(() => typeof generator.generate(32, true) !== 'number');
  t.ok(read() > ready, 'samples were read again');
});

t.test('case 19: after a fork, and from two copies of one state, outputs differ', async (t) => {
  const generator = new addon.Generator({ sources: host });
  for (let round = 0; round < 3; round++) {
    const [parent, child] = generator.fork() ?? [];
    t.ok(parent !== undefined && child !== undefined, 'both generate');
    t.notSame(parent, child);
  }
});

t.test('case 20: the 4096th request and 300 s reseed; more than 65,536 bytes split', async (t) => {
  const generator = new addon.Generator({ sources: host });
  for (let request = 0; request < 4096; request++) generator.generate(1);
  t.equal(generator.snapshot().reseeds, 1, '4096 requests on the first seed');
  generator.generate(1);
  t.equal(generator.snapshot().reseeds, 2, 'the next one reseeds');

  addon.advanceClock(299);
  generator.generate(1);
  t.equal(generator.snapshot().reseeds, 2, '299 s');
  addon.advanceClock(1);
  generator.generate(1);
  t.equal(generator.snapshot().reseeds, 3, '300 s');

  const small = new addon.Generator({ sources: host, reseedRequests: 2 });
  small.generate(65_536);
  small.generate(65_536);
  t.equal(small.snapshot().reseeds, 1, '65,536 bytes are one request of the DRBG');
  small.generate(65_537);
  t.equal(small.snapshot().reseeds, 2, '65,537 are two');
});

t.test('case 21: never weaker than getrandom(2), whatever the hardware does', async (t) => {
  // Hardware that knows every bit of its output, which no health test can detect: the same fixed-seed
  // sequence from RDSEED, which is credited, and from RDRAND.
  const make = () => {
    const lying = [rdseed, rdrand].map((source) => ({ ...source, fault: 'splitmix' }));
    const generator = new addon.Generator({ sources: [...lying, kernel] });
    t.strictSame(generator.snapshot().transitions, ['operational'], 'the fault is not detected');
    return bytes(generator, 1 << 16);
  };
  const [one, two] = [make(), make()];
  t.notSame(one, two);
  // Each bit is 1 with probability 1/2: outside 7 sigma, 2^19 bits, with probability 2^-38.
  for (const output of [one, two]) {
    let ones = 0;
    for (const byte of output) for (let bits = byte; bits > 0; bits >>= 1) ones += bits & 1;
    const bits = 8 * output.length;
    t.ok(Math.abs(ones - bits / 2) < 3.5 * Math.sqrt(bits), `${ones} ones in ${bits} bits`);
  }
});

t.test('the self-test finds a fault that nothing has read yet', async (t) => {
  const generator = new addon.Generator({ sources: host });
  t.ok(generator.selfTest());
  generator.setFault('rdseed', 'bit7');
  t.notOk(generator.selfTest());
  t.equal(last(generator), 'degraded: rdseed failed: seeded by getrandom(2)');
});

t.test('RDRAND is replaced by getrandom(2) when it stops answering', async (t) => {
  const generator = new addon.Generator({ sources: host });
  generator.setFault('rdrand', 'carry0');
  t.equal(bytes(generator).length, 32);
  t.equal(last(generator), 'degraded: rdrand failed');
  t.equal(bytes(generator).length, 32);
});
