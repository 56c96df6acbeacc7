import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  type Addon,
  type NativeOptions,
  NativeResult,
  type NativeSnapshot,
} from '../../src/common/package.js';
import { NativeBackedGenerator } from '../../src/generator/addon-generator.js';
import { createGenerator } from '../../src/generator/create.js';
import type { Generator, GeneratorOptions, GeneratorState } from '../../src/generator/interface.js';
import { temporaryFolder } from '../support/paths.js';
import { built } from '../support/program.js';
import { programMs, until } from '../support/until.js';

/** RLIMIT_MEMLOCK does not bind root, who has CAP_IPC_LOCK. */
const unprivileged =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock'] : [];

/** The DRBG's largest generate, bytes: SP 800-90A table 3. */
const maxGenerateBytes = 65_536;

/**
 * A real generator. Busy neighbors can starve RDSEED, so that it waits or is still in its startup
 * test: no test may depend on what the hardware of this host gives.
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
  t.strictSame(
    seen.map(([state]) => state),
    ['operational'],
    'profile default waits for no source',
  );
  t.equal(generator.state(), status.state);
  t.match(status, {
    healthy: true,
    requestsSinceReseed: 0,
    secondsSinceReseed: Number,
    memoryLocked: Boolean,
    construction: /^RBG(2\(P\)|2\(NP\)|C)$/,
  });
  t.ok(status.reseeds > 0);
  const kernel = status.sources.find(({ name }) => name === 'getrandom');
  t.match(kernel, { state: 'passing', physical: false, secondsInState: Number });
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
  const reseeded = async (action: () => void, what: string) => {
    const { reseeds } = generator.status();
    await until(() => {
      action();
      return generator.status().reseeds > reseeds;
    }, what);
  };
  generator.reseed();
  await reseeded(() => {}, 'the reseed on demand');
  await reseeded(() => generator.fill(new Uint8Array(1), 0, 1), 'a reseed by requests');
});

t.test('health tests on demand pass unless a source failed, and a reseed follows', async (t) => {
  const generator = native(t);
  const { reseeds } = generator.status();
  const [passed, same] = await Promise.all([generator.selfTest(), generator.selfTest()]);
  t.equal(passed, same, 'calls at a time share one test');
  const failed = generator.status().sources.filter(({ state }) => state === 'failed');
  t.equal(passed, failed.length === 0);
  await until(() => {
    generator.fill(new Uint8Array(1), 0, 1);
    return generator.status().reseeds > reseeds;
  }, 'the reseed');
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
    ['/dev/zero', /noise failed a health test \(repetition count\)/],
    [short, /noise lost \d+ s ago \(end of file\)/],
  ] as const) {
    const generator = native(t, {
      devices: [{ name: 'noise', path, testedBitsPerByte: 7, creditedBitsPerByte: 0 }],
    });
    await until(() => {
      // A reseed uses what has been gathered, so that the device is read again.
      generator.reseed();
      return reason.test(generator.status().reason);
    }, String(reason));
    t.match(generator.status(), { state: 'degraded', healthy: false, reason: /^serving: / });
    const target = new Uint8Array(32);
    generator.fill(target, 0, 32);
    t.notSame(target, new Uint8Array(32), 'zeros with a probability of 2^-256');
  }
});

t.test('a device that does not exist is absent, which degrades nothing', async (t) => {
  const path = join(temporaryFolder(), 'none');
  const generator = native(t, {
    devices: [{ name: 'none', path, testedBitsPerByte: 7, creditedBitsPerByte: 7 }],
  });
  const source = () => generator.status().sources.find(({ name }) => name === 'none');
  await until(() => source()?.state !== 'testing', 'the end of the startup test');
  t.match(source(), { path, state: 'absent', testedBitsPerByte: 7, creditedBitsPerByte: 0 });
  t.notMatch(generator.status().reason, /none/);
});

t.test('only for /dev/hwrng the report names the kernel’s driver behind it', async (t) => {
  const generator = native(t, {
    devices: [
      { name: 'hwrng', path: '/dev/hwrng', testedBitsPerByte: 7, creditedBitsPerByte: 0 },
      { name: 'file', path: '/dev/null', testedBitsPerByte: 7, creditedBitsPerByte: 0 },
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

/** An addon whose generator returns scripted results, and time that is turned by hand. */
function scripted(
  t: Test,
  script: {
    generate?: number[];
    resistant?: number[];
    reseed?: number[];
    noise?: (source: string, size: number) => Promise<Uint8Array> | undefined;
    selfTest?: () => Promise<boolean>;
    snapshot?: Partial<NativeSnapshot>;
    reason?: string;
  },
) {
  const calls: string[] = [];
  const hooks: { change?: () => void; enter?: (s: NativeSnapshot['state'], r: string) => void } =
    {};
  let requests = 0;
  class ScriptedGenerator {
    constructor(
      _options: NativeOptions,
      onTransition: (state: NativeSnapshot['state'], reason: string) => void,
      onSourceChange: () => void,
    ) {
      hooks.change = onSourceChange;
      hooks.enter = onTransition;
    }
    generate(target: Uint8Array, offset: number, length: number): number {
      target.fill(0, offset, offset + length);
      return script.generate?.shift() ?? NativeResult.ok;
    }
    arrive() {
      return ++requests;
    }
    generateResistant(_target: Uint8Array, offset: number, length: number, request: number) {
      calls.push(`${length} at ${offset} for ${request}`);
      return script.resistant?.shift() ?? NativeResult.ok;
    }
    reseed() {
      return script.reseed?.shift() ?? NativeResult.ok;
    }
    poll() {
      calls.push('poll');
    }
    selfTest() {
      return script.selfTest?.() ?? Promise.resolve(false);
    }
    readNoise(source: string, size: number) {
      return script.noise?.(source, size);
    }
    reason() {
      return script.reason ?? '';
    }
    snapshot() {
      return { state: 'error', reason: 'x', sources: [], ...script.snapshot };
    }
    close() {
      calls.push('close');
    }
  }
  const addon = {
    Generator: ScriptedGenerator,
    wipe: (_target: Uint8Array, offset: number, length: number) =>
      calls.push(`wipe ${length} at ${offset}`),
  } as unknown as Addon;
  let now = 0;
  const timers = new Set<{ action: () => void; ms: number }>();
  const clock = {
    now: () => now,
    every(action: () => void, ms: number) {
      const timer = { action, ms };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const options = { profile: 'default', reseedRequests: 1, reseedSeconds: 1, devices: [] } as const;
  const generator = new NativeBackedGenerator(addon, { ...options, devices: [] }, () => {}, clock);
  t.teardown(() => generator.close());
  return {
    generator,
    calls,
    timers,
    change: () => hooks.change?.(),
    enter: (state: NativeSnapshot['state'], reason: string) => hooks.enter?.(state, reason),
    /** Turns time, and runs the timers that are due in it, once each. */
    advance(ms: number) {
      now += ms;
      for (const { action, ms: period } of [...timers]) if (period <= ms) action();
    },
  };
}

t.test('each result of the addon is an error of its own, with the state’s reason', async (t) => {
  const reason = 'not serving: waiting 41 s for the first seed from hwrng';
  for (const [result, code, message] of [
    [NativeResult.notSeeded, 'ERR_NOT_SEEDED', reason],
    [NativeResult.health, 'ERR_HEALTH', reason],
    [
      NativeResult.entropy,
      'ERR_ENTROPY',
      'prediction resistance needs a live credited noise source, and none answers',
    ],
  ] as const) {
    const { generator, enter } = scripted(t, {
      ...{ generate: [result], resistant: [result], reseed: [result], reason },
    });
    enter('seeding', reason);
    t.equal(generator.state(), 'seeding');
    t.throws(() => generator.fill(new Uint8Array(1), 0, 1), { code, message });
    await t.rejects(generator.fillPredictionResistant(new Uint8Array(1), 0, 1), { code, message });
    t.throws(() => generator.reseed(), { code, message });
  }
});

t.test('a reseed that waits for samples is not a failure', async (t) => {
  const { generator } = scripted(t, { reseed: [NativeResult.pending] });
  t.doesNotThrow(() => generator.reseed());
});

t.test('only operational is healthy', async (t) => {
  for (const state of ['seeding', 'operational', 'degraded', 'error'] as const) {
    const { generator } = scripted(t, { snapshot: { state } });
    t.equal(generator.status().healthy, state === 'operational', state);
  }
});

t.test('prediction resistance waits for fresh noise, numbered when the call arrives', async (t) => {
  const { pending } = NativeResult;
  const { generator, calls, change } = scripted(t, { resistant: [pending, pending] });
  let done = 0;
  const count = () => {
    done++;
  };
  const first = generator.fillPredictionResistant(new Uint8Array(1), 0, 1).then(count);
  const second = generator.fillPredictionResistant(new Uint8Array(9), 5, 2).then(count);
  t.strictSame(calls.splice(0), ['1 at 0 for 1'], 'the second waits for the first');
  change();
  t.strictSame(calls.splice(0), ['poll', '1 at 0 for 1']);
  await setImmediate();
  t.equal(done, 0);
  change();
  await Promise.all([first, second]);
  t.strictSame(calls, ['poll', '1 at 0 for 1', '2 at 5 for 2'], 'one change may serve both');
});

t.test('each 64 KiB of a call is a request of its own, behind those that wait', async (t) => {
  const { generator, calls, change } = scripted(t, { resistant: [NativeResult.pending] });
  const large = generator.fillPredictionResistant(new Uint8Array(65_537), 0, 65_537);
  const small = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  calls.splice(0);
  change();
  await Promise.all([large, small]);
  t.strictSame(calls, ['poll', '65536 at 0 for 1', '1 at 0 for 2', '1 at 65536 for 3']);
});

t.test('a call that fails is wiped whole, and the next one is served', async (t) => {
  const { pending, ok, entropy } = NativeResult;
  const { generator, calls, change } = scripted(t, { resistant: [pending, ok, entropy] });
  const first = generator.fillPredictionResistant(new Uint8Array(70_000), 3, 65_537);
  const second = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  change();
  await t.rejects(second, { code: 'ERR_ENTROPY' });
  await first;
  t.ok(calls.includes('wipe 1 at 0'));
});

t.test('prediction resistance waits at most 4 s', async (t) => {
  const { pending } = NativeResult;
  const never = Array.from({ length: 99 }, () => pending);
  const { generator, calls, advance } = scripted(t, { resistant: never });
  const late = generator.fillPredictionResistant(new Uint8Array(8), 2, 4);
  const rejected = t.rejects(late, {
    code: 'ERR_ENTROPY',
    message: 'no fresh noise in 4 s for prediction resistance',
  });
  advance(3_999);
  const later = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  t.notOk(calls.includes('wipe 4 at 2'), 'not earlier');
  advance(500);
  await rejected;
  t.ok(calls.includes('wipe 4 at 2'));
  never.length = 0;
  advance(5_000);
  await later.catch(() => {});
});

t.test('close ends those who wait, and its timers', async (t) => {
  const { generator, calls, timers } = scripted(t, { resistant: [NativeResult.pending] });
  const waiting = generator.fillPredictionResistant(new Uint8Array(1), 0, 1);
  t.equal(timers.size, 2);
  generator.close();
  await t.rejects(waiting, { code: 'ERR_HEALTH', message: 'the generator is closed' });
  t.strictSame(calls.slice(-2), ['close', 'wipe 1 at 0']);
  t.equal(timers.size, 0);
});

t.test(
  'the addon is polled every 5 s: time alone makes a source wait, and a seed old',
  async (t) => {
    const { calls, advance, timers } = scripted(t, {});
    t.strictSame(
      [...timers].map(({ ms }) => ms),
      [5_000],
    );
    advance(5_000);
    t.strictSame(calls, ['poll']);
  },
);

t.test('a read that the kernel holds does not block later calls for ever', async (t) => {
  let calls = 0;
  const { generator, advance } = scripted(t, {
    noise: () => (calls++ === 0 ? new Promise(() => {}) : Promise.resolve(new Uint8Array(1))),
  });
  const held = t.rejects(generator.noise('hwrng', 1), {
    code: 'ERR_ENTROPY',
    message: 'no samples: hwrng: the kernel holds the read',
  });
  const next = generator.noise('hwrng', 1);
  await setImmediate();
  advance(660_000);
  await held;
  t.equal((await next).length, 1);
});

t.test('noise is read for one call at a time, and only so many wait', async (t) => {
  const ends: (() => void)[] = [];
  const { generator } = scripted(t, {
    noise: (source, size) =>
      source === 'none'
        ? undefined
        : new Promise((resolve) => ends.push(() => resolve(new Uint8Array(size)))),
    snapshot: { sources: [{ name: 'rdseed' }] as NativeSnapshot['sources'] },
  });
  const calls = Array.from({ length: 8 }, (_, i) => generator.noise('rdseed', i + 1));
  await t.rejects(generator.noise('rdseed', 9), { code: 'ERR_BUSY' });
  for (const [i, call] of calls.entries()) {
    await setImmediate();
    t.equal(ends.length, i + 1, 'the next has not begun');
    ends[i]?.();
    t.equal((await call).length, i + 1);
  }
  await t.rejects(generator.noise('none', 1), {
    code: 'ERR_PARAMS',
    message: 'no such noise source; there are rdseed',
  });
});

t.test('raw samples come from the named source, and reach no seed', async (t) => {
  const path = join(temporaryFolder(), 'samples');
  writeFileSync(path, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
  const devices = [{ name: 'file', path, testedBitsPerByte: 7, creditedBitsPerByte: 0 }];
  const generator = native(t, { devices });
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
  await t.rejects(generator.noise('rndr', 8), {
    code: 'ERR_PARAMS',
    message: /^no such noise source; there are .*rdseed.*getrandom, file$/,
  });
  for (const [size, message] of [
    [16, /^no samples: file: end of file$/],
    [0, /size/],
    [1_048_577, /size/],
  ] as const)
    await t.rejects(generator.noise('file', size), { message });
  const absent = generator.status().sources.find(({ state }) => state === 'absent');
  await t.rejects(generator.noise(absent?.name as string, 8), {
    code: 'ERR_ENTROPY',
    message: `no samples: ${absent?.name} is absent`,
  });
});

t.test('what cannot be credited, or locked under profile strict, is refused', async (t) => {
  const path = join(temporaryFolder(), 'seeds');
  writeFileSync(path, randomBytes(4096));
  const credited = (name: string, devicePath: string) => () =>
    createGenerator({
      devices: [{ name, path: devicePath, testedBitsPerByte: 7, creditedBitsPerByte: 4 }],
    });
  t.throws(credited('file', path), {
    code: 'ERR_CONFIG',
    message: `file (${path}): a regular file cannot be credited with entropy`,
  });
  t.throws(credited('urandom', '/dev/urandom'), {
    code: 'ERR_CONFIG',
    message: "urandom (/dev/urandom): the kernel's generator cannot be credited as a source",
  });
  const script = `import { createGenerator } from ${JSON.stringify(built('generator'))};
    createGenerator({ profile: process.argv[1], devices: [] }).close();`;
  const limited = (profile: string) =>
    spawnSync(
      'prlimit',
      [
        '--memlock=0',
        ...unprivileged,
        process.execPath,
        '--input-type=module',
        '-e',
        script,
        profile,
      ],
      { timeout: programMs, encoding: 'utf8' },
    );
  t.equal(limited('default').status, 0, 'default serves unlocked, and the status says so');
  t.match(limited('strict'), {
    status: 1,
    stderr: /profile strict needs \d+ bytes of locked memory and RLIMIT_MEMLOCK is 0: raise it/,
  });
});
