import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { defaultLimits } from '../../src/config/config.js';
import type { Generator } from '../../src/generator/interface.js';
import { Counters } from '../../src/server/activity.js';
import { type BatchMember, RandomBatch, TurnQueue } from '../../src/server/random-batch.js';
import { RandomRun } from '../../src/server/random-run.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { User } from '../../src/server/users.js';
import { fakeGenerator } from '../support/daemon.js';
import { message, unpackAll } from '../support/raw.js';

const request = (id: number, size = 3) => message(id, 'random', [size]);
const response = (id: number, size = 3) => [1, id, null, Buffer.alloc(size, 0xaa)];

/** A batch with two members, and what happened to the requests of each, in order. */
function batchOfTwo(generator: Partial<Generator> = {}) {
  const counters = new Counters();
  const batch = new RandomBatch(fakeGenerator(generator), counters, () => 0);
  const run = new RandomRun();
  const outcomes: [member: string, outcome: unknown][] = [];
  const newMember = (name: string, then = () => {}): BatchMember => ({
    sendBatched(bytes, at, size) {
      outcomes.push([name, unpackAll(bytes.slice(at, at + size))]);
      then();
    },
    failBatched: (ids, error) => outcomes.push([name, [ids, error]]),
  });
  /** A read of `member` at `now`; returns whether its requests wait for the end of the turn. */
  const read = (member: BatchMember, now: number, ...requests: Buffer[]): boolean => {
    batch.observeRead(member, now);
    const bytes = Buffer.concat(requests);
    run.collect(ReceiveBuffer.of(bytes).view, 0, bytes.length, Number.POSITIVE_INFINITY);
    return batch.take(member, run);
  };
  const [a, b] = [newMember('a'), newMember('b')];
  return { counters, batch, outcomes, newMember, read, a, b };
}

t.test('the reads of a turn share one generate, and each member gets its responses', async (t) => {
  const fills: number[] = [];
  const { counters, outcomes, read, a, b } = batchOfTwo({
    fill(target, offset, length) {
      fills.push(length);
      target.fill(0xaa, offset, offset + length);
    },
  });
  t.notOk(read(a, 1, request(1)), 'no other connection has been read');
  t.ok(read(b, 1.01, request(2), request(3, 300)));
  t.ok(read(a, 1.5, request(4)), 'later reads of the turn join');
  t.strictSame(outcomes, [], 'nothing is sent before the turn ends');
  await setImmediate();
  t.strictSame(outcomes, [
    ['b', [response(2), response(3, 300)]],
    ['a', [response(4)]],
  ]);
  t.strictSame(fills, [10 + 3 + 11 + 300 + 10 + 3]);
  t.equal(counters.randomBytes, 306);
  t.equal(counters.serving().count, 2);
  t.ok(read(b, 2, request(5)), 'the next turn starts another batch');
  await setImmediate();
  t.strictSame(outcomes[2], ['b', [response(5)]]);
});

t.test('a single connection does not wait', async (t) => {
  const { outcomes, read, a, b } = batchOfTwo();
  for (const [member, now, why] of [
    [a, 1, 'the first read'],
    [a, 1.001, 'the same connection again'],
    [b, 1.03, 'another connection, but too late'],
  ] as const)
    t.notOk(read(member, now, request(1)), why);
  read(a, 1.031, request(1));
  await setImmediate();
  let turns = 0;
  while (read(a, 10 + turns, request(1))) {
    turns++;
    await setImmediate();
  }
  t.equal(turns, 7, 'eight turns with a single read end the waiting');
  t.equal(outcomes.length, 8);
});

t.test('a batch has at most 64 KiB, of runs of at most 4 KiB', async (t) => {
  const { batch, outcomes, read, a, b } = batchOfTwo();
  batch.observeRead(a, 1);
  t.notOk(read(b, 1, request(1, 4_096 - 10)), 'a run of more than 4 KiB');
  for (let id = 0; id < 15; id++) t.ok(read(b, 1, request(id, 4_096 - 11)));
  t.ok(read(b, 1, request(15, 4_096 - 11 - 11)));
  t.notOk(read(a, 1, request(16, 2)), 'too large for the remaining room');
  t.ok(read(a, 1, request(17, 1)), 'a request that fits is taken');
  await setImmediate();
  t.strictSame(
    outcomes.map(([name]) => name),
    [...Array(16).fill('b'), 'a'],
  );
});

t.test('a failure reaches each member, with the ids of its requests', async (t) => {
  const error = new EntropyError('ERR_HEALTH', 'broken');
  const { batch, counters, outcomes, read, a, b } = batchOfTwo({
    fill() {
      throw error;
    },
  });
  batch.observeRead(a, 1);
  read(b, 1, request(1), request(2));
  read(a, 1, request(2 ** 32 - 1));
  await setImmediate();
  t.strictSame(outcomes, [
    ['b', [[1, 2], error]],
    ['a', [[2 ** 32 - 1], error]],
  ]);
  t.equal(counters.randomBytes, 0);
});

t.test('requests that a member sends while it is answered do not join the batch', async (t) => {
  const { batch, outcomes, newMember, read, b } = batchOfTwo();
  const taken: boolean[] = [];
  const c = newMember('c', () => taken.push(read(c, 2, request(9))));
  batch.observeRead(c, 1);
  for (const member of [b, c, b]) read(member, 1, request(1));
  await setImmediate();
  t.strictSame(taken, [false]);
  t.strictSame(outcomes, [
    ['b', [response(1)]],
    ['c', [response(1)]],
    ['b', [response(1)]],
  ]);
});

const newUser = () => new User(defaultLimits, () => 0);

t.test('one enqueued turn runs per turn of the event loop, in order', async (t) => {
  const turns = new TurnQueue({ answerNow() {} });
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

t.test('waiting small responses go before an enqueued turn', async (t) => {
  const log: string[] = [];
  const turns = new TurnQueue({ answerNow: () => log.push('batch') });
  turns.enqueue(() => log.push('turn'), newUser());
  await setImmediate();
  t.strictSame(log, ['batch', 'turn']);
});

t.test('users take turns, however many connections of one wait', async (t) => {
  const turns = new TurnQueue({ answerNow() {} });
  const [many, few] = [newUser(), newUser()];
  const log: string[] = [];
  for (let i = 0; i < 3; i++) turns.enqueue(() => log.push(`many ${i}`), many);
  for (let i = 0; i < 2; i++) turns.enqueue(() => log.push(`few ${i}`), few);
  while (log.length < 5) await setImmediate();
  t.strictSame(log, ['many 0', 'few 0', 'many 1', 'few 1', 'many 2']);
});

t.test('eight turns in a pass of the event loop need not wait', async (t) => {
  const turns = new TurnQueue({ answerNow() {} });
  const admitted = () => Array.from({ length: 20 }, () => turns.admit()).filter(Boolean).length;
  t.strictSame([admitted(), admitted()], [8, 0]);
  await setImmediate();
  t.equal(admitted(), 8);
});
