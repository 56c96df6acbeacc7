import { getEventListeners, once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Client, type ClientOptions, connect } from '../src/client.js';
import { createGenerator } from '../src/generator.js';
import { maxRandomSize } from '../src/protocol.js';
import {
  built,
  fakeGenerator,
  freePath,
  Program,
  pack,
  startDaemonProgram,
  startFake,
  startServer,
  unpackAll,
} from './support.js';

/** No 32 bytes of these are 0xaa, with a probability of 1 - 2^-256 each. */
const wire = Buffer.alloc(32, 0xaa);

function client(t: Test, socketPath: string, options: ClientOptions = {}): Client {
  const made = connect({ socketPath, ...options });
  t.teardown(() => made.close());
  return made;
}

/** A server that takes requests and never answers. */
async function silent(t: Test): Promise<string> {
  const { path } = await startFake(t, (socket) => socket.resume());
  return path;
}

t.test('random gives as many bytes as were asked for, a new array each time', async (t) => {
  const { path } = await startServer(t);
  const from = client(t, path);
  for (const size of [1, 32, 255, 256, 65_536, 131_072, maxRandomSize]) {
    const bytes = await from.random(size);
    t.equal(bytes.length, size);
    t.equal(bytes.buffer.byteLength, size, 'not a part of something larger');
  }
  const [first, second] = [await from.random(32), await from.random(32)];
  t.notSame(first, second, 'equal with a probability of 2^-256');
});

t.test('sizes out of range are refused without a daemon', async (t) => {
  const from = client(t, freePath());
  for (const size of [0, -1, 1.5, Number.NaN, maxRandomSize + 1, Number.POSITIVE_INFINITY, '32'])
    await t.rejects(
      from.random(size as number),
      { code: 'ERR_LENGTH', message: `size: want an integer of 1 to ${maxRandomSize} bytes` },
      `${size}`,
    );
});

t.test('with mixLocal, the default, what the daemon sent is not what random returns', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const [options, plain] of [
    [{}, false],
    [{ mixLocal: true }, false],
    [{ mixLocal: false }, true],
  ] as const) {
    const bytes = Buffer.from(await client(t, path, options).random(32));
    t.equal(bytes.equals(wire), plain, JSON.stringify(options));
  }
});

t.test('prediction resistance is passed on', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const from = client(t, path, { mixLocal: false });
  const fresh = await from.random(32, { predictionResistance: true });
  t.strictSame(Buffer.from(fresh), Buffer.alloc(32, 0xbb));
  t.strictSame(Buffer.from(await from.random(32, { predictionResistance: false })), wire);
});

t.test('calls of one tick are pipelined, and each gets its own answer', async (t) => {
  const { path, context } = await startServer(t);
  const from = client(t, path);
  const sizes = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 3000));
  const all = await Promise.all([
    ...sizes.map((size) => from.random(size)),
    from.health(),
    ...sizes.map((size) => from.random(size)),
    from.version(),
  ]);
  const bytes = all.filter((answer) => answer instanceof Uint8Array);
  t.strictSame(
    bytes.map(({ length }) => length),
    [...sizes, ...sizes],
  );
  t.match(all[500], { state: String });
  t.match(all[1001], { name: 'entropyd' });
  t.equal(context.counters.connections, 1);
});

t.test('generateRandom speaks AWS KMS', async (t) => {
  const { path } = await startServer(t);
  const from = client(t, path);
  for (const NumberOfBytes of [1, 32, 1024]) {
    const answer = await from.generateRandom({ NumberOfBytes });
    t.equal(answer.Plaintext.length, NumberOfBytes);
    t.match(answer.$metadata, {
      httpStatusCode: 200,
      requestId: /^[0-9a-f-]{36}$/,
      attempts: 1,
    });
  }
  for (const [input, code] of [
    [{ NumberOfBytes: 0 }, 'ValidationException'],
    [{ NumberOfBytes: 1025 }, 'ValidationException'],
    [{}, 'ValidationException'],
    [undefined, 'SerializationException'],
  ] as const)
    await t.rejects(from.generateRandom(input as object), { name: 'ServiceError', code });
});

t.test('genRandom speaks gen-random, in both dialects', async (t) => {
  const { path } = await startServer(t);
  const otc = client(t, path);
  const hwc = client(t, path, { dialect: 'hwc' });
  t.match(await otc.genRandom({ random_data_length: '512' }), {
    random_data: /^[0-9A-F]{128}$/,
  });
  t.match(await hwc.genRandom({ random_data_length: 8 }), { random_data: /^[0-9A-F]{2}$/ });
  await t.rejects(otc.genRandom({ random_data_length: '8' }), {
    name: 'ServiceError',
    code: 'KMS.1801',
  });
  await t.rejects(hwc.genRandom({}), { code: 'KMS.0204' });
});

t.test('failures of the daemon have the APIs’ names in their methods', async (t) => {
  const missing = client(t, freePath());
  await t.rejects(missing.generateRandom({ NumberOfBytes: 1 }), {
    code: 'DependencyTimeoutException',
    cause: { code: 'ERR_CONNECT' },
  });
  await t.rejects(missing.genRandom({ random_data_length: 512 }), {
    code: 'KMS.0104',
    cause: { code: 'ERR_CONNECT' },
  });
});

t.test('health, status, version and metrics are the daemon’s', async (t) => {
  const generator = createGenerator({}, { reason: 'not built' });
  const { path } = await startServer(t, generator);
  const from = client(t, path);
  const health = {
    state: 'fallback',
    healthy: false,
    reason: 'node:crypto instead of the addon: not built',
    sources: [],
  };
  t.strictSame(await from.health(), health);
  t.match(await from.status(), {
    ...health,
    version: '1.2.3',
    uptimeSeconds: Number,
    pid: process.pid,
    node: process.versions.node,
    openssl: process.versions.openssl,
    connections: 1,
    connectionsTotal: 1,
    requests: 2,
    randomBytes: 0,
    errors: {},
    reseeds: 0,
    memoryLocked: false,
  });
  t.strictSame(await from.version(), { name: 'entropyd', version: '1.2.3', protocol: 1 });
  t.match(await from.metrics(), /^entropyd_state\{state="fallback"\} 1$/m);
});

t.test('an answer of the wrong kind is refused', async (t) => {
  for (const result of [null, 5, 'text', [1]]) {
    const { path } = await startFake(t, (socket) =>
      socket.on('data', (data) => {
        for (const [, id] of unpackAll(data)) socket.write(pack([1, id, null, result]));
      }),
    );
    const from = client(t, path);
    for (const call of ['health', 'status', 'version'] as const)
      await t.rejects(from[call]() as Promise<unknown>, {
        code: 'ERR_MESSAGE',
        message: `the daemon sent no map for ${call}`,
      });
    if (result !== 'text')
      await t.rejects(from.metrics(), {
        code: 'ERR_MESSAGE',
        message: 'the daemon sent no text for metrics',
      });
  }
});

t.test('the time for a call is the client’s, or its own', async (t) => {
  const path = await silent(t);
  const from = client(t, path, { timeoutMs: 50 });
  const start = performance.now();
  await t.rejects(from.random(1), { code: 'ERR_TIMEOUT' });
  await t.rejects(from.health(), { code: 'ERR_TIMEOUT' });
  t.ok(performance.now() - start >= 99, 'not before');
  const long = client(t, path);
  await t.rejects(long.random(1, { timeoutMs: 10 }), { code: 'ERR_TIMEOUT' });
});

t.test('a time that is none is refused by name', async (t) => {
  const wrong = {
    code: 'ERR_PARAMS',
    message: 'timeoutMs: want a number of milliseconds above 0',
  };
  const from = client(t, freePath());
  for (const timeoutMs of [0, -1, Number.NaN, 'soon' as unknown as number]) {
    t.throws(() => connect({ socketPath: '/s', timeoutMs }), wrong);
    await t.rejects(from.random(1, { timeoutMs }), wrong);
  }
});

t.test('a signal ends its calls with its reason, and is let go of after each', async (t) => {
  const path = await silent(t);
  const reason = new Error('no longer needed');
  const calls: ((from: Client, signal: AbortSignal) => Promise<unknown>)[] = [
    (from, signal) => from.random(1, { signal }),
    (from, signal) => from.health({ signal }),
    (from, signal) => from.generateRandom({ NumberOfBytes: 1 }, { signal }),
    (from, signal) => from.genRandom({ random_data_length: 512 }, { signal }),
  ];
  for (const call of calls) {
    const controller = new AbortController();
    const pending = call(client(t, path), controller.signal);
    await setTimeout(5);
    controller.abort(reason);
    await t.rejects(pending, reason, 'under way');
    await t.rejects(call(client(t, path), controller.signal), reason, 'from the start');
    t.equal(getEventListeners(controller.signal, 'abort').length, 0);
  }
  await t.rejects(client(t, path).random(1, { signal: AbortSignal.timeout(5) }), {
    name: 'TimeoutError',
  });
});

t.test('a client’s signal ends all its calls, and costs nothing when they end well', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const controller = new AbortController();
  const { signal } = controller;
  const { path } = await startServer(t);
  const from = client(t, path, { signal });
  await Promise.all(Array.from({ length: 50 }, () => from.random(8)));
  t.equal(getEventListeners(signal, 'abort').length, 0);

  const quiet = client(t, await silent(t), { signal });
  const pending: Promise<unknown>[] = [
    quiet.random(1),
    quiet.status(),
    quiet.random(1, { signal }),
  ];
  controller.abort();
  for (const call of pending) await t.rejects(call, { name: 'AbortError' });
  await t.rejects(from.random(1), { name: 'AbortError' });
  await setTimeout(1);
  t.strictSame(warnings, []);
});

t.test('close rejects what is under way; await using closes', async (t) => {
  const path = await silent(t);
  let pending: Promise<unknown>;
  {
    await using from = connect({ socketPath: path });
    pending = from.random(1);
    pending.catch(() => {});
    await setTimeout(5);
  }
  await t.rejects(pending, { code: 'ERR_CLOSED' });
});

t.test('a client finds the daemon again after it was restarted', async (t) => {
  const daemon = await startDaemonProgram(t);
  const from = client(t, daemon.path);
  t.equal((await from.random(32)).length, 32);
  await daemon.kill('SIGKILL');
  await t.rejects(from.random(32), { code: 'ERR_CONNECT' }, 'not there');
  const again = new Program(t, [built('entropyd'), '--socket', daemon.path]);
  await again.says('entropyd listening');
  t.equal((await from.random(32)).length, 32);
  t.equal((await from.health()).state, 'operational');
  t.equal((await again.kill('SIGTERM')).status, 0);
});

t.test('calls under way while the daemon restarts are answered by the next', async (t) => {
  const path = freePath();
  const first = await startFake(t, (socket) => socket.on('data', () => first.close()), path);
  const from = client(t, path);
  const calls = [from.random(32), from.health(), from.random(100_000)];
  await once(first.server, 'close');
  const second = new Program(t, [built('entropyd'), '--socket', path]);
  await second.says('entropyd listening');
  const [short, health, long] = await Promise.all(calls);
  t.equal((short as Uint8Array).length, 32);
  t.match(health, { state: 'operational' });
  t.equal((long as Uint8Array).length, 100_000);
});

/** A script of a process of its own, with a client of `path`; it must end by itself. */
async function script(t: Test, path: string, body: string): Promise<string> {
  const source = `import { connect } from ${JSON.stringify(built('index'))};
    const client = connect({ socketPath: ${JSON.stringify(path)} });
    ${body}`;
  const program = new Program(t, ['--input-type=module', '-e', source], { timeout: 15_000 });
  const { status, signal, stdout, stderr } = await program.ended;
  return `${status ?? signal}: ${stdout.trim()}${stderr}`;
}

t.test('a client keeps a process alive while it waits, and no longer', async (t) => {
  const { path } = await startServer(t);
  const quiet = await silent(t);
  for (const [name, at, body, outcome] of [
    ['never used', path, '', '0: '],
    ['idle', path, 'console.log((await client.random(9)).length);', '0: 9'],
    [
      'idle after another method',
      path,
      'console.log((await client.health()).state);',
      '0: operational',
    ],
    [
      'out of time',
      quiet,
      'console.log(await client.random(9, { timeoutMs: 20 }).catch((e) => e.code));',
      '0: ERR_TIMEOUT',
    ],
    [
      'aborted',
      quiet,
      `const signal = AbortSignal.timeout(20);
       console.log(await client.random(9, { signal }).catch((e) => e.name));`,
      '0: TimeoutError',
    ],
    [
      'without a daemon',
      freePath(),
      'console.log(await client.random(9).catch((e) => e.code));',
      '0: ERR_CONNECT',
    ],
    [
      'still waiting, nobody listens to it',
      quiet,
      'client.random(9, { timeoutMs: 100 }).catch((e) => console.log(e.code));',
      '0: ERR_TIMEOUT',
    ],
  ] as const) {
    t.equal(await script(t, at, body), outcome, name);
  }
});
