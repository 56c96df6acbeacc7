import t from 'tap';
import { chunkSize } from '../../src/common/unix-socket.js';
import { maxRandomSize } from '../../src/rpc/protocol.js';
import { RandomRun } from '../../src/server/random-run.js';
import { ReceiveBuffer } from '../../src/server/socket-input.js';
import { message, unpackAll } from '../support/raw.js';

/** One object for all tests, as one object serves all connections. */
const run = new RandomRun();

/** Collects a run from these messages. */
function collect(messages: Buffer[], allowance = Number.POSITIVE_INFINITY): void {
  const bytes = Buffer.concat(messages);
  run.collect(ReceiveBuffer.of(bytes).view, 0, bytes.length, allowance);
}

const request = (id: number, size: number) => message(id, 'random', [size]);

/** The run's responses, with random bytes of 0xaa. */
function responses(): unknown[][] {
  const chunk = Buffer.alloc(run.size + run.left, 0xaa);
  run.writeHeaders(new DataView(chunk.buffer, chunk.byteOffset, chunk.length));
  return unpackAll(chunk);
}

t.test('the beginning of a run that fits is known by its random bytes', async (t) => {
  collect([request(1, 3), request(2, 300), request(3, maxRandomSize)]);
  for (const [room, payload] of [
    [12, 0],
    [13, 3],
    [13 + 310, 3],
    [13 + 311, 303],
    [chunkSize, 303],
  ] as const)
    t.equal(run.payloadWithin(room), payload, String(room));
});

t.test('a run has the consecutive requests of fixed layout', async (t) => {
  const requests = [request(7, 3), request(2 ** 32 - 1, 300)] as const;
  collect([...requests, message(1, 'version', [])]);
  t.match(run, {
    count: 2,
    firstId: 7,
    firstEnd: requests[0].length,
    end: requests[0].length + requests[1].length,
    payload: 303,
    size: 10 + 3 + 11 + 300,
    left: 0,
  });
  t.strictSame(responses(), [
    [1, 7, null, Buffer.alloc(3, 0xaa)],
    [1, 2 ** 32 - 1, null, Buffer.alloc(300, 0xaa)],
  ]);
  t.strictSame(run.ids(0, 2), [7, 2 ** 32 - 1]);
});

t.test('a run before any other message is empty', async (t) => {
  collect([message(1, 'version', [])]);
  t.match(run, { count: 0, end: 0, size: 0, payload: 0, left: 0 });
});

t.test('output that does not fit into a chunk is left for later', async (t) => {
  collect([request(1, 100), request(2, maxRandomSize)]);
  t.match(run, {
    count: 2,
    size: chunkSize,
    payload: chunkSize - 10 - 13,
    left: maxRandomSize - (chunkSize - 110 - 13),
  });
  t.equal(responses()[1]?.[1], 2);
});

t.test('a run ends if the next response’s header might not fit', async (t) => {
  const size = chunkSize - 13 - 13;
  collect([request(1, size), request(2, 1)]);
  t.match(run, { count: 1, size: chunkSize - 13 });
  collect([request(1, size - 1), request(2, 1)]);
  t.match(run, { count: 2, size: chunkSize - 14 + 11, left: 0 });
});

t.test('a run has all the small responses that can begin in a chunk', async (t) => {
  collect(Array.from({ length: 20_000 }, (_, id) => request(id, 1)));
  t.equal(run.count, Math.ceil((chunkSize - 13) / 11));
  t.equal(responses().length, run.count);
});

t.test('the request that exhausts the allowance is the last', async (t) => {
  const requests = [10, 10, 10].map((size, id) => request(id, size));
  for (const [allowance, count] of [
    [0, 0],
    [-5, 0],
    [1, 1],
    [10, 1],
    [10.5, 2],
    [30, 3],
  ] as const) {
    collect(requests, allowance);
    t.equal(run.count, count, `${allowance} bytes`);
  }
});

t.test('a request of another layout is a run of its own', async (t) => {
  run.single(5, 200_000, 77);
  t.match(run, { count: 1, firstId: 5, firstEnd: 77, end: 77, size: chunkSize });
  t.equal(run.left, 200_000 - (chunkSize - 13));
});

t.test('a run is appended whole or not at all', async (t) => {
  const all = new RandomRun();
  collect([request(1, 3), request(2, 4)]);
  t.ok(all.append(run, run.size));
  collect([request(3, 5)]);
  t.notOk(all.append(run, 2 * 10 + 7 + 10 + 4));
  t.ok(all.append(run, 2 * 10 + 7 + 10 + 5));
  t.match(all, { count: 3, payload: 12, size: 42 });
  t.strictSame(all.ids(0, 3), [1, 2, 3]);
  all.clear();
  t.match(all, { count: 0, payload: 0, size: 0 });
});
