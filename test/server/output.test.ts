import t from 'tap';
import { chunkSize, OutputBuffers } from '../../src/server/output.js';
import { fakeGenerator } from '../support.js';

t.test('a buffer has the size of a chunk, and is the same again once it is back', async (t) => {
  const outputs = new OutputBuffers(fakeGenerator());
  const first = outputs.take() as Buffer;
  t.equal(first.length, chunkSize);
  t.ok(Buffer.isBuffer(first));
  outputs.release(first, 0);
  t.equal(outputs.take(), first);
  t.not(outputs.take(), first, 'while it is lent there is another');
});

t.test('the used part is wiped when a buffer comes back', async (t) => {
  const outputs = new OutputBuffers(fakeGenerator());
  const buffer = outputs.take() as Buffer;
  buffer.fill(7);
  outputs.release(buffer, 100);
  t.ok(buffer.subarray(0, 100).every((byte) => byte === 0));
  t.equal(buffer[100], 7, 'what was not used holds nothing');
});

t.test('at most 64 MiB are lent', async (t) => {
  const bytes = new Uint8Array(chunkSize);
  const outputs = new OutputBuffers(fakeGenerator({ allocate: () => bytes }));
  const lent: Buffer[] = [];
  for (let i = 0; i < (64 * 1024 * 1024) / chunkSize; i++) lent.push(outputs.take() as Buffer);
  t.ok(lent.every((buffer) => buffer !== undefined));
  t.equal(outputs.take(), undefined);
  outputs.release(lent.pop() as Buffer, 0);
  t.ok(outputs.take(), 'one that came back is lent again');
  t.equal(outputs.take(), undefined);
});

t.test('one free buffer is kept, the others are left to the collector', async (t) => {
  let allocations = 0;
  const outputs = new OutputBuffers(
    fakeGenerator({
      allocate(size) {
        allocations++;
        return new Uint8Array(size);
      },
    }),
  );
  const lent = [outputs.take(), outputs.take(), outputs.take()] as Buffer[];
  for (const buffer of lent) outputs.release(buffer, 0);
  t.equal(allocations, 3);
  outputs.take();
  t.equal(allocations, 3);
  outputs.take();
  t.equal(allocations, 4);
});
