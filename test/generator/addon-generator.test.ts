import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  type Addon,
  type NativeOptions,
  NativeResult,
  type NativeSnapshot,
} from '../../src/common/package.js';
import { readDevice } from '../../src/generator/addon-generator.js';
import { createGenerator } from '../../src/generator/create.js';
import type { Generator, GeneratorOptions, GeneratorState } from '../../src/generator/interface.js';
import { temporaryFolder } from '../support/paths.js';
import { built } from '../support/program.js';

/** The DRBG's largest generate, bytes: SP 800-90A table 3. */
const maxGenerateSize = 65_536;

function native(t: Test, options: GeneratorOptions = {}): Generator {
  const generator = createGenerator({ devices: [], ...options });
  t.teardown(() => generator.close());
  return generator;
}

// A generator keeps no process alive: until the last test has ended, this does.
const alive = setInterval(() => {}, 60_000);
t.teardown(() => clearInterval(alive));

/** Whether this host has a CPU source that is credited. */
function hasHardware(generator: Generator): boolean {
  return generator
    .status()
    .sources.some(({ name, state }) => /^(rdseed|rndrrs)$/.test(name) && state === 'passing');
}

t.test('with the addon it is seeded when it is made, and says from what', async (t) => {
  const seen: [GeneratorState, string][] = [];
  const generator = native(t, { onTransition: (...transition) => seen.push(transition) });
  const reason = hasHardware(generator)
    ? ''
    : 'no creditable hardware source: seeded by getrandom(2)';
  t.strictSame(seen, [['operational', reason]], 'one transition');
  t.equal(generator.state(), 'operational');
  t.match(generator.status(), {
    state: 'operational',
    healthy: true,
    reason,
    reseeds: 1,
    requestsSinceReseed: 0,
    secondsSinceReseed: 0,
    memoryLocked: Boolean,
  });
  const kernel = generator.status().sources.find(({ name }) => name === 'getrandom');
  t.match(kernel, { state: 'passing', creditedBitsPerByte: hasHardware(generator) ? 0 : 8 });
  t.ok((kernel?.bytes ?? 0) > 0, 'the kernel’s bytes are in every seed');
});

t.test('profile strict gives getrandom(2) no credit', async (t) => {
  const strict = native(t, { profile: 'strict' });
  const kernel = strict.status().sources.find(({ name }) => name === 'getrandom');
  t.equal(kernel?.creditedBitsPerByte, 0);
  const target = new Uint8Array(32);
  if (hasHardware(strict)) {
    t.equal(strict.state(), 'operational');
    strict.fill(target, 0, 32);
    t.notSame(target, new Uint8Array(32), 'zeros with a probability of 2^-256');
  } else {
    t.equal(strict.state(), 'error');
    t.throws(() => strict.fill(target, 0, 32), {
      code: 'ERR_HEALTH',
      message: /no credited noise source/,
    });
    t.throws(() => strict.reseed(), { code: 'ERR_HEALTH' });
    t.same(target, new Uint8Array(32));
  }
});

t.test('fill changes its range and nothing else', async (t) => {
  const generator = native(t);
  for (const [size, offset, length] of [
    [64, 0, 64],
    [64, 16, 32],
    [64, 64, 0],
    [64, 0, 0],
    [200_000, 3, 3 * maxGenerateSize + 1],
  ] as const) {
    const target = new Uint8Array(size).fill(7);
    generator.fill(target, offset, length);
    const name = `${length} bytes at ${offset}`;
    t.ok(
      target.subarray(0, offset).every((byte) => byte === 7),
      `${name}: before`,
    );
    t.ok(
      target.subarray(offset + length).every((byte) => byte === 7),
      `${name}: behind`,
    );
    // 32 equal bytes that stay what they were: probability 2^-256 each.
    for (let at = offset; at + 32 <= offset + length; at += 32)
      if (target.subarray(at, at + 32).every((byte) => byte === 7))
        t.fail(`${name}: left at ${at}`);
  }
});

t.test('fill refuses a range that is not in the array, and touches nothing', async (t) => {
  const generator = native(t);
  const target = new Uint8Array(8).fill(7);
  for (const [offset, length] of [
    [-1, 1],
    [0, 9],
    [8, 1],
    [0, -1],
    [Number.NaN, 9],
  ] as const)
    t.throws(() => generator.fill(target, offset, length), { name: 'TypeError' });
  t.same(target, new Uint8Array(8).fill(7));
});

t.test('no two fills are equal', async (t) => {
  const generator = native(t);
  const seen = new Set<string>();
  const target = new Uint8Array(32);
  for (let i = 0; i < 1000; i++) {
    generator.fill(target, 0, 32);
    seen.add(Buffer.from(target).toString('hex'));
  }
  t.equal(seen.size, 1000, 'false alarm: 1000^2 / 2 of 2^256');
});

t.test('prediction resistance reseeds before each 64 KiB, or refuses', async (t) => {
  const generator = native(t);
  for (const [size, seeds] of [
    [1, 1],
    [maxGenerateSize, 1],
    [maxGenerateSize + 1, 2],
    [2 * maxGenerateSize + 1, 3],
  ] as const) {
    const before = generator.status().reseeds;
    const target = new Uint8Array(size + 2).fill(7);
    if (hasHardware(generator)) {
      await generator.fillPredictionResistant(target, 1, size);
      t.equal(generator.status().reseeds - before, seeds, `${size} bytes`);
    } else {
      await t.rejects(generator.fillPredictionResistant(target, 1, size), { code: 'ERR_ENTROPY' });
      t.ok(target.subarray(1, size + 1).every((byte) => byte === 0));
    }
    t.strictSame([target[0], target[size + 1]], [7, 7]);
  }
});

t.test('it reseeds when asked, and after so many requests', async (t) => {
  const generator = native(t, { reseedRequests: 2 });
  generator.reseed();
  t.match(generator.status(), { reseeds: 2, requestsSinceReseed: 0 });
  for (let i = 0; i < 6; i++) generator.fill(new Uint8Array(1), 0, 1);
  t.match(generator.status(), { reseeds: 4, requestsSinceReseed: 2 });
});

t.test('the health tests on demand pass, and a reseed follows', async (t) => {
  const generator = native(t);
  const { reseeds } = generator.status();
  t.equal(generator.selfTest(), true);
  generator.fill(new Uint8Array(1), 0, 1);
  t.equal(generator.status().reseeds, reseeds + 1);
});

t.test('buffers are zeros, and wipe zeroes a range', async (t) => {
  const generator = native(t);
  const bytes = generator.allocate(100);
  t.ok(bytes.every((byte) => byte === 0));
  bytes.fill(1);
  generator.wipe(bytes, 10, 20);
  t.same(bytes, new Uint8Array(100).fill(1).fill(0, 10, 30));
});

t.test('a device that fails or is lost degrades the generator, which still serves', async (t) => {
  const short = join(temporaryFolder(), 'short');
  // Enough for the startup test of 1024 samples and little more.
  writeFileSync(short, randomBytes(1100));
  for (const [path, reason] of [
    ['/dev/zero', 'noise failed'],
    [short, 'noise lost'],
  ] as const) {
    const generator = native(t, { devices: [{ name: 'noise', path, creditedBitsPerByte: 0 }] });
    const deadline = performance.now() + 20_000;
    while (generator.state() !== 'degraded' && performance.now() < deadline) {
      // What has been gathered is used, so that the device is read again.
      generator.reseed();
      await setTimeout(1);
    }
    t.match(generator.status(), { state: 'degraded', healthy: false });
    t.ok(generator.status().reason.startsWith(reason), generator.status().reason);
    const target = new Uint8Array(32);
    generator.fill(target, 0, 32);
    t.notSame(target, new Uint8Array(32), 'zeros with a probability of 2^-256');
  }
});

t.test('a device that is not there is absent, which degrades nothing', async (t) => {
  const path = join(temporaryFolder(), 'none');
  const generator = native(t, { devices: [{ name: 'none', path, creditedBitsPerByte: 8 }] });
  const deadline = performance.now() + 10_000;
  const source = () => generator.status().sources.find(({ name }) => name === 'none');
  while (source()?.state === 'testing' && performance.now() < deadline) await setImmediate();
  t.match(source(), { path, state: 'absent', creditedBitsPerByte: 0 });
  t.equal(generator.state(), 'operational');
});

t.test('of /dev/hwrng alone the report names what the kernel has behind it', async (t) => {
  const generator = native(t, {
    devices: [
      { name: 'hwrng', path: '/dev/hwrng', creditedBitsPerByte: 0 },
      { name: 'file', path: '/dev/null', creditedBitsPerByte: 0 },
    ],
  });
  const file = '/sys/class/misc/hw_random/rng_current';
  const behind = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const told = generator.status().sources.map(({ name, rngCurrent }) => [name, rngCurrent]);
  t.strictSame(
    told.filter(([, rngCurrent]) => rngCurrent !== undefined),
    [['hwrng', behind]],
  );
});

t.test('a generator that is not closed keeps no process alive', async (t) => {
  const script = `import { createGenerator } from ${JSON.stringify(built('generator'))};
    createGenerator().fill(new Uint8Array(9), 0, 9);`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  });
  t.equal(status, 0);
});

/** An addon whose generator answers as a script says. */
function scripted(script: {
  generate?: number[];
  reseed?: number[];
  snapshot?: Partial<NativeSnapshot>;
}): {
  addon: Addon;
  calls: string[];
  change(): void;
  enter(state: NativeSnapshot['state'], reason: string): void;
} {
  const calls: string[] = [];
  const hooks: { change?: () => void; enter?: (s: NativeSnapshot['state'], r: string) => void } =
    {};
  class ScriptedGenerator {
    constructor(
      _options: NativeOptions,
      onTransition: (state: NativeSnapshot['state'], reason: string) => void,
      onSourceChange: () => void,
    ) {
      hooks.change = onSourceChange;
      hooks.enter = onTransition;
    }
    generate(target: Uint8Array, offset: number, length: number, fresh: boolean): number {
      calls.push(`generate ${fresh}`);
      target.fill(0, offset, offset + length);
      return script.generate?.shift() ?? NativeResult.ok;
    }
    beginFresh() {
      calls.push('beginFresh');
    }
    reseed() {
      return script.reseed?.shift() ?? NativeResult.ok;
    }
    poll() {
      calls.push('poll');
    }
    selfTest() {
      return false;
    }
    snapshot() {
      return { state: 'error', reason: 'x', sources: [], ...script.snapshot };
    }
    close() {
      calls.push('close');
    }
  }
  return {
    addon: { Generator: ScriptedGenerator, wipe: () => calls.push('wipe') } as unknown as Addon,
    calls,
    change: () => hooks.change?.(),
    enter: (state, reason) => hooks.enter?.(state, reason),
  };
}

t.test('each result of the addon is an error of its own, with the state’s reason', async (t) => {
  const text = 'startup test of the credited source';
  for (const [result, code, message] of [
    [NativeResult.notSeeded, 'ERR_NOT_SEEDED', `the generator is not seeded yet: ${text}`],
    [NativeResult.health, 'ERR_HEALTH', `the generator is in its error state: ${text}`],
    [
      NativeResult.entropy,
      'ERR_ENTROPY',
      'prediction resistance needs a live credited noise source, and none answers',
    ],
  ] as const) {
    const { addon, enter } = scripted({ generate: [result, result], reseed: [result] });
    const generator = createGenerator({ devices: [] }, { addon });
    enter('seeding', text);
    t.equal(generator.state(), 'seeding');
    t.throws(() => generator.fill(new Uint8Array(1), 0, 1), { code, message });
    await t.rejects(generator.fillPredictionResistant(new Uint8Array(1), 0, 1), { code, message });
    t.throws(() => generator.reseed(), { code, message });
  }
});

t.test('a reseed that waits for a slow source is no failure', async (t) => {
  const { addon } = scripted({ reseed: [NativeResult.pending] });
  t.doesNotThrow(() => createGenerator({ devices: [] }, { addon }).reseed());
});

t.test('only operational is healthy', async (t) => {
  for (const state of ['seeding', 'operational', 'degraded', 'error'] as const) {
    const { addon } = scripted({ snapshot: { state } });
    const { healthy } = createGenerator({ devices: [] }, { addon }).status();
    t.equal(healthy, state === 'operational', state);
  }
});

t.test('prediction resistance waits for a slow source until it reports', async (t) => {
  const { pending } = NativeResult;
  const { addon, calls, change } = scripted({ generate: [pending, pending] });
  const generator = createGenerator({ devices: [] }, { addon });
  let done = false;
  const filled = generator.fillPredictionResistant(new Uint8Array(1), 0, 1).then(() => {
    done = true;
  });
  await setImmediate();
  t.strictSame(calls.splice(0), ['beginFresh', 'generate true']);
  change();
  await setImmediate();
  t.strictSame([done, ...calls.splice(0)], [false, 'poll', 'generate true']);
  change();
  await filled;
  t.strictSame(calls, ['poll', 'generate true'], 'beginFresh only once');
});

t.test('calls with prediction resistance take turns, also behind one that fails', async (t) => {
  const { pending, entropy } = NativeResult;
  const { addon, calls, change } = scripted({ generate: [pending, entropy] });
  const generator = createGenerator({ devices: [] }, { addon });
  const first = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  const second = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  await setImmediate();
  t.strictSame(calls.splice(0), ['beginFresh', 'generate true'], 'the second waits');
  change();
  await t.rejects(first, { code: 'ERR_ENTROPY' });
  await second;
  t.strictSame(calls, ['poll', 'generate true', 'wipe', 'beginFresh', 'generate true']);
});

t.test('close wakes those who wait for a slow source', async (t) => {
  const { addon, calls } = scripted({ generate: [NativeResult.pending, NativeResult.health] });
  const generator = createGenerator({}, { addon });
  const waiting = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  await setImmediate();
  generator.close();
  await t.rejects(waiting, { code: 'ERR_HEALTH' });
  t.ok(calls.includes('close'));
});

t.test('devices are looked at from time to time: the kernel may hold a read', async (t) => {
  const { addon, calls } = scripted({});
  const timer = t.capture(globalThis, 'setInterval', globalThis.setInterval);
  const generator = createGenerator({}, { addon });
  createGenerator({ devices: [] }, { addon });
  const timers = timer();
  t.equal(timers.length, 1, 'none without devices');
  const [poll, interval] = timers.map(({ args }) => args)[0] as [() => void, number];
  t.equal(interval, 5000);
  poll();
  t.strictSame(calls, ['poll']);
  generator.close();
});

t.test('raw samples come from the source that is named, and reach no seed', async (t) => {
  const path = join(temporaryFolder(), 'samples');
  writeFileSync(path, Uint8Array.of(1, 2, 3));
  const devices = [{ name: 'file', path, creditedBitsPerByte: 0 }];
  const generator = native(t, { devices });
  const { reseeds } = generator.status();
  t.strictSame(await generator.noise('file', 3), Uint8Array.of(1, 2, 3));
  for (const size of [1, 13, 200_000]) {
    const samples = await generator.noise('getrandom', size);
    t.equal(samples.length, size);
    if (size > 1)
      t.ok(
        samples.some((byte) => byte !== 0),
        'zeros: a probability of 2^-104',
      );
  }
  t.equal(generator.status().reseeds, reseeds);
  await t.rejects(generator.noise('rndr', 8), {
    code: 'ERR_PARAMS',
    message: /^no such noise source; there are .*rdseed.*getrandom, file$/,
  });
  const absent = generator.status().sources.find(({ state }) => state === 'absent');
  await t.rejects(generator.noise(absent?.name as string, 8), {
    code: 'ERR_ENTROPY',
    message: `${absent?.name} is not there or does not answer`,
  });
});

t.test('what the device gives, from its beginning', async (t) => {
  const path = join(temporaryFolder(), 'device');
  writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
  t.strictSame(await readDevice(path, 3), Uint8Array.of(1, 2, 3));
  t.equal((await readDevice('/dev/zero', 100_000)).length, 100_000);
});

t.test('one that has nothing yet is waited for, and holds no thread', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const writer = openSync(path, constants.O_RDWR);
  const reading = readDevice(path, 4);
  for (const byte of [5, 6, 7, 8]) {
    await setTimeout(20);
    writeSync(writer, Uint8Array.of(byte));
  }
  t.strictSame(await reading, Uint8Array.of(5, 6, 7, 8));

  const clock = performance.now();
  t.intercept(performance, 'now', { value: () => clock + late });
  let late = 0;
  const never = readDevice(path, 4);
  late = 31_000;
  await t.rejects(never, { code: 'ERR_ENTROPY', message: /gave 0 of 4 bytes in time/ });
  closeSync(writer);
});

t.test('one that ends or is not there is told, with its path', async (t) => {
  const path = join(temporaryFolder(), 'short');
  writeFileSync(path, Uint8Array.of(1, 2));
  for (const [name, reason] of [
    [path, /short: ends after 2 of 3 bytes/],
    [join(temporaryFolder(), 'none'), /ENOENT/],
    ['/', /EISDIR/],
  ] as const)
    await t.rejects(readDevice(name, 3), { code: 'ERR_ENTROPY', message: reason });
});
