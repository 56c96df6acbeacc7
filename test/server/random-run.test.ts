import t from 'tap';
import { chunkSize } from '../../src/common/unix-socket.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { run } from '../../src/server/random-run.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { message, unpackAll } from '../support/raw.js';

const infinite = Number.POSITIVE_INFINITY;

/** Collects from these messages. */
function collect(allowance: number, ...messages: Buffer[]): Buffer {
  const bytes = Buffer.concat(messages);
  run.collect(ReceiveBuffer.of(bytes).view, 0, bytes.length, allowance);
  return bytes;
}

/** What the run's answers are with payloads of 0xaa. */
function answers(): unknown[][] {
  const chunk = Buffer.alloc(run.size + run.left, 0xaa);
  run.writeHeaders(new DataView(chunk.buffer, chunk.byteOffset, chunk.length));
  return unpackAll(chunk);
}

t.test('a run is as many requests as have the fixed shape', async (t) => {
  const requests = [message(7, 'random', [3]), message(2 ** 32 - 1, 'random', [300])];
  const bytes = collect(infinite, ...requests, message(1, 'version', []));
  t.match(run, {
    count: 2,
    firstId: 7,
    firstEnd: requests[0]?.length as number,
    end: bytes.length - message(1, 'version', []).length,
    payload: 303,
    size: 10 + 3 + 11 + 300,
    left: 0,
  });
  t.strictSame(answers(), [
    [1, 7, null, Buffer.alloc(3, 0xaa)],
    [1, 2 ** 32 - 1, null, Buffer.alloc(300, 0xaa)],
  ]);
});

t.test('nothing of the kind is an empty run', async (t) => {
  collect(infinite, message(1, 'version', []));
  t.match(run, { count: 0, end: 0, size: 0, payload: 0, left: 0 });
});

t.test('answers that a chunk does not hold are for later', async (t) => {
  collect(infinite, message(1, 'random', [100]), message(2, 'random', [maxRandomSize]));
  t.match(run, {
    count: 2,
    size: chunkSize,
    payload: chunkSize - 10 - 13,
    left: maxRandomSize - (chunkSize - 110 - 13),
  });
  t.equal(answers()[1]?.[1], 2);
});

t.test('a run ends where the next answer’s header might not fit', async (t) => {
  const size = chunkSize - 13 - 13;
  collect(infinite, message(1, 'random', [size]), message(2, 'random', [1]));
  t.match(run, { count: 1, size: chunkSize - 13 });
  collect(infinite, message(1, 'random', [size - 1]), message(2, 'random', [1]));
  t.match(run, { count: 2, size: chunkSize - 14 + 11, left: 0 });
});

t.test('as many small answers as a chunk holds', async (t) => {
  const requests = Array.from({ length: 20_000 }, (_, id) => message(id, 'random', [1]));
  collect(infinite, ...requests);
  t.equal(run.count, Math.ceil((chunkSize - 13) / 11));
  t.equal(answers().length, run.count);
});

t.test('the request that uses up the allowance is the last', async (t) => {
  const requests = [10, 10, 10].map((size, id) => message(id, 'random', [size]));
  for (const [allowance, count] of [
    [0, 0],
    [-5, 0],
    [1, 1],
    [10, 1],
    [10.5, 2],
    [30, 3],
  ] as const) {
    collect(allowance, ...requests);
    t.equal(run.count, count, `${allowance}`);
  }
});

t.test('a request that came in another shape is a run of its own', async (t) => {
  run.single(5, 200_000, 77);
  t.match(run, { count: 1, firstId: 5, firstEnd: 77, end: 77, size: chunkSize });
  t.equal(run.left, 200_000 - (chunkSize - 13));
});
