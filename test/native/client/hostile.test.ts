/** libentropyd with servers that are not the daemon, or a daemon that has a bad day. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import t, { type Test } from 'tap';
import { Prng } from '../../fuzz/prng.js';
import { startFake } from '../../support/daemon.js';
import { freePath } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { ClientProgram } from './program.js';

const size = 32;
const body = Buffer.alloc(size, 0x0f);

interface Request {
  id: number;
  method: string;
  size: number;
}

/** The fixed layout of the library's requests: 94 00 ce ID METHOD params. */
function parse(bytes: Buffer): Request {
  const method = bytes.toString('latin1', 8, 14);
  const size = method === 'random' ? bytes.readUInt32BE(16) : 0;
  return { id: bytes.readUInt32BE(3), method, size };
}

const head = (id: number) => {
  const bytes = Buffer.from([0x94, 1, 0xce, 0, 0, 0, 0]);
  bytes.writeUInt32BE(id, 3);
  return bytes;
};

const bin32 = (size: number) => {
  const bytes = Buffer.from([0xc6, 0, 0, 0, 0]);
  bytes.writeUInt32BE(size, 1);
  return bytes;
};

/** A whole answer with these bytes. */
const random = (id: number, bytes: Uint8Array) =>
  Buffer.concat([head(id), Buffer.from([0xc0]), bin32(bytes.length), bytes]);

const text = (value: string) =>
  Buffer.concat([Buffer.from([0xd9, value.length]), Buffer.from(value)]);

const refusal = (id: number, code: string) =>
  Buffer.concat([head(id), Buffer.from([0x92]), text(code), text('why'), Buffer.from([0xc0])]);

/** A server that answers the nth request, from 1, of all connections together. */
async function startAnswering(
  t: Test,
  answer: (request: Request, socket: Socket, nth: number) => Buffer | undefined,
  path?: string,
) {
  let nth = 0;
  const perConnection: number[] = [];
  const fake = await startFake(
    t,
    (socket, count) => {
      socket.on('data', (data) => {
        perConnection[count - 1] = (perConnection[count - 1] ?? 0) + 1;
        const bytes = answer(parse(data), socket, ++nth);
        if (bytes !== undefined) socket.write(bytes);
      });
    },
    path,
  );
  return { ...fake, perConnection };
}

t.test('the bytes are the daemon’s, XORed with the process’s own', async (t) => {
  const { path } = await startAnswering(t, ({ id, size }) => random(id, Buffer.alloc(size, 0x0f)));
  const client = new ClientProgram(t, path);
  for (const [own, mixed] of [
    [0, '0f'],
    [0x0f, '00'],
    [0xf0, 'ff'],
  ] as const) {
    await client.say(`own ${own}`);
    t.equal(await client.say('get 32 0'), `ok ${mixed.repeat(32)}`);
    t.equal(await client.say('get 3000001 0'), `ok even ${mixed.repeat(64)}`);
  }
  await client.say('own -1');
  t.notMatch(await client.say('get 32 0'), '0f0f0f0f0f');
});

t.test('a large call is split as the protocol limits it, on one connection', async (t) => {
  const asked: number[] = [];
  const { path, sockets } = await startAnswering(t, ({ id, size }) => {
    asked.push(size);
    return random(id, Buffer.alloc(size));
  });
  const client = new ClientProgram(t, path);
  const mebibyte = 1024 * 1024;
  for (const [command, sizes] of [
    [`get ${mebibyte} 0`, [mebibyte]],
    [`get ${2 * mebibyte + 1} 0`, [mebibyte, mebibyte, 1]],
    [`get ${128 * 1024 + 5} 1`, [64 * 1024, 64 * 1024, 5]],
  ] as const) {
    t.match(await client.say(command), /^ok /);
    t.strictSame(asked.splice(0), sizes, command);
  }
  t.equal(sockets.size, 1);
});

t.test('a failure in the middle of a large call leaves zeros', async (t) => {
  const { path } = await startAnswering(t, ({ id, size }, _, nth) =>
    nth % 2 === 1 ? random(id, Buffer.alloc(size, 1)) : refusal(id, 'ERR_RATE'),
  );
  const client = new ClientProgram(t, path);
  t.equal(await client.say('get 1500000 0'), 'EBUSY wiped');
});

t.test('what is not the answer fails and leaves zeros, and its connection is closed', async (t) => {
  let answer: (id: number) => Buffer = () => Buffer.alloc(0);
  let end = false;
  const { path, sockets } = await startAnswering(t, ({ id }, socket) => {
    const bytes = answer(id);
    if (end) socket.end(bytes);
    return end ? undefined : bytes;
  });
  const client = new ClientProgram(t, path);
  await client.say('own 0');
  const broken =
    (...bytes: number[]) =>
    (id: number) =>
      Buffer.concat([head(id), Buffer.from(bytes)]);
  for (const [rule, wanted, bytes, ends] of [
    ['cut in the header', 'ECONNRESET', (id) => random(id, body).subarray(0, 3), true],
    ['cut before the bytes', 'ECONNRESET', (id) => random(id, body).subarray(0, 13), true],
    ['cut in the bytes', 'ECONNRESET', (id) => random(id, body).subarray(0, -1), true],
    ['another id', 'EPROTO', (id) => random(id + 1, body)],
    ['id 0', 'EPROTO', () => random(0, body)],
    ['too few bytes', 'EPROTO', (id) => random(id, body.subarray(1))],
    ['too many bytes', 'EPROTO', (id) => random(id, Buffer.alloc(size + 1))],
    ['a gigabyte', 'EPROTO', broken(0xc0, 0xc6, 0x40, 0, 0, 0)],
    ['two answers', 'EPROTO', (id) => Buffer.concat([random(id, body), random(id + 1, body)])],
    [
      'a request',
      'EPROTO',
      (id) => Buffer.concat([Buffer.from([0x94, 0]), random(id, body).subarray(2)]),
    ],
    ['text for bytes', 'EPROTO', broken(0xc0, 0xd9, size, ...body)],
    ['nothing for bytes', 'EPROTO', broken(0xc0, 0xc0)],
    ['a number for the error', 'EPROTO', broken(5, 0xc0)],
    ['an error without text', 'EPROTO', broken(0x91, 0xa3, 0x45, 0x52, 0x52, 0xc0)],
    ['an error of a gigabyte', 'EPROTO', broken(0x92, 0xdb, 0x40, 0, 0, 0)],
    ['HTTP', 'EPROTO', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    ['a refusal as of what was no request', 'EBUSY', () => refusal(0, 'ERR_BUSY'), true],
  ] as [string, string, (id: number) => Buffer, boolean?][]) {
    answer = bytes;
    end = ends ?? false;
    t.equal(await client.say(`get ${size} 0`), `${wanted} wiped`, rule);
    t.equal(await client.say('sockets'), '0');
    await until(() => sockets.size === 0, 'the end of the connection');
  }
  [answer, end] = [(id) => random(id, body), false];
  t.equal(
    await client.say(`get ${size} 0`),
    `ok ${'0f'.repeat(size)}`,
    'and the next call succeeds',
  );
});

t.test('no answer breaks threads that draw at the same time: a fuzzed server', async (t) => {
  const seed = randomInt(2 ** 31);
  t.comment(`seed ${seed}`);
  const prng = new Prng(seed);
  const { path } = await startAnswering(t, ({ id, size }, socket, nth) => {
    let bytes = nth % 5 === 0 ? refusal(id, 'ERR_BUSY') : random(id, prng.bytes(size));
    if (nth % 2 === 0) return bytes;
    for (let i = prng.below(4); i >= 0; i--) {
      if (prng.below(3) === 0) bytes = bytes.subarray(0, prng.below(bytes.length + 1));
      if (bytes.length > 0) bytes[prng.below(bytes.length)] = prng.below(256);
    }
    // A client waits 5 s for what an open connection still owes it.
    socket.end(bytes);
    return undefined;
  });
  const client = new ClientProgram(t, path);
  const said = await client.say('threads 8 200');
  const [, drawn, failed] = /^(\d+) drawn, 0 equal, (\d+) failed, [0-8] kept$/.exec(said) ?? [];
  t.equal(Number(drawn) + Number(failed), 1600, said);
  t.ok(Number(drawn) > 100 && Number(failed) > 100, 'and every failure left zeros');
  t.match(await client.end(), { status: 0 });
});

t.test('refusals are errors of their own, and the connection stays', async (t) => {
  let code = '';
  const { path, perConnection } = await startAnswering(t, ({ id }) => refusal(id, code));
  const client = new ClientProgram(t, path);
  const refusals = {
    ERR_NOT_SEEDED: 'EAGAIN',
    ERR_ENTROPY: 'EAGAIN',
    ERR_BUSY: 'EBUSY',
    ERR_RATE: 'EBUSY',
    ERR_HEALTH: 'EIO',
    ERR_PARAMS: 'EOPNOTSUPP',
    ERR_METHOD: 'EOPNOTSUPP',
    ERR_INTERNAL: 'EREMOTEIO',
    ERR_OF_A_LATER_DAEMON: 'EREMOTEIO',
  };
  for (const [name, error] of Object.entries(refusals)) {
    code = name;
    t.equal(await client.say('get 32 0'), `${error} wiped`, name);
    t.equal(await client.say('health 8'), `${error} -1 0`, name);
  }
  t.strictSame(perConnection, [2 * Object.keys(refusals).length]);
});

t.test('an answer may come in single bytes', async (t) => {
  const { path } = await startAnswering(t, ({ id }, socket) => {
    const bytes = random(id, body);
    const next = (at: number) => {
      if (at < bytes.length)
        socket.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
    };
    next(0);
    return undefined;
  });
  const client = new ClientProgram(t, path);
  await client.say('own 0');
  for (let i = 0; i < 10; i++)
    t.equal(await client.say(`get ${size} 0`), `ok ${'0f'.repeat(size)}`);
});

t.test('a lost request is sent once more, unless its answer had begun', async (t) => {
  let lost = 0;
  let losses = 1;
  let isCut = false;
  const { path, perConnection } = await startAnswering(t, ({ id }, socket) => {
    if (isCut) {
      socket.end(head(id));
      return undefined;
    }
    if (lost++ >= losses) return random(id, body);
    socket.destroy();
    return undefined;
  });
  const client = new ClientProgram(t, path);
  t.match(await client.say('get 32 0'), /^ok /);
  t.strictSame(perConnection, [1, 1], 'on a fresh connection');
  [lost, losses] = [0, 2];
  t.equal(await client.say('get 32 0'), 'ECONNRESET wiped', 'and not a third time');
  t.strictSame(perConnection, [1, 2, 1]);
  t.match(await client.say('get 32 0'), /^ok /);
  isCut = true;
  t.equal(await client.say('get 32 0'), 'ECONNRESET wiped', 'nor if its answer had begun');
  t.strictSame(perConnection, [1, 2, 1, 2]);
});

t.test('a server that ends every connection at once raises no signal', async (t) => {
  const { path } = await startFake(t, (socket) => socket.destroy());
  const client = new ClientProgram(t, path);
  for (let i = 0; i < 50; i++) t.equal(await client.say('get 32 0'), 'ECONNRESET wiped');
});

/** Ends a server: nobody can connect to it any more when the connections end. */
function stop(server: Server, sockets: Iterable<Socket>): Promise<unknown> {
  const closed = once(server.close(), 'close');
  for (const socket of sockets) socket.destroy();
  return closed;
}

t.test('a request that was lost waits for the daemon to come back', async (t) => {
  const path = freePath();
  const first = await startAnswering(
    t,
    () => {
      void stop(first.server, first.sockets).then(() =>
        startAnswering(t, ({ id }) => random(id, body), path),
      );
      return undefined;
    },
    path,
  );
  const client = new ClientProgram(t, path);
  t.match(await client.say('get 32 0'), /^ok /);
});

t.test('but not beyond its time', async (t) => {
  const { path, server, sockets } = await startAnswering(t, () => {
    void stop(server, sockets);
    return undefined;
  });
  const client = new ClientProgram(t, path);
  await client.say('hurry 1000');
  t.match(await client.say('get 32 0'), /^E(NOENT|TIMEDOUT) wiped$/);
});

t.test('a connection that ended while it was idle is not used again', async (t) => {
  const { path, sockets, perConnection } = await startAnswering(t, ({ id }) => random(id, body));
  const client = new ClientProgram(t, path);
  t.match(await client.say('get 32 0'), /^ok /);
  for (const socket of sockets) socket.destroy();
  t.match(await client.say('get 32 0'), /^ok /);
  t.strictSame(perConnection, [1, 1]);
  for (const socket of sockets) socket.write('what nobody asked for');
  t.match(await client.say('get 32 0'), /^ok /);
  t.strictSame(perConnection, [1, 1, 1]);
});

// The program's clock advances only when the library looks at it: nothing here takes seconds.
t.test('every wait ends at the deadline', async (t) => {
  let isSilent = false;
  const { path, perConnection } = await startAnswering(t, ({ id }) =>
    isSilent ? undefined : random(id, body),
  );
  const client = new ClientProgram(t, path);
  t.match(await client.say('get 32 0'), /^ok /);
  isSilent = true;
  await client.say('hurry 4990');
  t.equal(await client.say('get 32 0'), 'ETIMEDOUT wiped', 'of a server that is silent');
  t.equal(await client.say('sockets'), '0', 'whose answer could still come');
  await client.say('hurry 0');
  isSilent = false;
  t.match(await client.say('get 32 0'), /^ok /);
  t.strictSame(perConnection, [2, 1]);

  const endless = await startAnswering(t, ({ id }, socket) => {
    socket.write(Buffer.concat([head(id), Buffer.from([0x92, 0xda, 0xff, 0xff])]));
    const drip = () => socket.writable && socket.write('x', () => setImmediate(drip));
    drip();
    return undefined;
  });
  const dripped = new ClientProgram(t, endless.path);
  await dripped.say('hurry 50');
  t.equal(await dripped.say('get 32 0'), 'ETIMEDOUT wiped', 'of a server that sends and sends');

  const full = freePath();
  const hung = new ClientProgram(t, full);
  await hung.say('hurry 4980');
  const said = await hung.say(`backlog ${full}`);
  t.equal(said, 'EAGAIN ETIMEDOUT wiped', 'of one that accepts nobody');
});

t.test('without bytes of its own the process gets none', async (t) => {
  const { path } = await startAnswering(t, ({ id }) => random(id, body));
  const client = new ClientProgram(t, path);
  for (const [number, error] of [
    [11, 'EAGAIN'],
    [38, 'ENOSYS'],
  ] as const) {
    await client.say(`own-error ${number}`);
    t.equal(await client.say('get 32 0'), `${error} wiped`);
  }
  await client.say('own-error 0');
  t.match(await client.say('get 32 0'), /^ok /);
});

t.test('a process without descriptors is told', async (t) => {
  const { path } = await startAnswering(t, ({ id }) => random(id, body));
  const client = new ClientProgram(t, path);
  await client.say('descriptors 3');
  t.equal(await client.say('get 32 0'), 'EMFILE wiped');
});

t.test('each child of fork(2) has its own connection', async (t) => {
  const { path, perConnection } = await startAnswering(t, ({ id }) => random(id, body));
  for (const command of ['fork 3 0', 'unseen 3 0']) {
    perConnection.length = 0;
    const client = new ClientProgram(t, path);
    await client.say(command);
    await client.end();
    t.strictSame(perConnection.filter((requests) => requests > 0).sort(), [1, 1, 1, 4], command);
  }
});
