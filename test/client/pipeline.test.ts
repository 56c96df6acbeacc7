import { once } from 'node:events';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { CallRequest } from '../../src/client/call.js';
import { DeadlineTimer, Pipeline, type PipelineOptions } from '../../src/client/pipeline.js';
import { ResponseReader } from '../../src/client/wire.js';
import { EntropyError } from '../../src/common/errors.js';
import { FakeClock } from '../support/clock.js';
import { makeCall, startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { pack, unpackAll } from '../support/raw.js';
import { programMs, until } from '../support/until.js';

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
        const response = reply(request);
        if (response !== undefined)
          socket.write(Buffer.isBuffer(response) ? response : pack(response));
      }
    });
}

/** A daemon that answers honestly when the test says so. */
async function startPatient(t: Test) {
  const requests: unknown[][] = [];
  const { path, sockets } = await startFake(
    t,
    answering((request) => void requests.push(request)),
  );
  return {
    path,
    sockets,
    requests,
    /** Resolves once so many requests have arrived. */
    received: (count: number) => until(() => requests.length >= count, `${count} requests`),
    answer(...answered: unknown[][]) {
      const [socket] = sockets;
      for (const request of answered) socket?.write(pack(honest(request)));
    },
  };
}

function pipeline(t: Test, path: string, options: Partial<PipelineOptions> = {}): Pipeline {
  const made = new Pipeline({ path, mixLocal: false, maxPending: 10_000, ...options });
  t.teardown(() => made.close());
  return made;
}

type Sent = Promise<unknown> & { cancel(error: Error): void };

function send(to: Pipeline, request: Partial<CallRequest>, timeoutMs = programMs): Sent {
  const { promise, call } = makeCall({ timeoutMs, ...request });
  to.send(call);
  return Object.assign(promise, { cancel: (error: Error) => call.fail(error) });
}

const random = (to: Pipeline, size: number, timeoutMs?: number): Sent =>
  send(to, { target: new Uint8Array(size) }, timeoutMs);
const health = (to: Pipeline, timeoutMs?: number): Sent =>
  send(to, { method: 'health', params: [] }, timeoutMs);

/** The result of a call without a deadline, for which all pauses of a reconnect go by. */
async function afterBackoff(clock: FakeClock, to: Pipeline, size: number): Promise<unknown> {
  let outcome: { result: unknown } | undefined;
  void random(to, size, Number.POSITIVE_INFINITY)
    .catch((error: unknown) => error)
    .then((result) => {
      outcome = { result };
    });
  const { result } = await until(() => {
    clock.advance(400);
    return outcome;
  }, 'the outcome of a call');
  return result;
}

/** Resolves once the clock has a timer for the first attempt to reconnect. */
const inBackoff = (clock: FakeClock) => until(() => clock.delays.includes(12.5), 'a first backoff');

t.test('the requests of a tick, or of a turn, leave in one write, in order', async (t) => {
  for (const [coalesce, later] of [
    ['tick', (run: () => void) => run()],
    ['turn', process.nextTick],
  ] as const) {
    const reads: unknown[][][] = [];
    const { path } = await startFake(t, (socket) => {
      socket.on('data', (data) => reads.push(unpackAll(data)));
      answering(honest)(socket);
    });
    const to = pipeline(t, path, { coalesce });
    await random(to, 1);
    await health(to);
    reads.length = 0;
    const calls = [random(to, 2), health(to), random(to, 3)];
    await new Promise<void>((resolve) =>
      later(() => {
        calls.push(random(to, 4), health(to));
        resolve();
      }),
    );
    await Promise.all(calls);
    t.strictSame(
      reads,
      [
        [
          [0, 2, 'random', [2]],
          [0, 3, 'health', []],
          [0, 4, 'random', [3]],
          [0, 5, 'random', [4]],
          [0, 6, 'health', []],
        ],
      ],
      coalesce,
    );
  }
});

t.test('the bytes of a random are in its target, any other result is passed on', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const to = pipeline(t, path);
  for (const size of [1, 127, 255, 256, 65_535, 65_536, 200_000, 1_048_576]) {
    const target = new Uint8Array(size);
    t.equal(await send(to, { target }), target);
    t.equal(Buffer.compare(target, wire(size)), 0, `${size} bytes`);
  }
  for (const request of [
    { method: 'noise', params: ['rdseed', 8] },
    { method: 'x', params: [] },
  ])
    t.strictSame(await send(to, request), request);
});

t.test('prediction resistance is requested with the options', async (t) => {
  const params = [5, { predictionResistance: true }];
  const { path } = await startFake(
    t,
    answering(([, id, ...request]) => {
      t.strictSame(request, ['random', params]);
      return [1, id, null, wire(5)];
    }),
  );
  const target = new Uint8Array(5);
  await send(pipeline(t, path), { target, params });
  t.strictSame(Buffer.from(target), wire(5));
});

t.test('a response may come in pieces, cut anywhere', async (t) => {
  let reads = 0;
  const { read } = ResponseReader.prototype;
  t.intercept(ResponseReader.prototype, 'read', {
    value(this: ResponseReader, ...args: Parameters<typeof read>) {
      reads++;
      return read.apply(this, args);
    },
  });
  for (const call of [random, health]) {
    let cut = 1;
    const { path } = await startFake(t, (socket) =>
      socket.on('data', async (data) => {
        const [request] = unpackAll(data);
        const response = pack(honest(request ?? []));
        const before = reads;
        socket.write(response.subarray(0, cut));
        await until(() => reads > before, 'a read of the first piece');
        socket.write(response.subarray(cut));
      }),
    );
    const to = pipeline(t, path);
    for (; cut < 12; cut++) {
      const result = await (call === random ? random(to, 3) : health(to));
      if (call === random) t.strictSame(Buffer.from(result as Uint8Array), wire(3), `cut ${cut}`);
      else t.strictSame(result, { method: 'health', params: [] }, `cut ${cut}`);
    }
  }
});

t.test('a response of another layout may be larger than a read', async (t) => {
  const text = 'x'.repeat(300_000);
  const { path } = await startFake(
    t,
    answering(([, id]) => [1, id, null, text]),
  );
  t.equal(await health(pipeline(t, path, { mixLocal: true })), text);
});

t.test('with mixLocal no byte arrives as sent, and no two blocks are mixed alike', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const to = pipeline(t, path, { mixLocal: true });
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

t.test('a call whose time is up is rejected, and its late response dropped', async (t) => {
  const { path, sockets, requests, received, answer } = await startPatient(t);
  const timers = new FakeClock();
  const to = pipeline(t, path, { timers });
  const target = new Uint8Array(4);
  const late = [send(to, { target }, 50), health(to, 50), random(to, 70_000, 50)];
  const patient = random(to, 5, 51);
  await received(4);
  timers.advance(50);
  for (const call of late)
    await t.rejects(call, { code: 'ERR_TIMEOUT', message: `no answer in time on ${path}` });
  answer(...requests);
  t.strictSame(Buffer.from((await patient) as Uint8Array), wire(5));
  t.strictSame(target, new Uint8Array(4), 'the caller’s memory is left alone');
  t.equal(sockets.size, 1, 'on the same connection');
});

t.test('a daemon that answers nothing in time is given up: the next call reconnects', async (t) => {
  let connections = 0;
  const { path } = await startFake(t, (socket, count) => {
    connections = count;
    if (count > 1) answering(honest)(socket);
    else socket.resume();
  });
  const timers = new FakeClock();
  const to = pipeline(t, path, { timers });
  const calls = [random(to, 5, 30), random(to, 5, 60)] as const;
  await until(() => connections === 1, 'a connection');
  timers.advance(30);
  await t.rejects(calls[0], { code: 'ERR_TIMEOUT' });
  timers.advance(30);
  await t.rejects(calls[1], { code: 'ERR_TIMEOUT' });
  t.strictSame(Buffer.from((await afterBackoff(timers, to, 5)) as Uint8Array), wire(5));
  t.equal(connections, 2);
});

t.test('a timeout may be of any length', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const timers = new FakeClock();
  const to = pipeline(t, path, { timers });
  for (const timeoutMs of [2 ** 31, 1e15, Number.POSITIVE_INFINITY])
    t.equal(((await random(to, 3, timeoutMs)) as Uint8Array).length, 3, `${timeoutMs} ms`);
  t.ok(
    timers.delays.every((delay) => delay < 2 ** 31),
    'no timer overflows',
  );
});

t.test('the time of a call begins when its tick ends', async (t) => {
  const { path } = await startFake(t, answering(honest));
  const timers = new FakeClock();
  const to = pipeline(t, path, { timers });
  await random(to, 1);
  const call = random(to, 4, 250);
  timers.advance(300);
  t.equal(((await call) as Uint8Array).length, 4);
});

t.test('a cancelled call ends once, with the reason given', async (t) => {
  const { path, sockets, requests, received, answer } = await startPatient(t);
  const to = pipeline(t, path);
  const calls = [random(to, 4), health(to), random(to, 4)] as const;
  await received(3);
  const reason = new Error('enough');
  for (const call of calls.slice(0, 2)) {
    call.cancel(reason);
    call.cancel(new Error('again'));
    await t.rejects(call, reason);
  }
  answer(...requests);
  await calls[2];
  calls[2].cancel(reason);
  t.equal(((await calls[2]) as Uint8Array).length, 4, 'too late');
  t.equal(sockets.size, 1);
});

t.test('calls in flight when the daemon goes are sent again, once', async (t) => {
  const read: [connection: number, requests: number][] = [];
  const { path } = await startFake(t, (socket, count) =>
    socket.on('data', (data) => {
      const requests = unpackAll(data);
      read.push([count, requests.length]);
      if (requests.length > 1 && count === 1) socket.destroy();
      else for (const request of requests) socket.write(pack(honest(request)));
    }),
  );
  const to = pipeline(t, path);
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

t.test('a call that has lost two connections is rejected', async (t) => {
  let connections = 0;
  const { path } = await startFake(t, (socket, count) => {
    connections = count;
    if (count <= 2) socket.on('data', () => socket.destroy());
    else answering(honest)(socket);
  });
  const to = pipeline(t, path);
  await t.rejects(random(to, 4), {
    code: 'ERR_CLOSED',
    message: `the daemon closed the connection: ${path}`,
  });
  t.equal(connections, 2);
  await t.resolves(random(to, 4), 'the next call reconnects');
});

t.test('a call with a partial response is sent again, once', async (t) => {
  for (const [cutConnections, outcome] of [
    [1, 'bytes'],
    [2, 'ERR_CLOSED'],
  ] as const) {
    let connections = 0;
    const { path } = await startFake(t, (socket, count) => {
      connections = count;
      socket.on('data', (data) => {
        const [request] = unpackAll(data);
        const response = pack(honest(request ?? []));
        // The bytes of the partial response differ from those of the whole one.
        if (count <= cutConnections) socket.end(response.subarray(0, 50).fill(0xbb, 20));
        else socket.write(response);
      });
    });
    const bytes = await random(pipeline(t, path), 100).catch(({ code }) => code);
    const whole = bytes instanceof Uint8Array && wire(100).equals(bytes);
    t.equal(whole ? 'bytes' : bytes, outcome);
    t.equal(connections, 2);
  }
});

t.test('wherever a connection ends, each call settles once, with a whole response', async (t) => {
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
    const to = pipeline(t, path);
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
    await until(() => outcomes.every((settled) => settled.length > 0), 'all calls settled');
    // Whatever else the daemon sent comes before the response to a later request.
    await random(to, 1);
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

t.test('a call in flight waits for a daemon that restarts, for some seconds', async (t) => {
  const timers = new FakeClock();
  const path = freePath();
  const first = await startFake(t, (socket) => socket.on('data', () => first.close()), path);
  const to = pipeline(t, path, { timers });
  const kept = random(to, 4);
  await inBackoff(timers);
  const second = await startFake(t, (socket) => socket.on('data', () => second.close()), path);
  timers.advance(12.5);
  await t.rejects(kept, { code: 'ERR_CLOSED' }, 'but not for a second restart');

  const third = await startFake(t, (socket) => socket.on('data', () => third.close()), path);
  timers.delays.length = 0;
  const restarted = random(to, 4);
  await inBackoff(timers);
  const fourth = await startFake(t, answering(honest), path);
  timers.advance(12.5);
  t.strictSame(Buffer.from((await restarted) as Uint8Array), wire(4));

  await fourth.close();
  const fifth = await startFake(t, (socket) => socket.on('data', () => fifth.close()), path);
  t.match(await afterBackoff(timers, to, 4), { code: 'ERR_CLOSED' }, 'it did not come back');
  for (let i = 0; i < 3; i++)
    await t.rejects(random(to, 4), { code: 'ERR_CONNECT' }, 'then it is missing at once');
});

t.test('calls that time out during a restart are not sent again', async (t) => {
  const timers = new FakeClock();
  const fake = await startFake(t, (socket) => socket.on('data', () => fake.close()));
  const to = pipeline(t, fake.path, { timers });
  const late = random(to, 4, 10);
  await inBackoff(timers);
  timers.advance(10);
  await t.rejects(late, { code: 'ERR_TIMEOUT' });
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
  );
});

t.test('an error response rejects its call with code and message', async (t) => {
  const { path } = await startFake(
    t,
    answering(([, id, method]) =>
      method === 'health'
        ? [1, id, ['ERR_FORBIDDEN', 'for administrators'], null]
        : [1, 0, ['ERR_LATER', 'a code of another version'], null],
    ),
  );
  const to = pipeline(t, path);
  await random(to, 1).catch(() => {});
  const refused = await health(to).catch((error) => error);
  t.ok(refused instanceof EntropyError);
  t.match(refused, { code: 'ERR_FORBIDDEN', message: 'for administrators' });
  await t.rejects(random(to, 1), { code: 'ERR_LATER' }, 'id 0: the daemon could not read it');
});

t.test('a late error response to a call that ended is dropped', async (t) => {
  const { path, sockets, requests, received, answer } = await startPatient(t);
  const to = pipeline(t, path);
  const cancelled = random(to, 4);
  const kept = health(to);
  await received(2);
  cancelled.cancel(new Error('enough'));
  await t.rejects(cancelled, { message: 'enough' });
  const [socket] = sockets;
  socket?.write(pack([1, requests[0]?.[1], ['ERR_BUSY', 'x'], null]));
  answer(requests[1] as unknown[]);
  t.strictSame(await kept, { method: 'health', params: [] });
});

t.test('a daemon that sends garbage is refused, and the next call reconnects', async (t) => {
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
    const to = pipeline(t, path);
    await t.rejects(
      call === random ? random(to, 4) : health(to),
      { name: 'EntropyError', code: /^ERR_(MESSAGE|TOO_LARGE)$/ },
      name,
    );
    t.strictSame(Buffer.from((await random(to, 4)) as Uint8Array), wire(4), `after ${name}`);
  }
});

t.test('an unrequested response ends the connection, not the next call', async (t) => {
  const { path, sockets } = await startFake(t, answering(honest));
  const to = pipeline(t, path);
  await random(to, 4);
  const [socket] = [...sockets];
  socket?.write(pack([1, 0, null, wire(4)]));
  await once(socket as Socket, 'close');
  t.equal(((await random(to, 4)) as Uint8Array).length, 4);
});

t.test('a missing daemon is reported with its path and how to start one', async (t) => {
  const path = freePath();
  const to = pipeline(t, path);
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
  const { path, requests, received, answer } = await startPatient(t);
  const busy = {
    code: 'ERR_BUSY',
    message: 'this client has 3 calls in flight, as many as maxPending allows',
  };
  const to = pipeline(t, path, { maxPending: 3 });
  const waiting = [random(to, 4), health(to), random(to, 5)];
  await t.rejects(random(to, 6), busy, 'in the same tick');
  await received(3);
  await t.rejects(health(to), busy, 'later');
  waiting[0]?.cancel(new Error('enough'));
  await t.rejects(waiting[0] as Sent, { message: 'enough' });
  await t.rejects(health(to), busy, 'a response that will be dropped is still awaited');
  answer(...requests.slice(0, 2));
  await waiting[1];
  const next = random(to, 7);
  await received(4);
  answer(...requests.slice(2));
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
  const to = pipeline(t, path, { maxPending: 2 });
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

t.test('close rejects calls in flight, and all later ones', async (t) => {
  const closed = { code: 'ERR_CLOSED', message: 'the client was closed' };
  const { path, received } = await startPatient(t);
  const never = pipeline(t, path);
  never.close();
  await t.rejects(random(never, 1), { code: 'ERR_CLOSED', message: 'the client is closed' });

  for (const wait of [async () => {}, () => new Promise(process.nextTick)]) {
    const connecting = pipeline(t, path);
    const early = random(connecting, 1);
    await wait();
    connecting.close();
    await t.rejects(early, closed, 'before it connected');
  }

  const to = pipeline(t, path);
  const waiting = [random(to, 1), health(to)];
  await received(2);
  to.close();
  for (const call of waiting) await t.rejects(call, closed);
  to.close();
  const later = random(to, 1);
  await t.rejects(later, { code: 'ERR_CLOSED' });
  t.equal(later.cancel(new Error('late')), undefined);
});

t.test('close ends the wait for a daemon that restarts', async (t) => {
  const timers = new FakeClock();
  const fake = await startFake(t, (socket) => socket.on('data', () => fake.close()));
  const to = pipeline(t, fake.path, { timers });
  const waiting = random(to, 1);
  await inBackoff(timers);
  to.close();
  await t.rejects(waiting, { code: 'ERR_CLOSED', message: 'the client was closed' });
  t.equal(timers.pending, 0, 'no timer is left');
});

/** A timer, its clock, and the times at which it fired. */
function deadlineTimer(onDue: (now: number) => void = () => {}) {
  const clock = new FakeClock();
  const fired: number[] = [];
  const start = clock.now();
  const timer = new DeadlineTimer((now) => {
    fired.push(now - start);
    onDue(now - start);
  }, clock);
  const watch = (offset: number) => timer.watch(start + offset);
  return { clock, fired, timer, watch };
}

t.test('a deadline timer fires at the earliest deadline, not before, and once', async (t) => {
  const far = 60_000;
  for (const offsets of [
    [40],
    [40, 80, far],
    [far, 80, 40],
    [40, 40],
    [Number.POSITIVE_INFINITY, 40],
  ]) {
    const { clock, fired, watch } = deadlineTimer();
    for (const offset of offsets) watch(offset);
    clock.advance(39);
    t.strictSame(fired, [], `${offsets}`);
    clock.advance(2 * far);
    t.strictSame(fired, [40], `${offsets}`);
  }
});

t.test('a deadline that is over fires at once', async (t) => {
  const { clock, fired, watch } = deadlineTimer();
  watch(-5);
  clock.advance(0);
  t.strictSame(fired, [0]);
});

t.test('a deadline that is not due can be watched again', async (t) => {
  const { clock, fired, watch } = deadlineTimer((now) => {
    if (now < 30) watch(30);
  });
  for (const offset of [10, 30]) watch(offset);
  clock.advance(100);
  t.strictSame(fired, [10, 30]);
});

t.test('a stopped timer does not fire, and may watch again', async (t) => {
  const { clock, fired, timer, watch } = deadlineTimer();
  timer.stop();
  watch(5);
  timer.stop();
  clock.advance(100);
  t.strictSame(fired, []);
  watch(105);
  clock.advance(100);
  t.strictSame(fired, [105]);
});

t.test('a deadline beyond the longest timer does not fire at once', async (t) => {
  for (const offset of [2 ** 31 + 1e6, 1e15, Number.POSITIVE_INFINITY]) {
    const { clock, fired, watch } = deadlineTimer();
    watch(offset);
    clock.advance(1e6);
    t.strictSame(fired, [], `${offset} ms`);
    t.ok(
      clock.delays.every((delay) => delay <= 2 ** 31 - 1),
      `${offset} ms: no timer overflows`,
    );
  }
});
