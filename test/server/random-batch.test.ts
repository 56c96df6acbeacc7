import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { defaultLimits } from '../../src/config/config.js';
import type { Generator } from '../../src/generator/interface.js';
import { Counters } from '../../src/server/activity.js';
import {
  type BatchMember,
  maxMembers,
  RandomBatch,
  TurnQueue,
} from '../../src/server/random-batch.js';
import { RandomRun } from '../../src/server/random-run.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { User } from '../../src/server/users.js';
import { fakeGenerator } from '../support/daemon.js';
import { FakeSocket } from '../support/fake-socket.js';
import { message, unpackAll } from '../support/raw.js';

const request = (id: number, size = 3) => message(id, 'random', [size]);
const response = (id: number, size = 3) => [1, id, null, Buffer.alloc(size, 0xaa)];

/** A batch, its members, and what happened to the requests of each, in order. */
function newBatch(generator: Partial<Generator> = {}) {
  const counters = new Counters();
  const batch = new RandomBatch(fakeGenerator(generator), counters);
  const run = new RandomRun();
  const outcomes: [member: string, outcome: unknown][] = [];
  const newMember = (name: string, { socket = new FakeSocket(), afterwards = () => {} } = {}) => ({
    socket,
    descriptor: socket.descriptor,
    batchSent(bytes: Uint8Array, at: number, size: number, sent: number) {
      outcomes.push([name, [size, sent]]);
      bytes.fill(0, at + sent, at + size);
      afterwards();
    },
    batchFailed: (ids: readonly number[], error: unknown) => outcomes.push([name, [ids, error]]),
  });
  /** Returns whether the requests wait for the end of the turn. */
  const take = (member: BatchMember, ...requests: Buffer[]): boolean => {
    const bytes = Buffer.concat(requests);
    run.collect(ReceiveBuffer.of(bytes).view, 0, bytes.length, Number.POSITIVE_INFINITY);
    return batch.take(member, run);
  };
  return { counters, batch, outcomes, newMember, take, a: newMember('a'), b: newMember('b') };
}

t.test('the reads of a turn share one generate, and each member gets its responses', (t) => {
  const fills: number[] = [];
  const { batch, counters, outcomes, take, a, b } = newBatch({
    fill(target, offset, length) {
      fills.push(length);
      target.fill(0xaa, offset, offset + length);
    },
  });
  t.notOk(take(a, request(1)), 'no turn with several reads');
  batch.begin();
  t.ok(take(b, request(2), request(3, 300)));
  t.ok(take(a, request(4)));
  t.strictSame(outcomes, [], 'nothing is sent before the turn ends');
  batch.end();
  t.strictSame(unpackAll(b.socket.received), [response(2), response(3, 300)]);
  t.strictSame(unpackAll(a.socket.received), [response(4)]);
  t.strictSame(outcomes, [
    ['b', [10 + 3 + 11 + 300, 10 + 3 + 11 + 300]],
    ['a', [13, 13]],
  ]);
  t.strictSame(fills, [10 + 3 + 11 + 300 + 10 + 3]);
  t.equal(counters.randomBytes, 306);
  t.notOk(take(b, request(5)), 'the turn has ended');
  batch.begin();
  t.ok(take(b, request(5)), 'the next turn starts another batch');
  batch.end();
  t.strictSame(unpackAll(b.socket.received)[2], response(5));
  t.end();
});

t.test('a member learns what its socket has not taken, and a lost one is sent nothing', (t) => {
  const { batch, outcomes, take, newMember, a, b } = newBatch();
  const lost = newMember('lost');
  a.socket.room = 5;
  batch.begin();
  for (const member of [a, lost, b]) take(member, request(1));
  lost.descriptor = -1;
  batch.end();
  t.strictSame(outcomes, [
    ['a', [13, 5]],
    ['lost', [13, 0]],
    ['b', [13, 13]],
  ]);
  t.equal(lost.socket.received.length, 0);
  t.strictSame(unpackAll(b.socket.received), [response(1)]);
  t.end();
});

t.test('a batch has at most 64 KiB, of runs of at most 4 KiB', (t) => {
  const { batch, outcomes, take, a, b } = newBatch();
  batch.begin();
  t.notOk(take(b, request(1, 4_096 - 10)), 'a run of more than 4 KiB');
  for (let id = 0; id < 15; id++) t.ok(take(b, request(id, 4_096 - 11)));
  t.ok(take(b, request(15, 4_096 - 11 - 11)));
  t.notOk(take(a, request(16, 2)), 'too large for the remaining room');
  t.ok(take(a, request(17, 1)), 'a request that fits is taken');
  batch.end();
  t.strictSame(
    outcomes.map(([name]) => name),
    [...Array(16).fill('b'), 'a'],
  );
  t.end();
});

t.test('a batch has as many members as a call of the poller has events', (t) => {
  const { batch, outcomes, take, a } = newBatch();
  batch.begin();
  for (let i = 0; i < maxMembers; i++) take(a, request(1, 1));
  t.notOk(take(a, request(1, 1)));
  batch.end();
  t.equal(outcomes.length, maxMembers);
  t.end();
});

t.test('a failure reaches each member, with the ids of its requests', (t) => {
  const error = new EntropyError('ERR_HEALTH', 'broken');
  const { batch, counters, outcomes, take, a, b } = newBatch({
    fill() {
      throw error;
    },
  });
  batch.begin();
  take(b, request(1), request(2));
  take(a, request(2 ** 32 - 1));
  batch.end();
  t.strictSame(outcomes, [
    ['b', [[1, 2], error]],
    ['a', [[2 ** 32 - 1], error]],
  ]);
  t.equal(counters.randomBytes, 0);
  t.end();
});

t.test('requests that a member sends while it is answered do not join the batch', (t) => {
  const { batch, outcomes, newMember, take, b } = newBatch();
  const taken: boolean[] = [];
  const c = newMember('c', { afterwards: () => taken.push(take(c, request(9))) });
  batch.begin();
  for (const member of [b, c, b]) take(member, request(1));
  batch.end();
  t.strictSame(taken, [false]);
  t.strictSame(
    outcomes.map(([name]) => name),
    ['b', 'c', 'b'],
  );
  t.end();
});

const newUser = () => new User(defaultLimits, () => 0);

t.test('one enqueued turn runs per turn of the event loop, in order', async (t) => {
  const turns = new TurnQueue();
  const user = newUser();
  const log: string[] = [];
  turns.enqueue(() => {
    log.push('a');
    turns.enqueue(() => log.push('a again'), user);
  }, user);
  turns.enqueue(() => log.push('b'), user);
  t.strictSame(log, [], 'never at once');
  for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'a again']]) {
    await setImmediate();
    t.strictSame(log, expected);
  }
  turns.enqueue(() => log.push('c'), user);
  await setImmediate();
  t.equal(log.at(-1), 'c', 'an empty queue starts again');
});

t.test('users take turns, however many connections of one wait', async (t) => {
  const turns = new TurnQueue();
  const [many, few] = [newUser(), newUser()];
  const log: string[] = [];
  for (let i = 0; i < 3; i++) turns.enqueue(() => log.push(`many ${i}`), many);
  for (let i = 0; i < 2; i++) turns.enqueue(() => log.push(`few ${i}`), few);
  while (log.length < 5) await setImmediate();
  t.strictSame(log, ['many 0', 'few 0', 'many 1', 'few 1', 'many 2']);
});

t.test('eight turns in a pass of the event loop need not wait', async (t) => {
  const turns = new TurnQueue();
  const admitted = () => Array.from({ length: 20 }, () => turns.admit()).filter(Boolean).length;
  t.strictSame([admitted(), admitted()], [8, 0]);
  await setImmediate();
  t.equal(admitted(), 8);
});
