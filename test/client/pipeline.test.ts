import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { CallRequest } from '../../src/client/call.js';
import { DeadlineTimer, Pipeline, type PipelineOptions } from '../../src/client/pipeline.js';
import { EntropyError } from '../../src/common/errors.js';
import { makeCall, startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { pack, unpackAll } from '../support/raw.js';

/** Long enough for a slow machine, short enough to be seen as a failure. */
const patienceMs = 20_000;

/** What a fake daemon answers to a request; undefined: nothing. */
type Reply = (request: unknown[]) => unknown;

const wire = (size: number): Buffer => Buffer.alloc(size, 0xaa);

const honest: Reply = ([, id, method, params]) =>
  method === 'random'
    ? [1, id, null, wire((params as number[])[0] as number)]
    : [1, id, null, { method, params }];

/** Answers each request of a connection. */
function answering(reply: Reply): (socket: Socket) => void {
  return (socket) =>
    socket.on('data', (data) => {
      for (const request of unpackAll(data)) {
        const answer = reply(request);
        if (answer !== undefined) socket.write(Buffer.isBuffer(answer) ? answer : pack(answer));
      }
    });
}

function channel(t: Test, path: string, options: Partial<PipelineOptions> = {}): Pipeline {
  const made = new Pipeline({ path, mixLocal: false, maxPending: 10_000, ...options });
  t.teardown(() => made.close());
  return made;
}

type Sent = Promise<unknown> & { cancel(error: Error): void };

function send(to: Pipeline, request: Partial<CallRequest>, timeoutMs = patienceMs): Sent {
  const { promise, call } = makeCall({ timeoutMs, ...request });
  to.send(call);
  return Object.assign(promise, { cancel: (error: Error) => call.fail(error) });
}

const random = (to: Pipeline, size: number, timeoutMs?: number): Sent =>
  send(to, { target: new Uint8Array(size) }, timeoutMs);
const health = (to: Pipeline, timeoutMs?: number): Sent =>
  send(to, { method: 'health', params: [] }, timeoutMs);

t.test('requests of one tick leave in one write and are answered in their order', async (t) => {
  const reads: unknown[][][] = [];
  const { path } = await startFake(t, (socket) => {
    socket.on('data', (data) => reads.push(unpackAll(data)));
    answering(honest)(socket);
  });
  const to = channel(t, path);
  await random(to, 1);
  await health(to);
  reads.length = 0;
  const settled: number[] = [];
  const calls = [random(to, 2), health(to), random(to, 3), random(to, 4), health(to)];
  calls.forEach((call, index) => void call.then(() => settled.push(index)));
  await Promise.all(calls);
  t.strictSame(reads, [
    [
      [0, 2, 'random', [2]],
      [0, 3, 'health', []],
      [0, 4, 'random', [3]],
      [0, 5, 'random', [4]],
      [0, 6, 'health', []],
    ],
  ]);
  t.strictSame(settled.sort(), [0, 1, 2, 3, 4]);
});

t.test('by whole turns, requests of several ticks leave in one write', async (t) => {
  const reads: unknown[][][] = [];
  const { path } = await startFake(t, (socket) => {
    socket.on('data', (data) => reads.push(unpackAll(data)));
    answering(honest)(socket);
  });
  const to = channel(t, path, { coalesce: 'turn' });
  await random(to, 1);
  reads.length = 0;
  const first = random(to, 2);
  const second = new Promise((resolve) => process.nextTick(() => resolve(random(to, 3))));
  await Promise.all([first, second]);
  t.strictSame(
    reads.map((messages) => messages.map(([, , , params]) => params)),
    [[[2], [3]]],
  );
});

t.test('a random’s bytes are in its target, any other result is passed on', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const to = channel(t, path);
  for (const size of [1, 127, 255, 256, 65_535, 65_536, 200_000, 1_048_576]) {
    const target = new Uint8Array(size);
    t.equal(await send(to, { target }), target);
    t.equal(Buffer.compare(target, wire(size)), 0, `${size} bytes`);
  }
  t.strictSame(await send(to, { method: 'noise', params: ['rdseed', 8] }), {
    method: 'noise',
    params: ['rdseed', 8],
  });
  t.strictSame(await send(to, { method: 'x', params: [] }), { method: 'x', params: [] });
});

t.test('prediction resistance is asked for with the options', async (t) => {
  const { path } = await startFake(
    t,
    answering(([, id, method, params]) => {
      t.strictSame([method, params], ['random', [5, { predictionResistance: true }]]);
      return [1, id, null, wire(5)];
    }),
  );
  const target = new Uint8Array(5);
  await send(channel(t, path), { target, params: [5, { predictionResistance: true }] });
  t.strictSame(Buffer.from(target), wire(5));
});

t.test('an answer may come in pieces, cut anywhere', async (t) => {
  for (const call of [random, health]) {
    let cut = 0;
    const { path } = await startFake(t, (socket) =>
      socket.on('data', async (data) => {
        const [request] = unpackAll(data);
        const answer = pack(honest(request ?? []));
        socket.write(answer.subarray(0, cut));
        // The client has read the first piece by then.
        await setTimeout(2);
        socket.write(answer.subarray(cut));
      }),
    );
    const to = channel(t, path);
    for (; cut < 12; cut++) {
      const result = await (call === random ? random(to, 3) : health(to));
      if (call === random) t.strictSame(Buffer.from(result as Uint8Array), wire(3), `cut ${cut}`);
      else t.strictSame(result, { method: 'health', params: [] }, `cut ${cut}`);
    }
  }
});

t.test('an answer of another kind may be larger than a read', async (t) => {
  const text = 'x'.repeat(300_000);
  const { path } = await startFake(
    t,
    answering(([, id]) => [1, id, null, text]),
  );
  t.equal(await health(channel(t, path, { mixLocal: true })), text);
});

t.test('with mixLocal no byte arrives as it was sent, and each answer is mixed anew', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const to = channel(t, path, { mixLocal: true });
  const seen = new Set<string>();
  const block = 32;
  for (const size of [block, block, 70_000, 1_048_576]) {
    const bytes = (await random(to, size)) as Uint8Array;
    for (let at = 0; at + block <= size; at += block)
      seen.add(Buffer.from(bytes.subarray(at, at + block)).toString('hex'));
  }
  // False alarm: two of 35,000 equal blocks, 2^-226.
  t.equal(seen.size, 2 + Math.floor(70_000 / block) + 1_048_576 / block);
  t.notOk(seen.has(wire(block).toString('hex')));
});

t.test('a call whose time is up is rejected, and its late answer dropped', async (t) => {
  const requests: unknown[][] = [];
  const { path, sockets } = await startFake(
    t,
    answering((request) => void requests.push(request)),
  );
  const to = channel(t, path);
  const target = new Uint8Array(4);
  const late = [send(to, { target }, 50), health(to, 50), random(to, 70_000, 50)];
  const patient = random(to, 5);
  for (const call of late)
    await t.rejects(call, { code: 'ERR_TIMEOUT', message: `no answer in time on ${path}` });
  t.equal(requests.length, 4);
  const [socket] = sockets;
  for (const request of requests) socket?.write(pack(honest(request)));
  t.strictSame(Buffer.from((await patient) as Uint8Array), wire(5));
  t.strictSame(target, new Uint8Array(4), 'the caller’s memory is left alone');
  t.equal(sockets.size, 1, 'on the same connection');
});

t.test('a daemon that answers none in time is given up: the next call connects anew', async (t) => {
  let connections = 0;
  const { path } = await startFake(t, (socket, count) => {
    connections = count;
    if (count > 1) answering(honest)(socket);
    else socket.resume();
  });
  const to = channel(t, path);
  const first = random(to, 5, 30);
  const second = random(to, 5, 60);
  await t.rejects(first, { code: 'ERR_TIMEOUT' });
  t.equal(connections, 1);
  await t.rejects(second, { code: 'ERR_TIMEOUT' });
  t.strictSame(Buffer.from((await random(to, 5)) as Uint8Array), wire(5));
  t.equal(connections, 2);
});

t.test('timeouts of any length are waited for, asleep', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const { path } = await startFake(t, (socket) =>
    socket.on('data', async (data) => {
      await setTimeout(20);
      for (const request of unpackAll(data)) socket.write(pack(honest(request)));
    }),
  );
  const to = channel(t, path);
  for (const timeoutMs of [2 ** 31, 1e15, Number.POSITIVE_INFINITY])
    t.equal(((await random(to, 3, timeoutMs)) as Uint8Array).length, 3, `${timeoutMs} ms`);
  t.strictSame(warnings, [], 'no timer overflowed');
});

t.test('a call that is cancelled ends once, with the reason given', async (t) => {
  const requests: unknown[][] = [];
  const { path, sockets } = await startFake(
    t,
    answering((request) => void requests.push(request)),
  );
  const to = channel(t, path);
  const calls = [random(to, 4), health(to), random(to, 4)] as const;
  while (requests.length < 3) await setTimeout(1);
  const reason = new Error('enough');
  for (const call of calls.slice(0, 2)) {
    call.cancel(reason);
    call.cancel(new Error('again'));
    await t.rejects(call, reason);
  }
  const [socket] = sockets;
  for (const request of requests) socket?.write(pack(honest(request)));
  await calls[2];
  calls[2].cancel(reason);
  t.equal(((await calls[2]) as Uint8Array).length, 4, 'too late');
  t.equal(sockets.size, 1);
});

t.test('what was under way when the daemon went is asked again, once', async (t) => {
  const read: [connection: number, requests: number][] = [];
  const { path } = await startFake(t, (socket, count) =>
    socket.on('data', (data) => {
      const requests = unpackAll(data);
      read.push([count, requests.length]);
      if (requests.length > 1 && count === 1) socket.destroy();
      else for (const request of requests) socket.write(pack(honest(request)));
    }),
  );
  const to = channel(t, path);
  await health(to);
  const [bytes, map] = await Promise.all([random(to, 4), health(to)]);
  t.strictSame(Buffer.from(bytes as Uint8Array), wire(4));
  t.strictSame(map, { method: 'health', params: [] });
  t.strictSame(read, [
    [1, 1],
    [1, 2],
    [2, 2],
  ]);
});

t.test('a call under which two connections were lost is rejected', async (t) => {
  let connections = 0;
  const { path } = await startFake(t, (socket, count) => {
    connections = count;
    if (count <= 2) socket.on('data', () => socket.destroy());
    else answering(honest)(socket);
  });
  const to = channel(t, path);
  await t.rejects(random(to, 4), {
    code: 'ERR_CLOSED',
    message: `the daemon closed the connection: ${path}`,
  });
  t.equal(connections, 2);
  await t.resolves(random(to, 4), 'the next one connects anew');
});

t.test('a call of whose answer something has come is asked again, once', async (t) => {
  for (const [cutConnections, outcome] of [
    [1, 'bytes'],
    [2, 'ERR_CLOSED'],
  ] as const) {
    let connections = 0;
    const { path } = await startFake(t, (socket, count) => {
      connections = count;
      socket.on('data', (data) => {
        const [request] = unpackAll(data);
        const answer = pack(honest(request ?? []));
        // What comes of the first answer is not what the second one has there.
        if (count <= cutConnections) socket.end(answer.subarray(0, 50).fill(0xbb, 20));
        else socket.write(answer);
      });
    });
    const bytes = await random(channel(t, path), 100).catch(({ code }) => code);
    const whole = bytes instanceof Uint8Array && wire(100).equals(bytes);
    t.equal(whole ? 'bytes' : bytes, outcome);
    t.equal(connections, 2);
  }
});

t.test('wherever a connection ends, each call is settled once, with a whole answer', async (t) => {
  // 0: another method.
  const sizes = [3, 0, 300, 0, 2];
  const whole = Buffer.concat(
    sizes.map((size, id) => pack(honest([0, id, size > 0 ? 'random' : 'health', [size]]))),
  );

  const outcomesAt = async (cut: number): Promise<string[][]> => {
    const { path } = await startFake(t, (socket, connections) => {
      if (connections > 1) return answering(honest)(socket);
      let requests = 0;
      socket.on('data', (data) => {
        requests += unpackAll(data).length;
        if (requests === sizes.length) socket.end(whole.subarray(0, cut));
      });
    });
    const to = channel(t, path);
    const outcomes = sizes.map((size) => {
      const settled: string[] = [];
      const request =
        size > 0 ? { target: new Uint8Array(size) } : { method: 'health', params: [] };
      const resolve = (result: unknown) =>
        settled.push(size > 0 && wire(size).equals(result as Uint8Array) ? 'bytes' : typeof result);
      const reject = (reason: EntropyError) => settled.push(reason.code);
      to.send(makeCall({ ...request, resolve, reject }).call);
      return settled;
    });
    while (outcomes.some((settled) => settled.length === 0)) await setTimeout(1);
    await setTimeout(5);
    return outcomes;
  };

  const cuts = Array.from({ length: whole.length + 1 }, (_, cut) => cut);
  await Promise.all(
    cuts.map(async (cut) => {
      const wanted = sizes.map((size) => [size === 0 ? 'object' : 'bytes']);
      t.strictSame(await outcomesAt(cut), wanted, `cut at ${cut} of ${whole.length}`);
    }),
  );
});

t.test('a daemon that is back within a second is found; one that is not, is missing', async (t) => {
  const path = freePath();
  const first = await startFake(t, answering(honest), path);
  const to = channel(t, path);
  await random(to, 4);
  await first.close();
  await setTimeout(10);
  await t.rejects(random(to, 4), { code: 'ERR_CONNECT' }, 'an idle client does not wait');

  const second = await startFake(t, (socket) => socket.on('data', () => second.close()), path);
  const kept = random(to, 4);
  await once(second.server, 'close');
  const third = await startFake(t, answering(honest), path);
  t.strictSame(Buffer.from((await kept) as Uint8Array), wire(4), 'under way while it restarted');

  await third.close();
  await setTimeout(10);
  const fourth = await startFake(t, (socket) => socket.on('data', () => fourth.close()), path);
  const before = performance.now();
  await t.rejects(random(to, 4), { code: 'ERR_CLOSED' }, 'it did not come back');
  t.ok(performance.now() - before > 700, 'but had its time');
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await t.rejects(random(to, 4), { code: 'ERR_CONNECT' });
    t.ok(performance.now() - start < 500, 'from then on it is missing at once');
  }
});

t.test('calls that time out during a restart leave nothing behind', async (t) => {
  const fake = await startFake(t, (socket) => socket.on('data', () => fake.close()));
  const to = channel(t, fake.path);
  await t.rejects(random(to, 4, 100), { code: 'ERR_TIMEOUT' });
  const requests: unknown[][] = [];
  await startFake(
    t,
    answering((request) => {
      requests.push(request);
      return honest(request);
    }),
    fake.path,
  );
  t.strictSame(Buffer.from((await random(to, 5)) as Uint8Array), wire(5));
  t.strictSame(
    requests.map(([, , , params]) => params),
    [[5]],
    'what nobody waits for is not asked again',
  );
});

t.test('an error answer rejects its call with code and message', async (t) => {
  const { path } = await startFake(
    t,
    answering(([, id, method]) =>
      method === 'health'
        ? [1, id, ['ERR_FORBIDDEN', 'for administrators'], null]
        : [1, 0, ['ERR_LATER', 'a code of another version'], null],
    ),
  );
  const to = channel(t, path);
  await random(to, 1).catch(() => {});
  const refused = await health(to).catch((error) => error);
  t.ok(refused instanceof EntropyError);
  t.match(refused, { code: 'ERR_FORBIDDEN', message: 'for administrators' });
  await t.rejects(random(to, 1), { code: 'ERR_LATER' }, 'id 0: the daemon could not read it');
});

t.test('a late error answer to a call that ended is dropped', async (t) => {
  const requests: unknown[][] = [];
  const { path, sockets } = await startFake(
    t,
    answering((request) => void requests.push(request)),
  );
  const to = channel(t, path);
  const cancelled = random(to, 4);
  const kept = health(to);
  while (requests.length < 2) await setTimeout(1);
  cancelled.cancel(new Error('enough'));
  await t.rejects(cancelled, { message: 'enough' });
  const [socket] = sockets;
  socket?.write(pack([1, requests[0]?.[1], ['ERR_BUSY', 'x'], null]));
  socket?.write(pack(honest(requests[1] ?? [])));
  t.strictSame(await kept, { method: 'health', params: [] });
});

t.test('a daemon that sends garbage is refused, and the next call connects anew', async (t) => {
  for (const [name, call, reply] of [
    ['no array', random, () => Buffer.from([0xc0])],
    ['an extension', health, () => Buffer.from([0x91, 0xd4, 0x72, 0x40])],
    ['text', random, () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['zeros', health, () => Buffer.alloc(100)],
    ['a request', health, ([, id]: unknown[]) => [0, id, 'health', []]],
    ['another id', random, ([, id]: unknown[]) => [1, (id as number) + 1, null, wire(4)]],
    ['another id', health, ([, id]: unknown[]) => [1, (id as number) + 1, null, {}]],
    [
      'an error for another',
      health,
      ([, id]: unknown[]) => [1, (id as number) + 1, ['E', 'x'], null],
    ],
    ['too few bytes', random, ([, id]: unknown[]) => [1, id, null, wire(3)]],
    ['too many bytes', random, ([, id]: unknown[]) => [1, id, null, wire(5)]],
    ['no bytes', random, ([, id]: unknown[]) => [1, id, null, 'abcd']],
    ['an error as text', health, ([, id]: unknown[]) => [1, id, 'ERR_BUSY', null]],
    ['an error as a map', random, ([, id]: unknown[]) => [1, id, { code: 1 }, null]],
    ['an error without a message', health, ([, id]: unknown[]) => [1, id, ['ERR_BUSY'], null]],
    ['an error without a code', health, ([, id]: unknown[]) => [1, id, [1, 'x'], null]],
    ['an endless message', health, () => Buffer.from([0x91, 0xc6, 0xff, 0xff, 0xff, 0xff])],
    ['too many elements', health, () => Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
  ] as const) {
    let garbage = true;
    const { path } = await startFake(
      t,
      answering((request) => {
        if (!garbage) return honest(request);
        garbage = false;
        return (reply as Reply)(request);
      }),
    );
    const to = channel(t, path);
    await t.rejects(
      call === random ? random(to, 4) : health(to),
      { name: 'EntropyError', code: /^ERR_(MESSAGE|TOO_LARGE)$/ },
      name,
    );
    t.strictSame(Buffer.from((await random(to, 4)) as Uint8Array), wire(4), `after ${name}`);
  }
});

t.test('an answer that nobody asked for ends the connection, not the next call', async (t) => {
  const { path, sockets } = await startFake(t, answering(honest));
  const to = channel(t, path);
  await random(to, 4);
  const [socket] = [...sockets];
  socket?.write(pack([1, 0, null, wire(4)]));
  await once(socket as Socket, 'close');
  t.equal(((await random(to, 4)) as Uint8Array).length, 4);
});

t.test('a missing daemon is said with the path tried and how to start one', async (t) => {
  const path = freePath();
  const to = channel(t, path);
  const failed = await Promise.allSettled([random(to, 1), health(to)]);
  for (const outcome of failed)
    t.match(outcome, {
      status: 'rejected',
      reason: {
        code: 'ERR_CONNECT',
        message: `no daemon on ${path} (ENOENT); start one with: entropyd --socket ${path}`,
        cause: { code: 'ENOENT' },
      },
    });
});

t.test('a call beyond maxPending is refused at once, and no other is lost', async (t) => {
  const requests: unknown[][] = [];
  const { path, sockets } = await startFake(
    t,
    answering((request) => void requests.push(request)),
  );
  const busy = {
    code: 'ERR_BUSY',
    message: 'this client has 3 calls in flight, as many as maxPending allows',
  };
  const to = channel(t, path, { maxPending: 3 });
  const waiting = [random(to, 4), health(to), random(to, 5)];
  await t.rejects(random(to, 6), busy, 'of the same tick');
  while (requests.length < 3) await setTimeout(1);
  await t.rejects(health(to), busy, 'later');
  waiting[0]?.cancel(new Error('enough'));
  await t.rejects(waiting[0] as Sent, { message: 'enough' });
  await t.rejects(health(to), busy, 'an answer that is to be dropped is waited for too');
  const [socket] = sockets;
  socket?.write(pack(honest(requests[0] ?? [])));
  socket?.write(pack(honest(requests[1] ?? [])));
  await waiting[1];
  const next = random(to, 7);
  while (requests.length < 4) await setTimeout(1);
  for (const request of requests.slice(2)) socket?.write(pack(honest(request)));
  t.strictSame(Buffer.from((await waiting[2]) as Uint8Array), wire(5));
  t.strictSame(Buffer.from((await next) as Uint8Array), wire(7), 'there is room again');
});

t.test('calls that end before they are sent are not sent, nor counted', async (t) => {
  const seen: unknown[] = [];
  const { path } = await startFake(
    t,
    answering((request) => {
      seen.push(request[3]);
      return honest(request);
    }),
  );
  const to = channel(t, path, { maxPending: 2 });
  for (const size of [1, 2]) {
    for (let i = 0; i < 5; i++) {
      const call = random(to, 9);
      call.cancel(new Error('enough'));
      await t.rejects(call, { message: 'enough' });
    }
    await random(to, size);
  }
  t.strictSame(seen, [[1], [2]]);
});

t.test('a call’s time begins when its tick ends', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const to = channel(t, path);
  await random(to, 1);
  const call = random(to, 4, 250);
  const start = performance.now();
  while (performance.now() - start < 300);
  t.equal(((await call) as Uint8Array).length, 4);
});

t.test('close rejects what is under way, and everything later', async (t) => {
  const closed = { code: 'ERR_CLOSED', message: 'the client was closed' };
  const { path, sockets } = await startFake(t, (socket) => socket.resume());
  const never = channel(t, path);
  never.close();
  await t.rejects(random(never, 1), { code: 'ERR_CLOSED', message: 'the client is closed' });

  for (const wait of [async () => {}, () => new Promise(process.nextTick)]) {
    const connecting = channel(t, path);
    const early = random(connecting, 1);
    await wait();
    connecting.close();
    await t.rejects(early, closed, 'before it connected');
  }

  const to = channel(t, path);
  const waiting = [random(to, 1), health(to)];
  while (sockets.size === 0) await setTimeout(1);
  await setTimeout(5);
  to.close();
  for (const call of waiting) await t.rejects(call, closed);
  to.close();
  const cancel = random(to, 1);
  await t.rejects(cancel, { code: 'ERR_CLOSED' });
  t.equal(cancel.cancel(new Error('late')), undefined);
});

t.test('close ends the wait for a daemon that restarts', async (t) => {
  const fake = await startFake(t, (socket) => socket.on('data', () => fake.close()));
  const to = channel(t, fake.path);
  const waiting = random(to, 1);
  await once(fake.server, 'close');
  await setTimeout(5);
  to.close();
  await t.rejects(waiting, { code: 'ERR_CLOSED', message: 'the client was closed' });
});

/** Far beyond what any of these tests waits for. */
const farMs = 60_000;

/** Timers count in whole milliseconds, and may be early by one. */
const clockMs = 1;

t.test('it goes off at the earliest deadline, not before, and once', async (t) => {
  for (const offsets of [
    [40],
    [40, 80, farMs],
    [farMs, 80, 40],
    [40, 40],
    [Number.POSITIVE_INFINITY, 40],
  ]) {
    const fired: number[] = [];
    const timer = new DeadlineTimer((now) => fired.push(now));
    const start = performance.now();
    for (const offset of offsets) timer.watch(start + offset);
    await setTimeout(60);
    while (fired.length === 0) await setTimeout(1);
    t.equal(fired.length, 1, `${offsets}`);
    t.ok((fired[0] as number) >= start + 40 - clockMs, `${offsets}: not before`);
    timer.stop();
  }
});

t.test('a deadline that is over is due at once', async (t) => {
  const start = performance.now();
  const fired: number[] = [];
  new DeadlineTimer((now) => fired.push(now)).watch(start - 5);
  while (fired.length === 0) await setTimeout(1);
  t.ok((fired[0] as number) >= start);
});

t.test('what is not due is watched again', async (t) => {
  const start = performance.now();
  const deadlines = [start + 10, start + 30];
  const fired: number[] = [];
  const timer = new DeadlineTimer((now) => {
    fired.push(now);
    for (const deadline of deadlines) if (deadline > now) timer.watch(deadline);
  });
  for (const deadline of deadlines) timer.watch(deadline);
  while ((fired.at(-1) ?? 0) < start + 30) await setTimeout(1);
  t.ok(fired.length >= 2);
});

t.test('a timer that was stopped does not go off, and may watch again', async (t) => {
  let fired = 0;
  const timer = new DeadlineTimer(() => fired++);
  timer.stop();
  timer.watch(performance.now() + 5);
  timer.stop();
  await setTimeout(20);
  t.equal(fired, 0);
  timer.watch(performance.now() + 5);
  while (fired === 0) await setTimeout(1);
  t.equal(fired, 1);
});

t.test('deadlines beyond what a timer can wait for do not go off at once', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  for (const deadline of [2 ** 31 + 1e6, 1e15, Number.POSITIVE_INFINITY]) {
    let fired = 0;
    const timer = new DeadlineTimer(() => fired++);
    timer.watch(deadline);
    await setTimeout(20);
    t.equal(fired, 0, `${deadline}`);
    timer.stop();
  }
  t.strictSame(warnings, [], 'no timer overflowed');
});
