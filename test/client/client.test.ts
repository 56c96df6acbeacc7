import { getEventListeners, once } from 'node:events';
import t, { type Test } from 'tap';
import { type Client, type ClientOptions, connect } from '../../src/client/client.js';
import { createGenerator } from '../../src/generator/create.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { fakeGenerator, startFake, startServer } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { built, Program, startDaemonProgram } from '../support/program.js';
import { pack, unpackAll } from '../support/raw.js';
import { programMs, until } from '../support/until.js';

/** What the fake generator returns; 32 random bytes equal it with a probability of 2^-256. */
const wire = Buffer.alloc(32, 0xaa);

function client(t: Test, socketPath: string, options: ClientOptions = {}): Client {
  const made = connect({ socketPath, timeoutMs: programMs, ...options });
  t.teardown(() => made.close());
  return made;
}

/** A daemon that never answers; `received` resolves once so many requests have arrived. */
async function silent(t: Test) {
  let requests = 0;
  const { path } = await startFake(t, (socket) =>
    socket.on('data', (data) => {
      requests += unpackAll(data).length;
    }),
  );
  return { path, received: (count: number) => until(() => requests >= count, `${count} requests`) };
}

t.test('random returns as many bytes as requested, in a new array each time', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const from = client(t, path);
  for (const size of [1, 32, 255, 256, 65_536, 131_072, maxRandomSize]) {
    const bytes = await from.random(size);
    t.equal(bytes.length, size);
    t.equal(bytes.buffer.byteLength, size, 'not part of a larger buffer');
  }
  const [first, second] = [await from.random(32), await from.random(32)];
  t.notSame(first, second, 'equal with a probability of 2^-256');
});

t.test('sizes out of range are refused without a daemon', async (t) => {
  const from = client(t, freePath());
  for (const size of [0, -1, 1.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY, '32'])
    await t.rejects(
      from.random(size as number),
      { code: 'ERR_LENGTH', message: 'size: want an integer of 1 to 2147483647 bytes' },
      `${size}`,
    );
  for (const options of [{ size: 0 }, { chunkSize: maxRandomSize + 1 }])
    t.throws(() => from.stream(options), { code: 'ERR_LENGTH' });
});

/** A daemon that answers `random` a turn later; `most` requests were in flight at a time. */
async function scripted(
  t: Test,
  answer: (size: number, request: number) => Uint8Array | [code: string, message: string],
): Promise<{ path: string; requests(): number; most(): number }> {
  let requests = 0;
  let most = 0;
  const { path } = await startFake(t, (socket) => {
    let waiting = 0;
    socket.on('data', (data) => {
      for (const [, id, , params] of unpackAll(data)) {
        most = Math.max(most, ++waiting);
        const result = answer((params as number[])[0] as number, ++requests);
        const isError = Array.isArray(result);
        setImmediate(() => {
          waiting--;
          socket.write(pack([1, id, isError ? result : null, isError ? null : result]));
        });
      }
    });
  });
  return { path, requests: () => requests, most: () => most };
}

t.test('a size beyond one request takes several, at most four in flight', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const size of [maxRandomSize + 1, 5 * maxRandomSize]) {
    const bytes = await client(t, path).random(size);
    t.equal(bytes.length, size);
    t.equal(bytes.buffer.byteLength, size);
    // False alarm: 32 zero bytes in a row somewhere, 2^-233.
    t.notOk(Buffer.from(bytes.buffer).includes(Buffer.alloc(32)), 'all of it is filled');
  }
  const size = 6 * maxRandomSize + 7;
  for (const [options, atOnce] of [
    [{}, 4],
    [{ maxPending: 4 }, 4],
    [{ maxPending: 1 }, 1],
  ] as const) {
    const daemon = await scripted(t, (size) => new Uint8Array(size).fill(0xaa));
    const bytes = await client(t, daemon.path, { mixLocal: false, ...options }).random(size);
    t.equal(Buffer.compare(bytes, Buffer.alloc(size, 0xaa)), 0);
    t.equal(daemon.requests(), 7);
    t.ok(daemon.most() <= atOnce, `${daemon.most()} in flight`);
  }
});

t.test('a failed piece fails the whole', async (t) => {
  const daemon = await scripted(t, (size, request) =>
    request === 1 || request === 4 ? ['ERR_HEALTH', 'x'] : new Uint8Array(size),
  );
  const from = client(t, daemon.path);
  // Loads the codec first, so that no further piece is answered meanwhile.
  await t.rejects(from.random(1), { code: 'ERR_HEALTH' });
  await t.rejects(from.random(20 * maxRandomSize), { code: 'ERR_HEALTH' });
  t.ok(daemon.requests() < 21);
  t.equal((await from.random(5)).length, 5);
});

t.test('an array of the caller is filled, or zero if that fails', async (t) => {
  const daemon = await scripted(t, (size, request) =>
    request === 4 ? ['ERR_HEALTH', 'x'] : new Uint8Array(size).fill(0xaa),
  );
  const from = client(t, daemon.path, { mixLocal: false });
  const memory = new Uint8Array(100);
  const target = memory.subarray(10, 60);
  t.equal(await from.randomFill(target), target);
  t.equal(Buffer.compare(memory.subarray(10, 60), Buffer.alloc(50, 0xaa)), 0);
  t.notOk(memory.subarray(0, 10).some(Boolean) || memory.subarray(60).some(Boolean));
  const large = new Uint8Array(maxRandomSize + 1);
  await from.randomFill(large);
  t.equal(Buffer.compare(large, Buffer.alloc(large.length, 0xaa)), 0);
  await t.rejects(from.randomFill(target), { code: 'ERR_HEALTH' });
  t.notOk(target.some(Boolean));
  await t.rejects(from.randomFill(new Uint8Array(0)), { code: 'ERR_LENGTH' });
});

t.test('all pieces share one timeout and one signal', async (t) => {
  // Answers four pieces; the next four are in flight until the end.
  let requests = 0;
  const { path } = await startFake(t, (socket) =>
    socket.on('data', (data) => {
      for (const [, id, , params] of unpackAll(data))
        if (++requests <= 4)
          socket.write(pack([1, id, null, new Uint8Array((params as number[])[0] as number)]));
    }),
  );
  const from = client(t, path);
  const size = 2 ** 28;
  const timed = from.random(size, { timeoutMs: 500 });
  await t.rejects(timed, { code: 'ERR_TIMEOUT' });
  requests = 0;
  const reason = new Error('no longer needed');
  const controller = new AbortController();
  const aborted = from.random(size, { signal: controller.signal });
  await until(() => requests >= 5, 'an unanswered request');
  controller.abort(reason);
  await t.rejects(aborted, reason);
  await t.rejects(from.random(size, { timeoutMs: -1 }), { code: 'ERR_PARAMS' });
});

t.test('randomInt takes the arguments of node:crypto’s, and options', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const from = client(t, path);
  for (const [args, least, most] of [
    [[1], 0, 0],
    [[6], 0, 5],
    [[6, {}], 0, 5],
    [[6, undefined], 0, 5],
    [[-3, 3], -3, 2],
    [[5, 6, { timeoutMs: programMs }], 5, 5],
    [[2 ** 48], 0, 2 ** 48 - 1],
  ] as [[number, number], number, number][])
    for (let i = 0; i < 10; i++) {
      const n = await from.randomInt(...args);
      t.ok(Number.isInteger(n) && n >= least && n <= most, `${n} of ${JSON.stringify(args)}`);
    }
  for (const args of [[0], [5, 5], [1.5], [2 ** 48 + 1], ['6'], [undefined], [0, '6']])
    await t.rejects(from.randomInt(...(args as [number, number])), { code: 'ERR_PARAMS' });
});

t.test('randomInt draws again instead of biasing, in the time of one call', async (t) => {
  // 2^48 mod 10 = 6: the last six candidates would favor 0 to 5.
  const script = [2 ** 48 - 1, 2 ** 48 - 6, 2 ** 48 - 7];
  const daemon = await scripted(t, (_, request) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUIntBE(script[request - 1] ?? 2 ** 48 - 1, 0, 6);
    return bytes;
  });
  const from = client(t, daemon.path, { mixLocal: false });
  t.equal(await from.randomInt(10), 9);
  t.equal(daemon.requests(), 3);
  await t.rejects(from.randomInt(0, 10, { timeoutMs: 50 }), { code: 'ERR_TIMEOUT' });
});

t.test('randomUUID is a version 4 of RFC 9562, made of the daemon’s bytes', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const plain = client(t, path, { mixLocal: false });
  t.equal(await plain.randomUUID(), 'aaaaaaaa-aaaa-4aaa-aaaa-aaaaaaaaaaaa');
  const resistant = await plain.randomUUID({ predictionResistance: true });
  t.equal(resistant, 'bbbbbbbb-bbbb-4bbb-bbbb-bbbbbbbbbbbb');
  const mixed = await client(t, path).randomUUID();
  t.match(mixed, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

t.test('a stream returns the daemon’s bytes, and is destroyed with its errors', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const from = client(t, path, { mixLocal: false });
  const size = 200_000;
  const bytes = Buffer.concat(await from.stream({ size, predictionResistance: true }).toArray());
  t.equal(Buffer.compare(bytes, Buffer.alloc(size, 0xbb)), 0);
  for await (const chunk of from.stream()) {
    t.equal(chunk.length, 65_536);
    break;
  }
  await t.rejects(client(t, freePath()).stream({ size: 1 }).toArray(), {
    name: 'EntropyError',
    code: 'ERR_CONNECT',
  });
  const reason = new Error('no longer needed');
  const [ours, theirs] = [new AbortController(), new AbortController()];
  const quiet = client(t, (await silent(t)).path, { signal: ours.signal });
  for (const [controller, options] of [
    [theirs, { signal: theirs.signal }],
    [ours, {}],
  ] as const) {
    const reading = quiet.stream(options).toArray();
    controller.abort(reason);
    await t.rejects(reading, reason);
    t.equal(getEventListeners(controller.signal, 'abort').length, 0);
  }
});

t.test('calls beyond maxPending are refused at once, all others are answered', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const refused = async (from: Client, calls: number) => {
    const all = await Promise.allSettled(Array.from({ length: calls }, () => from.random(1)));
    return all.flatMap((outcome, i) =>
      outcome.status === 'rejected' ? [[i, outcome.reason.code, outcome.reason.message]] : [],
    );
  };
  const few = client(t, path, { maxPending: 3 });
  const busy = 'this client has 3 calls in flight, as many as maxPending allows';
  for (let round = 0; round < 2; round++)
    t.strictSame(await refused(few, 5), [
      [3, 'ERR_BUSY', busy],
      [4, 'ERR_BUSY', busy],
    ]);
  const standard = client(t, path, { timeoutMs: Number.POSITIVE_INFINITY });
  t.match(await refused(standard, 65_538), [
    [65_536, 'ERR_BUSY'],
    [65_537, 'ERR_BUSY'],
  ]);
  t.throws(() => connect({ socketPath: path, maxPending: 0 }), { code: 'ERR_PARAMS' });
});

t.test('with mixLocal, the default, random does not return the bytes that were sent', async (t) => {
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
  const resistant = await from.random(32, { predictionResistance: true });
  t.strictSame(Buffer.from(resistant), Buffer.alloc(32, 0xbb));
  t.strictSame(Buffer.from(await from.random(32, { predictionResistance: false })), wire);
});

t.test('calls of one tick are pipelined, and each gets its own response', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
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

t.test('generateRandom has the format of AWS KMS', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const from = client(t, path);
  for (const NumberOfBytes of [1, 32, 1024]) {
    const answer = await from.generateRandom({ NumberOfBytes });
    t.equal(answer.Plaintext.length, NumberOfBytes);
    t.match(answer.$metadata, {
      httpStatusCode: 200,
      requestId: /^[0-9a-f-]{36}$/,
      attempts: 1,
      totalRetryDelay: 0,
    });
  }
  for (const [input, name] of [
    [{ NumberOfBytes: 0 }, 'ValidationException'],
    [{ NumberOfBytes: 1025 }, 'ValidationException'],
    [{}, 'ValidationException'],
    [undefined, 'SerializationException'],
    [{ NumberOfBytes: '1' }, 'SerializationException'],
    [{ NumberOfBytes: 1, Recipient: {} }, 'UnsupportedOperationException'],
    [{ NumberOfBytes: 1, CustomKeyStoreId: 'cks-1' }, 'CustomKeyStoreNotFoundException'],
  ] as const)
    await t.rejects(from.generateRandom(input as object), {
      name,
      code: name,
      status: 400,
      $fault: 'client',
      $metadata: { httpStatusCode: 400, requestId: /^[0-9a-f-]{36}$/ },
    });
});

t.test('getRandomPassword has the format of AWS Secrets Manager', async (t) => {
  const { path } = await startServer(t);
  const from = client(t, path);
  for (const [input, form] of [
    [undefined, /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)(?=.*[^A-Za-z0-9])[!-~]{32}$/],
    [{ PasswordLength: 4096 }, /^[!-~]{4096}$/],
    [{ PasswordLength: 20, ExcludePunctuation: true }, /^[A-Za-z0-9]{20}$/],
  ] as const) {
    const { RandomPassword, $metadata } = await from.getRandomPassword(input);
    t.match(RandomPassword, form);
    t.match($metadata, { httpStatusCode: 200, requestId: /^[0-9a-f-]{36}$/, attempts: 1 });
  }
  for (const [input, name] of [
    [{ PasswordLength: 0 }, 'ValidationException'],
    [{ PasswordLength: 3 }, 'InvalidParameterException'],
    [{ PasswordLength: '32' }, 'SerializationException'],
    [null, 'SerializationException'],
  ] as const)
    await t.rejects(from.getRandomPassword(input as object), {
      name,
      code: name,
      status: 400,
      $fault: 'client',
      $metadata: { httpStatusCode: 400, requestId: /^[0-9a-f-]{36}$/ },
    });
});

t.test('genRandom has the format of gen-random, in both dialects', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const otc = client(t, path);
  const hwc = client(t, path, { dialect: 'hwc' });
  t.match(await otc.genRandom({ random_data_length: '512' }), {
    random_data: /^[0-9A-F]{128}$/,
  });
  t.match(await hwc.genRandom({ random_data_length: 8 }), { random_data: /^[0-9A-F]{2}$/ });
  await t.rejects(otc.genRandom({ random_data_length: '8' }), {
    name: 'ServiceError',
    code: 'KMS.1801',
    status: 400,
    error: { error_code: 'KMS.1801', error_msg: 'random_data_length must be 512 bits.' },
  });
  await t.rejects(hwc.genRandom({}), { code: 'KMS.0204' });
  const length = { random_data_length: 512 };
  for (const project_id of ['project', '0123456789abcdef0123456789abcdef', null, undefined])
    await t.resolves(otc.genRandom({ ...length, project_id } as object), `${project_id}`);
  for (const project_id of ['', 'a/b', 'a?b', 'a b', 7, {}])
    await t.rejects(
      otc.genRandom({ ...length, project_id } as object),
      { code: 'APIGW.0101', status: 404, error: { error_code: 'APIGW.0101' } },
      `project ${JSON.stringify(project_id)}`,
    );
});

t.test('failures of the daemon are reported in the terms of each API', async (t) => {
  const missing = client(t, freePath());
  await t.rejects(missing.generateRandom({ NumberOfBytes: 1 }), {
    name: 'DependencyTimeoutException',
    code: 'DependencyTimeoutException',
    status: 503,
    $fault: 'server',
    $retryable: {},
    $metadata: { httpStatusCode: 503, attempts: 1 },
    cause: { code: 'ERR_CONNECT' },
  });
  await t.rejects(missing.getRandomPassword(), {
    name: 'ServiceUnavailable',
    status: 503,
    $fault: 'server',
    $retryable: {},
    cause: { code: 'ERR_CONNECT' },
  });
  await t.rejects(missing.genRandom({ random_data_length: 512 }), {
    code: 'KMS.0104',
    status: 503,
    error: { error_code: 'KMS.0104' },
    cause: { code: 'ERR_CONNECT' },
  });
});

t.test('health, status, version, history and metrics are the daemon’s', async (t) => {
  const generator = createGenerator({}, { reason: 'not built' });
  const { path } = await startServer(t, generator);
  const from = client(t, path);
  const health = {
    state: 'fallback',
    healthy: false,
    reason: 'serving untested bytes of node:crypto, without the addon: not built',
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
  t.match(await from.history(), { intervalSeconds: 300, stored: false, records: [] });
  t.match(await from.metrics(), /^entropyd_state\{state="fallback"\} 1$/m);
});

t.test('selftest and reseed are called by their names', async (t) => {
  const { path } = await startFake(t, (socket) =>
    socket.on('data', (data) => {
      for (const [, id, method, params] of unpackAll(data))
        socket.write(pack([1, id, null, { method, params }]));
    }),
  );
  const from = client(t, path);
  for (const method of ['selftest', 'reseed'] as const)
    t.strictSame(await from[method](), { method, params: [] });
});

t.test('a result of the wrong type is refused', async (t) => {
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
    await t.rejects(from.history(), {
      code: 'ERR_MESSAGE',
      message: 'the daemon sent no JSON map for history',
    });
    if (result !== 'text')
      await t.rejects(from.metrics(), {
        code: 'ERR_MESSAGE',
        message: 'the daemon sent no text for metrics',
      });
  }
});

t.test('the timeout is the call’s, or else the client’s', async (t) => {
  const { path } = await silent(t);
  const from = client(t, path, { timeoutMs: 20 });
  await t.rejects(from.random(1), { code: 'ERR_TIMEOUT' });
  await t.rejects(from.health(), { code: 'ERR_TIMEOUT' });
  const patient = client(t, path, { timeoutMs: Number.POSITIVE_INFINITY });
  await t.rejects(patient.random(1, { timeoutMs: 20 }), { code: 'ERR_TIMEOUT' });
});

t.test('an invalid timeout is refused by name', async (t) => {
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

t.test('a signal ends its calls with its reason, and is released after each', async (t) => {
  const reason = new Error('no longer needed');
  const calls: ((from: Client, signal: AbortSignal) => Promise<unknown>)[] = [
    (from, signal) => from.random(1, { signal }),
    (from, signal) => from.health({ signal }),
    (from, signal) => from.generateRandom({ NumberOfBytes: 1 }, { signal }),
    (from, signal) => from.getRandomPassword({}, { signal }),
    (from, signal) => from.genRandom({ random_data_length: 512 }, { signal }),
  ];
  for (const call of calls) {
    const controller = new AbortController();
    const { path, received } = await silent(t);
    const pending = call(client(t, path), controller.signal);
    await received(1);
    controller.abort(reason);
    await t.rejects(pending, reason, 'in flight');
    await t.rejects(call(client(t, path), controller.signal), reason, 'from the start');
    t.equal(getEventListeners(controller.signal, 'abort').length, 0);
  }
  const { path } = await silent(t);
  await t.rejects(client(t, path).random(1, { signal: AbortSignal.timeout(5) }), {
    name: 'TimeoutError',
  });
});

t.test('a client’s signal ends all its calls, and is released when they end well', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const controller = new AbortController();
  const { signal } = controller;
  const { path } = await startServer(t, fakeGenerator());
  const from = client(t, path, { signal });
  await Promise.all(Array.from({ length: 50 }, () => from.random(8)));
  t.equal(getEventListeners(signal, 'abort').length, 0);

  const quiet = client(t, (await silent(t)).path, { signal });
  const pending: Promise<unknown>[] = [
    quiet.random(1),
    quiet.status(),
    quiet.random(1, { signal }),
  ];
  controller.abort();
  for (const call of pending) await t.rejects(call, { name: 'AbortError' });
  await t.rejects(from.random(1), { name: 'AbortError' });
  // Warnings are emitted in the next tick.
  await new Promise(setImmediate);
  t.strictSame(warnings, []);
});

t.test('close rejects calls in flight; await using closes', async (t) => {
  const { path, received } = await silent(t);
  let pending: Promise<unknown>;
  {
    await using from = connect({ socketPath: path });
    pending = from.random(1);
    pending.catch(() => {});
    await received(1);
  }
  await t.rejects(pending, { code: 'ERR_CLOSED' });
});

t.test('a client reconnects to a daemon that was restarted', async (t) => {
  const daemon = await startDaemonProgram(t);
  const from = client(t, daemon.path);
  t.equal((await from.random(32)).length, 32);
  await daemon.kill('SIGKILL');
  // It depends on whether the client has noticed the loss yet.
  await t.rejects(from.random(32), { code: /^ERR_(CONNECT|CLOSED)$/ }, 'while it is down');
  const again = new Program(t, [built('entropyd'), '--socket', daemon.path]);
  await again.says('entropyd listening');
  t.equal((await from.random(32)).length, 32);
  t.match(await from.health(), { state: String });
  t.equal((await again.kill('SIGTERM')).status, 0);
});

t.test('calls in flight while the daemon restarts are answered by the next', async (t) => {
  const path = freePath();
  const first = await startFake(t, (socket) => socket.on('data', () => first.close()), path);
  const from = client(t, path, { timeoutMs: programMs });
  const calls = [from.random(32), from.health(), from.random(100_000)];
  await once(first.server, 'close');
  const second = new Program(t, [built('entropyd'), '--socket', path]);
  await second.says('entropyd listening');
  const [short, health, long] = await Promise.all(calls);
  t.equal((short as Uint8Array).length, 32);
  t.match(health, { state: String });
  t.equal((long as Uint8Array).length, 100_000);
});

/** Output and status of a script with a client of `path`, in a process that must end by itself. */
async function script(t: Test, path: string, body: string): Promise<string> {
  const source = `import { connect } from ${JSON.stringify(built('index'))};
    const client = connect({ socketPath: ${JSON.stringify(path)} });
    ${body}`;
  const program = new Program(t, ['--input-type=module', '-e', source]);
  const { status, signal, stdout, stderr } = await program.ended;
  return `${status ?? signal}: ${stdout.trim()}${stderr}`;
}

t.test('a client keeps its process alive while a call waits, and no longer', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const { path: quiet } = await silent(t);
  for (const [name, at, body, outcome] of [
    ['never used', path, '', '0: '],
    ['idle', path, 'console.log((await client.random(9)).length);', '0: 9'],
    [
      'idle after another method',
      path,
      'console.log((await client.version()).name);',
      '0: entropyd',
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
      'piping a stream, and closed',
      path,
      `const { Writable } = await import('node:stream');
       let size = 0;
       await new Promise((enough) => {
         const write = (chunk, _, done) => {
           size += chunk.length;
           if (size > 1e6) enough();
           setImmediate(done);
         };
         client.stream().pipe(new Writable({ write }));
       });
       await client.close();
       console.log('closed');`,
      '0: closed',
    ],
    [
      'aborted before the call was sent',
      path,
      `await client.random(9);
       const controller = new AbortController();
       const call = client.random(9, { signal: controller.signal });
       controller.abort();
       console.log(await call.catch((e) => e.name));`,
      '0: AbortError',
    ],
    [
      'a stream that is no longer read',
      path,
      `for await (const bytes of client.stream()) { console.log(bytes.length); break; }
       client.stream().once('readable', () => console.log('readable'));`,
      '0: 65536\nreadable',
    ],
    [
      'without a daemon',
      freePath(),
      'console.log(await client.random(9).catch((e) => e.code));',
      '0: ERR_CONNECT',
    ],
    [
      'a call that only its handler waits for',
      quiet,
      'client.random(9, { timeoutMs: 100 }).catch((e) => console.log(e.code));',
      '0: ERR_TIMEOUT',
    ],
  ] as const) {
    t.equal(await script(t, at, body), outcome, name);
  }
});
