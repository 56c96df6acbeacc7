import t from 'tap';
import { chunkSize } from '../../src/common/unix-socket.js';
import { defaultLimits } from '../../src/config/config.js';
import { type Chunk, OutputChunks } from '../../src/server/output-chunks.js';
import { User } from '../../src/server/users.js';
import { fakeGenerator } from '../support/daemon.js';

const newUser = () => new User(defaultLimits, () => 0);

t.test('a chunk has its size, and is the same again once it is back', async (t) => {
  const outputs = new OutputChunks(fakeGenerator(), defaultLimits);
  const user = newUser();
  const first = outputs.acquire(user) as Chunk;
  t.equal(first.bytes.length, chunkSize);
  t.ok(Buffer.isBuffer(first.bytes));
  first.view.setUint16(0, 0x1234);
  t.equal(first.bytes.readUInt16BE(0), 0x1234, 'the view is of the same bytes');
  outputs.release(first, user);
  t.equal(outputs.acquire(user), first);
  t.not(outputs.acquire(user), first, 'while it is lent there is another');
});

t.test('at most 64 MiB are lent, and a quarter of that to one user', async (t) => {
  const perUser = 128;
  const bytes = new Uint8Array(chunkSize);
  const outputs = new OutputChunks(fakeGenerator({ allocate: () => bytes }), defaultLimits);
  const users = [newUser(), newUser(), newUser(), newUser()] as const;
  const last = new Map<User, Chunk>();
  for (const user of users) {
    for (let i = 0; i < perUser; i++) last.set(user, outputs.acquire(user) as Chunk);
    t.equal(outputs.acquire(user), undefined, 'of this user');
  }
  const another = newUser();
  t.equal(outputs.acquire(another), undefined, 'of all');
  t.equal(outputs.acquiredBytes, 64 * 1024 * 1024);
  outputs.release(last.get(users[0]) as Chunk, users[0]);
  t.ok(outputs.acquire(another), 'one that came back is lent again');
  t.equal(outputs.acquire(users[0]), undefined);
});

t.test('a limit that changes holds from then on', async (t) => {
  const limits = { ...defaultLimits, unsentBytes: chunkSize };
  const outputs = new OutputChunks(fakeGenerator(), limits);
  const user = new User(limits, () => 0);
  outputs.acquire(user);
  t.equal(outputs.acquire(user), undefined);
  limits.unsentBytes = 3 * chunkSize - 1;
  t.ok(outputs.acquire(user));
  t.equal(outputs.acquire(user), undefined, 'a chunk has room as a whole');
  limits.unsentBytes = 9 * chunkSize;
  limits.unsentBytesPerUser = 2 * chunkSize;
  t.equal(outputs.acquire(user), undefined, 'of this user');
});

t.test('one free chunk is kept, the others are left to the collector', async (t) => {
  let allocations = 0;
  const outputs = new OutputChunks(
    fakeGenerator({
      allocate(size) {
        allocations++;
        return new Uint8Array(size);
      },
    }),
    defaultLimits,
  );
  const user = newUser();
  const lent = [outputs.acquire(user), outputs.acquire(user), outputs.acquire(user)] as Chunk[];
  for (const chunk of lent) outputs.release(chunk, user);
  t.equal(allocations, 3);
  outputs.acquire(user);
  t.equal(allocations, 3);
  outputs.acquire(user);
  t.equal(allocations, 4);
});
