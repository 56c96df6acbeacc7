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
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  type Addon,
  type NativeOptions,
  NativeResult,
  type NativeSnapshot,
} from '../../src/common/package.js';
import { NativeBackedGenerator, readDevice } from '../../src/generator/addon-generator.js';
import { createGenerator } from '../../src/generator/create.js';
import type { Generator, GeneratorOptions, GeneratorState } from '../../src/generator/interface.js';
import { temporaryFolder } from '../support/paths.js';
import { built } from '../support/program.js';
import { programMs, until } from '../support/until.js';

/** The DRBG's largest generate, bytes: SP 800-90A table 3. */
const maxGenerateBytes = 65_536;

/**
 * A real generator. Busy neighbors can starve RDSEED, which then counts as failed: no test may
 * depend on what the hardware of this host gives.
 */
function native(t: Test, options: GeneratorOptions = {}): Generator {
  const generator = createGenerator({ devices: [], ...options });
  t.teardown(() => generator.close());
  return generator;
}

// Generators keep no process alive. This does, until the last test has ended.
const alive = setInterval(() => {}, 60_000);
t.teardown(() => clearInterval(alive));

t.test('the addon’s generator is seeded when it is created, and says from what', async (t) => {
  const seen: [GeneratorState, string][] = [];
  const generator = native(t, { onTransition: (...transition) => seen.push(transition) });
  const status = generator.status();
  t.strictSame(seen, [[status.state, status.reason]], 'one transition');
  t.match(status.state, /^(operational|degraded)$/);
  t.equal(generator.state(), status.state);
  t.match(status, {
    healthy: status.state === 'operational',
    reseeds: 1,
    requestsSinceReseed: 0,
    secondsSinceReseed: Number,
    memoryLocked: Boolean,
  });
  const credited = status.sources.filter(({ creditedBitsPerByte }) => creditedBitsPerByte > 0);
  t.ok(credited.length > 0);
  const kernel = status.sources.find(({ name }) => name === 'getrandom');
  t.equal(kernel?.state, 'passing');
  t.equal(
    kernel?.creditedBitsPerByte,
    credited.some(({ name }) => name !== 'getrandom') ? 0 : 8,
    'getrandom(2) is credited only without another credited source',
  );
  t.ok((kernel?.bytes ?? 0) > 0, 'the kernel’s bytes are in every seed');
});

t.test('profile strict gives getrandom(2) no credit, and serves hardware or nothing', async (t) => {
  const strict = native(t, { profile: 'strict' });
  const kernel = strict.status().sources.find(({ name }) => name === 'getrandom');
  t.equal(kernel?.creditedBitsPerByte, 0);
  const target = new Uint8Array(32);
  try {
    strict.fill(target, 0, 32);
    t.notSame(target, new Uint8Array(32), 'zeros with a probability of 2^-256');
  } catch (error) {
    t.match(error, { code: /^ERR_(HEALTH|NOT_SEEDED)$/ });
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
    [200_000, 3, 3 * maxGenerateBytes + 1],
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
    // 32 random bytes stay as they were with a probability of 2^-256 each.
    for (let at = offset; at + 32 <= offset + length; at += 32)
      if (target.subarray(at, at + 32).every((byte) => byte === 7))
        t.fail(`${name}: unchanged at ${at}`);
  }
});

t.test('fill refuses a range outside the array, and changes nothing', async (t) => {
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

t.test('prediction resistance reseeds before each 64 KiB, or leaves zeros', async (t) => {
  const generator = native(t);
  for (const [size, seeds] of [
    [1, 1],
    [maxGenerateBytes, 1],
    [maxGenerateBytes + 1, 2],
    [2 * maxGenerateBytes + 1, 3],
  ] as const) {
    const before = generator.status().reseeds;
    const target = new Uint8Array(size + 2).fill(7);
    try {
      await generator.fillPredictionResistant(target, 1, size);
      t.ok(generator.status().reseeds - before >= seeds, `${size} bytes`);
      t.ok(
        target.subarray(1, 33).some((byte) => byte !== 7) || size < 32,
        'unchanged with a probability of 2^-256',
      );
    } catch (error) {
      t.match(error, { code: 'ERR_ENTROPY' });
      t.ok(target.subarray(1, size + 1).every((byte) => byte === 0));
    }
    t.strictSame([target[0], target[size + 1]], [7, 7]);
  }
});

t.test('it reseeds on demand, and after `reseedRequests` requests', async (t) => {
  const generator = native(t, { reseedRequests: 2 });
  generator.reseed();
  const { reseeds, requestsSinceReseed } = generator.status();
  t.ok(reseeds >= 2);
  t.equal(requestsSinceReseed, 0);
  for (let i = 0; i < 6; i++) {
    generator.fill(new Uint8Array(1), 0, 1);
    t.ok(generator.status().requestsSinceReseed <= 2);
  }
  t.ok(generator.status().reseeds >= reseeds + 2);
});

t.test('health tests on demand pass unless a source failed, and a reseed follows', async (t) => {
  const generator = native(t);
  const { reseeds } = generator.status();
  const passed = generator.selfTest();
  const failed = generator.status().sources.filter(({ state }) => state === 'failed');
  t.equal(passed, failed.length === 0);
  generator.fill(new Uint8Array(1), 0, 1);
  t.ok(generator.status().reseeds > reseeds);
});

t.test('buffers are zeros, and wipe zeros a range', async (t) => {
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
    await until(() => {
      // A reseed uses what has been gathered, so that the device is read again.
      generator.reseed();
      return generator.status().reason.includes(reason);
    }, reason);
    t.match(generator.status(), { state: 'degraded', healthy: false });
    const target = new Uint8Array(32);
    generator.fill(target, 0, 32);
    t.notSame(target, new Uint8Array(32), 'zeros with a probability of 2^-256');
  }
});

t.test('a device that does not exist is absent, which degrades nothing', async (t) => {
  const path = join(temporaryFolder(), 'none');
  const generator = native(t, { devices: [{ name: 'none', path, creditedBitsPerByte: 8 }] });
  const source = () => generator.status().sources.find(({ name }) => name === 'none');
  await until(() => source()?.state !== 'testing', 'the end of the startup test');
  t.match(source(), { path, state: 'absent', creditedBitsPerByte: 0 });
  t.notMatch(generator.status().reason, /none/);
});

t.test('only for /dev/hwrng the report names the kernel’s driver behind it', async (t) => {
  const generator = native(t, {
    devices: [
      { name: 'hwrng', path: '/dev/hwrng', creditedBitsPerByte: 0 },
      { name: 'file', path: '/dev/null', creditedBitsPerByte: 0 },
    ],
  });
  const file = '/sys/class/misc/hw_random/rng_current';
  const driver = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const reported = generator.status().sources.map(({ name, rngCurrent }) => [name, rngCurrent]);
  t.strictSame(
    reported.filter(([, rngCurrent]) => rngCurrent !== undefined),
    [['hwrng', driver]],
  );
});

t.test('a generator that is not closed keeps no process alive', async (t) => {
  const script = `import { createGenerator } from ${JSON.stringify(built('generator'))};
    createGenerator().fill(new Uint8Array(9), 0, 9);`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: programMs,
  });
  t.equal(status, 0);
});

/** An addon whose generator returns scripted results. */
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
    generate(target: Uint8Array, offset: number, length: number, resist: boolean): number {
      calls.push(`generate ${resist}`);
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

t.test('a reseed that waits for a slow source is not a failure', async (t) => {
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

t.test('devices are polled: the kernel may block a read without an end', async (t) => {
  const { addon, calls } = scripted({});
  const device = { name: 'x', path: '/dev/x', creditedBitsPerByte: 0 };
  const options = { profile: 'default', reseedRequests: 1, reseedSeconds: 1 } as const;
  const timers: { poll: () => void; ms: number; stopped: boolean }[] = [];
  const make = (devices: NativeOptions['devices']) =>
    new NativeBackedGenerator(
      addon,
      { ...options, devices },
      () => {},
      (poll, ms) => {
        const timer = { poll, ms, stopped: false };
        timers.push(timer);
        return () => {
          timer.stopped = true;
        };
      },
    );
  const generator = make([device]);
  make([]);
  t.match(timers, [{ ms: 5000, stopped: false }]);
  t.equal(timers.length, 1, 'no timer without devices');
  timers[0]?.poll();
  t.strictSame(calls, ['poll']);
  generator.close();
  t.equal(timers[0]?.stopped, true);
});

t.test('raw samples come from the named source, and reach no seed', async (t) => {
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
        'zeros with a probability of 2^-104',
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
    message: `${absent?.name} is absent or does not answer`,
  });
});

t.test('readDevice reads a device from its beginning', async (t) => {
  const path = join(temporaryFolder(), 'device');
  writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
  t.strictSame(await readDevice(path, 3), Uint8Array.of(1, 2, 3));
  t.equal((await readDevice('/dev/zero', 100_000)).length, 100_000);
});

t.test('readDevice waits for an empty device without a blocked thread, at most 30 s', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const writer = openSync(path, constants.O_RDWR);
  t.teardown(() => closeSync(writer));
  let now = 0;
  const bytes = [5, 6, 7];
  const clock = {
    now: () => now,
    async pause() {
      now += 10_000;
      const byte = bytes.shift();
      if (byte !== undefined) writeSync(writer, Uint8Array.of(byte));
    },
  };
  await t.rejects(readDevice(path, 4, clock), {
    code: 'ERR_ENTROPY',
    message: `no samples of ${path}: gave 3 of 4 bytes in 30 s`,
  });
  bytes.push(8, 9);
  t.strictSame(await readDevice(path, 2, clock), Uint8Array.of(8, 9));
});

t.test('a device that ends early or does not exist is reported with its path', async (t) => {
  const path = join(temporaryFolder(), 'short');
  writeFileSync(path, Uint8Array.of(1, 2));
  for (const [name, reason] of [
    [path, /short: ends after 2 of 3 bytes/],
    [join(temporaryFolder(), 'none'), /ENOENT/],
    ['/', /EISDIR/],
  ] as const)
    await t.rejects(readDevice(name, 3), { code: 'ERR_ENTROPY', message: reason });
});
