/** The EGD protocol, decoded and over a socket, in every state and at every limit. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import type { Limits } from '../../src/config/config.js';
import type { Generator, GeneratorState } from '../../src/generator/interface.js';
import { EgdCommand } from '../../src/server/egd.js';
import { Prng } from '../fuzz/prng.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { collect, exchange, open, take } from '../support/raw.js';
import { until } from '../support/until.js';

const available = Buffer.from('00', 'hex');
const pid = Buffer.from('04', 'hex');
const bytes = (count: number) => Buffer.from([1, count]);
const block = (count: number) => Buffer.from([2, count]);
const mix = (data: Uint8Array) => Buffer.from([3, 0, 8 * data.length, data.length, ...data]);

const bitsAvailable = Buffer.from('00008000', 'hex');
const pidAnswer = Buffer.from([String(process.pid).length, ...Buffer.from(String(process.pid))]);
const filled = (size: number) => Buffer.alloc(size, 0xaa);

/** A sweep that the test makes happen, in seconds of the server's clock. */
function sweeps() {
  let now = 1;
  const actions: (() => void)[] = [];
  return {
    now: () => now,
    timer: (action: () => void) => {
      actions.push(action);
      return () => {};
    },
    after(ms: number) {
      now += ms;
      for (const action of actions) action();
    },
  };
}

/** An EGD server whose generator may be in any state. */
async function startEgd(t: Test, limits: Partial<Limits> = {}, changed: Partial<Generator> = {}) {
  let state: GeneratorState = 'operational';
  const mixed: Buffer[] = [];
  const sweep = sweeps();
  const generator = fakeGenerator({
    fill(target, offset, length) {
      if (state === 'error') throw new EntropyError('ERR_HEALTH', 'not serving');
      if (state === 'seeding') throw new EntropyError('ERR_NOT_SEEDED', 'not serving');
      target.fill(0xaa, offset, offset + length);
    },
    state: () => state,
    mix: (source, offset, length) =>
      void mixed.push(Buffer.from(source.subarray(offset, offset + length))),
    ...changed,
  });
  const server = await startServer(t, generator, {
    protocol: () => 'egd',
    limits,
    now: sweep.now,
    timer: sweep.timer,
  });
  return {
    ...server,
    sweep,
    mixed,
    enter(next: GeneratorState) {
      state = next;
    },
  };
}

/** Sends a request and resolves when it has been read. */
async function send(socket: Socket, request: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    socket.write(request, (error) => (error ? reject(error) : resolve())),
  );
}

t.test('each command has its answer', async (t) => {
  const { path, mixed, context } = await startEgd(t);
  for (const [request, answer, name] of [
    [available, bitsAvailable, '00: bits'],
    [bytes(5), Buffer.from([5, ...filled(5)]), '01: as many as there are'],
    [bytes(255), Buffer.from([255, ...filled(255)]), '01: 255'],
    [bytes(0), Buffer.of(0), '01: none'],
    [block(64), filled(64), '02: as QEMU asks'],
    [block(255), filled(255), '02: 255'],
    [block(0), Buffer.alloc(0), '02: none'],
    [mix(Buffer.from('seed')), Buffer.alloc(0), '03: no answer'],
    [mix(Buffer.alloc(0)), Buffer.alloc(0), '03: nothing'],
    [pid, pidAnswer, '04: decimal digits'],
  ] as const)
    t.strictSame(await exchange(t, path, request), answer, name);
  t.strictSame(mixed, [Buffer.from('seed'), Buffer.alloc(0)]);
  const { counters } = context;
  t.match(counters, { requests: 10, randomBytes: 579, mixedBytes: 4, egd: { randomBytes: 579 } });
});

t.test('pipelined commands are answered in order, however they are split', async (t) => {
  const { path, mixed } = await startEgd(t);
  const data = Buffer.from('abc');
  const requests = [bytes(3), block(2), block(255), mix(data), available, pid, bytes(0), block(1)];
  const all = Buffer.concat(requests);
  const answers = Buffer.concat([
    Buffer.from([3, ...filled(3 + 2 + 255)]),
    ...[bitsAvailable, pidAnswer, Buffer.of(0), filled(1)],
  ]);
  t.strictSame(await exchange(t, path, all), answers, 'in one write');
  const socket = await open(t, path);
  for (let at = 1; at < all.length; at++) {
    const answer = take(socket, answers.length);
    await send(socket, all.subarray(0, at));
    // The answer to a whole command shows that the first part has been read; otherwise a turn does.
    await new Promise(setImmediate);
    await send(socket, all.subarray(at));
    t.strictSame(await answer, answers, `split at ${at}`);
  }
  const answer = take(socket, answers.length);
  for (const byte of all) {
    await send(socket, Buffer.of(byte));
    await new Promise(setImmediate);
  }
  t.strictSame(await answer, answers, 'byte by byte');
  t.ok(mixed.every((each) => each.equals(data)));
});

t.test('many blocks share a generate, and a long pipeline is answered whole', async (t) => {
  let generates = 0;
  const real = fakeGenerator();
  const { path } = await startEgd(
    t,
    {},
    {
      fill(target, offset, length) {
        generates++;
        real.fill(target, offset, length);
      },
    },
  );
  const count = 20_000;
  const answer = await exchange(t, path, Buffer.concat(Array(count).fill(block(64))));
  t.equal(answer.length, 64 * count);
  t.ok(generates < count / 10, `${generates} generates`);
});

t.test('an unknown command ends the connection, after the answers before it', async (t) => {
  const { path, context } = await startEgd(t);
  for (const code of [5, 0x80, 0xff]) {
    const socket = await open(t, path);
    const answer = collect(socket);
    socket.write(Buffer.from([...block(3), code, ...block(3)]));
    t.strictSame(await answer, filled(3), `${code}`);
  }
  t.equal(context.counters.errors.get('ERR_MESSAGE'), 3);
});

t.test('a decoder splits input as a plain one does, wherever a read ends', async (t) => {
  const seed = randomInt(2 ** 31);
  t.comment(`seed ${seed}`);
  const prng = new Prng(seed);
  for (let i = 0; i < 3_000; i++) {
    const input = prng.bytes(prng.below(40));
    // Mostly commands; a read may begin and end anywhere.
    for (let at = 0; at < input.length; at++) if (prng.chance(0.7)) input[at] = prng.below(6);
    const wanted = plainly(input);
    const command = new EgdCommand();
    const found: string[] = [];
    let at = 0;
    for (let end = 0; ; end = Math.min(input.length, end + prng.below(4))) {
      for (;;) {
        const before = at;
        const { kind, size, count } = command.read(input, at, end);
        if (kind === 'incomplete') break;
        at = command.end;
        if (at <= before || at > end || size > 4096) return t.fail(`${input.toString('hex')}`);
        if (kind === 'block')
          for (let next = before; next < at; next += 2) found.push(`block ${input[next + 1]}`);
        else found.push(`${kind} ${kind === 'mix' ? input.toString('hex', at - size, at) : size}`);
        if (kind === 'unknown') break;
        if (kind !== 'block' && count !== 1) return t.fail('one command');
      }
      if (end === input.length || found.at(-1) === 'unknown 0') break;
    }
    if (found.join() !== wanted.join())
      return t.same(found, wanted, `${i}: ${input.toString('hex')}`);
  }
  t.pass('all as the plain decoder');
});

/** What is in `input` up to the first unknown or incomplete command: the specification, once more. */
function plainly(input: Buffer): string[] {
  const found: string[] = [];
  const rest = [...input];
  for (;;) {
    const [code, first, , size] = rest;
    if (code === undefined) return found;
    if (code > 4) return [...found, 'unknown 0'];
    if (code === 0 || code === 4) found.push(code === 0 ? 'available 0' : 'pid 0');
    else if (code < 3) {
      if (first === undefined) return found;
      found.push(`${code === 1 ? 'take' : 'block'} ${first}`);
    } else if (size === undefined || rest.length < 4 + size) return found;
    else found.push(`mix ${Buffer.from(rest.slice(4, 4 + size)).toString('hex')}`);
    rest.splice(0, code === 0 || code === 4 ? 1 : code < 3 ? 2 : 4 + (size as number));
  }
}

t.test('random input never harms others, and each connection ends or is served', async (t) => {
  const { path, context } = await startEgd(t);
  const seed = randomInt(2 ** 31);
  t.comment(`seed ${seed}`);
  const prng = new Prng(seed);
  const other = await open(t, path);
  for (let i = 0; i < 200; i++) {
    const input = prng.bytes(prng.between(1, 600));
    for (let at = 0; at < input.length; at++) if (prng.chance(0.9)) input[at] = prng.below(5);
    const parts = Array.from({ length: prng.between(1, 4) }, () => prng.below(input.length)).sort(
      (a, b) => a - b,
    );
    await exchange(t, path, ...[0, ...parts].map((at, k) => input.subarray(at, parts[k])));
    const answer = take(other, 2);
    other.write(block(2));
    t.strictSame(await answer, filled(2));
  }
  await until(() => context.counters.connectionsOpen === 1, 'only the other connection is open');
});

for (const state of ['seeding', 'error'] as const)
  t.test(`state ${state}: 00 and 01 have nothing, 02 waits, 03 and 04 as ever`, async (t) => {
    const { path, enter, mixed, sweep, context } = await startEgd(t);
    enter(state);
    const socket = await open(t, path);
    const refused = take(socket, 5 + pidAnswer.length);
    await send(socket, Buffer.concat([available, bytes(9), mix(Buffer.of(1)), pid]));
    t.strictSame(await refused, Buffer.concat([Buffer.alloc(5), pidAnswer]));
    t.strictSame(mixed, [Buffer.of(1)]);
    const waited = take(socket, 4 + 1);
    await send(socket, Buffer.concat([block(4), bytes(0)]));
    sweep.after(1_000);
    await new Promise(setImmediate);
    sweep.after(1_000);
    t.equal(context.counters.randomBytes, 0);
    enter('degraded');
    await until(() => {
      sweep.after(1_000);
      return context.counters.randomBytes === 4;
    }, 'bytes');
    t.strictSame(await waited, Buffer.from([...filled(4), 0]), 'in order');
  });

t.test('above the rate 00 and 01 have nothing, 02 and 03 wait; each in its turn', async (t) => {
  const { path, sweep, mixed, context } = await startEgd(t, { bytesPerSecondPerUser: 100 });
  const first = await open(t, path);
  const answer = take(first, 255 + 4 + 1);
  await send(first, Buffer.concat([block(255), available, bytes(9)]));
  t.strictSame(await answer, Buffer.from([...filled(255), ...Buffer.alloc(5)]));
  const second = await open(t, path);
  const [one, two] = [take(first, 200), take(second, 1)];
  await send(first, Buffer.concat([block(200), mix(Buffer.of(7))]));
  await until(() => context.counters.egd.connectionsOpen === 2, 'both connections');
  await new Promise(setImmediate);
  await send(second, block(1));
  await new Promise(setImmediate);
  sweep.after(1_500);
  t.equal(context.counters.randomBytes, 255, '155 bytes were owed');
  sweep.after(100);
  t.strictSame(await one, filled(200));
  t.equal(context.counters.randomBytes, 455);
  sweep.after(1_900);
  t.equal(context.counters.randomBytes, 455);
  sweep.after(1_000);
  t.strictSame(await two, filled(1));
  await until(() => {
    sweep.after(1_000);
    return mixed.length === 1;
  }, 'the mixed byte');
});

t.test('an incomplete command has 10 s', async (t) => {
  const { path, sweep, context } = await startEgd(t);
  const socket = await open(t, path);
  const closed = once(socket, 'close');
  socket.on('end', () => socket.end()).resume();
  const answer = take(socket, 1);
  await send(socket, Buffer.concat([block(1), Buffer.of(3, 0)]));
  await answer;
  sweep.after(9_999);
  await new Promise(setImmediate);
  t.notOk(socket.readableEnded);
  sweep.after(2);
  await closed;
  t.equal(context.counters.errors.get('ERR_MESSAGE'), 1);
});

t.test('over the limit a connection ends without a word', async (t) => {
  const { path, context } = await startEgd(t, { connections: 1 });
  const socket = await open(t, path);
  await until(() => context.counters.egd.connectionsOpen === 1, 'the first connection');
  t.strictSame(await collect(await open(t, path)), Buffer.alloc(0));
  t.match(context.counters, { connectionsRefused: 1, connections: 1 });
  t.equal(context.counters.errors.get('ERR_BUSY'), 1);
  socket.destroy();
  await until(() => context.counters.egd.connectionsOpen === 0, 'its end');
});

t.test('who does not read is waited for, and ends after 60 s', async (t) => {
  const { path, context, sweep } = await startEgd(t);
  const socket = await open(t, path);
  const flood = Buffer.concat(Array(10_000).fill(block(255)));
  socket.write(flood);
  let before = -1;
  await until(() => {
    const now = context.counters.randomBytes;
    const same = now > 0 && now === before;
    before = now;
    return same;
  }, 'a socket that takes no more');
  t.ok(before < 10_000 * 255, `${before} bytes, not all`);
  t.equal(context.chunks.acquiredBytes, 0, 'a page is all that is kept');
  const closed = until(() => context.counters.connectionsOpen === 0, 'its end');
  sweep.after(59_000);
  t.equal(context.counters.connectionsOpen, 1);
  sweep.after(2_000);
  await closed;
});

t.test('what was sent before the end is answered, read or not', async (t) => {
  const { path, close } = await startEgd(t);
  const idle = await open(t, path);
  const busy = await open(t, path);
  await exchange(t, path, pid);
  const ended = [collect(idle), collect(busy)] as const;
  busy.write(Buffer.concat(Array(1_000).fill(block(64))));
  await close();
  t.strictSame(await ended[0], Buffer.alloc(0));
  t.equal((await ended[1]).length, 64_000);
});
