import t from 'tap';
import { type Chunk, chunkSize, maxChunks, OutputChunks } from '../../src/server/output.js';
import { maxChunksPerUser, User } from '../../src/server/users.js';
import { fakeGenerator } from '../support.js';

const newUser = () => new User({ connectionsPerUser: 1, bytesPerSecondPerUser: 0 }, () => 0);

t.test('a chunk has its size, and is the same again once it is back', async (t) => {
  const outputs = new OutputChunks(fakeGenerator());
  const user = newUser();
  const first = outputs.take(user) as Chunk;
  t.equal(first.bytes.length, chunkSize);
  t.ok(Buffer.isBuffer(first.bytes));
  first.view.setUint16(0, 0x1234);
  t.equal(first.bytes.readUInt16BE(0), 0x1234, 'the view is of the same bytes');
  outputs.give(first, user);
  t.equal(outputs.take(user), first);
  t.not(outputs.take(user), first, 'while it is lent there is another');
});

t.test('at most 64 MiB are lent, and a quarter of that to one user', async (t) => {
  t.equal(maxChunks * chunkSize, 64 * 1024 * 1024);
  t.equal(maxChunksPerUser, maxChunks / 4);
  const bytes = new Uint8Array(chunkSize);
  const outputs = new OutputChunks(fakeGenerator({ allocate: () => bytes }));
  const users = [newUser(), newUser(), newUser(), newUser()] as const;
  const last = new Map<User, Chunk>();
  for (const user of users) {
    for (let i = 0; i < maxChunksPerUser; i++) last.set(user, outputs.take(user) as Chunk);
    t.equal(outputs.take(user), undefined, 'of this user');
  }
  const another = newUser();
  t.equal(outputs.take(another), undefined, 'of all');
  t.equal(outputs.lent, maxChunks);
  outputs.give(last.get(users[0]) as Chunk, users[0]);
  t.ok(outputs.take(another), 'one that came back is lent again');
  t.equal(outputs.take(users[0]), undefined);
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
  );
  const user = newUser();
  const lent = [outputs.take(user), outputs.take(user), outputs.take(user)] as Chunk[];
  for (const chunk of lent) outputs.give(chunk, user);
  t.equal(allocations, 3);
  outputs.take(user);
  t.equal(allocations, 3);
  outputs.take(user);
  t.equal(allocations, 4);
});
