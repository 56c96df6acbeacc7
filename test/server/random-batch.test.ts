import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { Counters } from '../../src/server/activity.js';
import { type BatchMember, RandomBatch, TurnQueue } from '../../src/server/random-batch.js';
import { run } from '../../src/server/random-run.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { fakeGenerator } from '../support/daemon.js';
import { message, unpackAll } from '../support/raw.js';

/** What became of each member's requests, in order. */
type Outcomes = [member: string, outcome: unknown][];

function newMember(name: string, outcomes: Outcomes, then = () => {}): BatchMember {
  return {
    sendBatched(bytes, at, size) {
      outcomes.push([name, unpackAll(bytes.slice(at, at + size))]);
      then();
    },
    failBatched: (ids, error) => outcomes.push([name, [ids, error]]),
  };
}

/** A read of `member`: whether its requests wait for the end of the turn. */
function read(
  batch: RandomBatch,
  member: BatchMember,
  now: number,
  ...requests: Buffer[]
): boolean {
  batch.observeRead(member, now);
  const bytes = Buffer.concat(requests);
  run.collect(ReceiveBuffer.of(bytes).view, 0, bytes.length, Number.POSITIVE_INFINITY);
  return batch.take(member, run);
}

const request = (id: number, size = 3) => message(id, 'random', [size]);
const answer = (id: number, size = 3) => [1, id, null, Buffer.alloc(size, 0xaa)];

t.test('several reads in a turn are one generate, and each member has its answers', async (t) => {
  const fills: number[] = [];
  const generator = fakeGenerator({
    fill(target, offset, length) {
      fills.push(length);
      target.fill(0xaa, offset, offset + length);
    },
  });
  const counters = new Counters();
  const batch = new RandomBatch(generator, counters);
  const outcomes: Outcomes = [];
  const [a, b] = [newMember('a', outcomes), newMember('b', outcomes)];
  t.notOk(read(batch, a, 1, request(1)), 'nobody else was there');
  t.ok(read(batch, b, 1.01, request(2), request(3, 300)));
  t.ok(read(batch, a, 1.5, request(4)), 'later ones of the turn too');
  t.strictSame(outcomes, [], 'not before the turn ends');
  await setImmediate();
  t.strictSame(outcomes, [
    ['b', [answer(2), answer(3, 300)]],
    ['a', [answer(4)]],
  ]);
  t.strictSame(fills, [10 + 3 + 11 + 300 + 10 + 3]);
  t.equal(counters.randomBytes, 306);
  t.equal(counters.serving().count, 2);
  t.ok(read(batch, b, 2, request(5)), 'and the next turn begins anew');
  await setImmediate();
  t.strictSame(outcomes[2], ['b', [answer(5)]]);
});

t.test('who is alone does not wait', async (t) => {
  const batch = new RandomBatch(fakeGenerator(), new Counters());
  const outcomes: Outcomes = [];
  const [a, b] = [newMember('a', outcomes), newMember('b', outcomes)];
  for (const [member, now, why] of [
    [a, 1, 'the first'],
    [a, 1.001, 'the same again'],
    [b, 1.03, 'another, much later'],
  ] as const)
    t.notOk(read(batch, member, now, request(1)), why);
  read(batch, a, 1.031, request(1));
  await setImmediate();
  let turns = 0;
  while (read(batch, a, 10 + turns, request(1))) {
    turns++;
    await setImmediate();
  }
  t.equal(turns, 7, 'after eight turns alone');
  t.equal(outcomes.length, 8);
});

t.test('a batch has at most 64 KiB', async (t) => {
  const batch = new RandomBatch(fakeGenerator(), new Counters());
  const outcomes: Outcomes = [];
  const [a, b] = [newMember('a', outcomes), newMember('b', outcomes)];
  batch.observeRead(a, 1);
  t.notOk(read(batch, b, 1, request(1, 65_536)), 'alone too large');
  t.ok(read(batch, b, 1, request(2, 65_536 - 11 - 11)));
  t.notOk(read(batch, a, 1, request(3, 2)));
  t.ok(read(batch, a, 1, request(4, 1)), 'what fits is taken');
  await setImmediate();
  t.strictSame(
    outcomes.map(([name]) => name),
    ['b', 'a'],
  );
});

t.test('a failure is told to each member, with the ids of its requests', async (t) => {
  const error = new EntropyError('ERR_HEALTH', 'broken');
  const generator = fakeGenerator({
    fill() {
      throw error;
    },
  });
  const counters = new Counters();
  const batch = new RandomBatch(generator, counters);
  const outcomes: Outcomes = [];
  const [a, b] = [newMember('a', outcomes), newMember('b', outcomes)];
  batch.observeRead(a, 1);
  read(batch, b, 1, request(1), request(2));
  read(batch, a, 1, request(2 ** 32 - 1));
  await setImmediate();
  t.strictSame(outcomes, [
    ['b', [[1, 2], error]],
    ['a', [[2 ** 32 - 1], error]],
  ]);
  t.equal(counters.randomBytes, 0);
});

t.test('what a member goes on with does not join those that are being answered', async (t) => {
  const batch = new RandomBatch(fakeGenerator(), new Counters());
  const outcomes: Outcomes = [];
  const taken: boolean[] = [];
  const a = newMember('a', outcomes, () => taken.push(read(batch, a, 2, request(9))));
  const b = newMember('b', outcomes);
  batch.observeRead(a, 1);
  for (const member of [b, a, b]) read(batch, member, 1, request(1));
  await setImmediate();
  t.strictSame(taken, [false]);
  t.strictSame(outcomes, [
    ['b', [answer(1)]],
    ['a', [answer(1)]],
    ['b', [answer(1)]],
  ]);
});

t.test('one turn in each turn of the event loop, in the order of asking', async (t) => {
  const turns = new TurnQueue(new RandomBatch(fakeGenerator(), new Counters()));
  const log: string[] = [];
  turns.enqueue(() => {
    log.push('a');
    turns.enqueue(() => log.push('a again'));
  });
  turns.enqueue(() => log.push('b'));
  t.strictSame(log, [], 'never at once');
  for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'a again']]) {
    await setImmediate();
    t.strictSame(log, expected);
  }
  turns.enqueue(() => log.push('c'));
  await setImmediate();
  t.equal(log.at(-1), 'c', 'and later ones');
});

t.test('small answers that wait come first', async (t) => {
  const batch = new RandomBatch(fakeGenerator(), new Counters());
  const turns = new TurnQueue(batch);
  const log: string[] = [];
  t.intercept(batch, 'answerNow', { value: () => log.push('batch') });
  turns.enqueue(() => log.push('turn'));
  await setImmediate();
  t.strictSame(log, ['batch', 'turn']);
});
