import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Client } from '../../src/client/client.js';
import { chunkSize, requestChunks } from '../../src/commands/chunks.js';

/** A client that fills arrays with the number of the request, when it is told to. */
function fakeClient(failAt = Number.POSITIVE_INFINITY) {
  const made = { sizes: [] as number[], underWay: 0, most: 0, arrays: new Set<ArrayBufferLike>() };
  const client = {
    async randomFill(target: Uint8Array) {
      made.sizes.push(target.length);
      made.arrays.add(target.buffer);
      const number = made.sizes.length;
      made.most = Math.max(made.most, ++made.underWay);
      await setTimeout(1);
      made.underWay--;
      if (number >= failAt) throw new Error('gone');
      return target.fill(number);
    },
  };
  return { client: client as unknown as Client, made };
}

t.test('as many bytes as asked for, in order, with three requests ahead at most', async (t) => {
  t.equal(chunkSize % 48, 0, 'base64 and UUIDs put end to end');
  for (const [size, wanted] of [
    [1, [1]],
    [chunkSize, [chunkSize]],
    [chunkSize + 1, [chunkSize, 1]],
    [9 * chunkSize + 5, [...Array(9).fill(chunkSize), 5]],
  ] as const) {
    const { client, made } = fakeClient();
    let number = 0;
    for await (const chunk of requestChunks(client, size, {})) {
      number++;
      t.ok(
        chunk.every((byte) => byte === number),
        'nobody writes into a chunk in use',
      );
      await setTimeout(2);
    }
    t.strictSame(made.sizes, wanted, `${size} bytes`);
    t.ok(made.most <= 3, `${made.most} at once`);
    t.ok(made.arrays.size <= 4, `${made.arrays.size} buffers, however many chunks`);
  }
});

t.test('all buffers are wiped, also where the reader or the daemon goes', async (t) => {
  for (const [failAt, stopAt] of [
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [4, Number.POSITIVE_INFINITY],
    [Number.POSITIVE_INFINITY, 2],
  ] as const) {
    const { client, made } = fakeClient(failAt);
    let chunks = 0;
    try {
      for await (const _ of requestChunks(client, 6 * chunkSize, {}))
        if (++chunks === stopAt) break;
      t.equal(failAt, Number.POSITIVE_INFINITY);
    } catch (error) {
      t.match(error, { message: 'gone' });
    }
    // Those that were under way fill theirs with what no daemon sends any more.
    if (stopAt === Number.POSITIVE_INFINITY)
      for (const buffer of made.arrays) t.notOk(Buffer.from(buffer).some((byte) => byte !== 0));
  }
});
