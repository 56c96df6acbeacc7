import t from 'tap';
import { chunkSize } from '../../src/common/unix-socket.js';
import { defaultLimits } from '../../src/config/config.js';
import {
  type Chunk,
  OutputChunks,
  reservedChunks,
  smallSize,
} from '../../src/server/output-chunks.js';
import { User } from '../../src/server/users.js';
import { fakeGenerator } from '../support/daemon.js';

const newUser = (limits = defaultLimits) => ({ user: new User(limits, () => 0), admin: false });
type Owner = ReturnType<typeof newUser>;

t.test('a chunk has 128 KiB, and is reused after its release', async (t) => {
  const chunks = new OutputChunks(fakeGenerator(), defaultLimits);
  const user = newUser();
  const first = chunks.acquire(chunkSize, user) as Chunk;
  t.equal(first.bytes.length, chunkSize);
  t.ok(Buffer.isBuffer(first.bytes));
  first.view.setUint16(0, 0x1234);
  t.equal(first.bytes.readUInt16BE(0), 0x1234, 'the view shows the same bytes');
  chunks.release(first, user);
  t.equal(chunks.acquire(chunkSize, user), first);
  t.not(chunks.acquire(chunkSize, user), first, 'a chunk in use is not handed out again');
});

t.test('at most 64 MiB are in use, at most a quarter of that by one user', async (t) => {
  const perUser = 128;
  const bytes = new Uint8Array(chunkSize);
  const chunks = new OutputChunks({ allocate: () => bytes }, defaultLimits);
  const users = [newUser(), newUser(), newUser(), newUser()] as const;
  const last = new Map<Owner, Chunk>();
  for (const user of users) {
    for (let i = 0; i < perUser; i++) last.set(user, chunks.acquire(chunkSize, user) as Chunk);
    t.equal(chunks.acquire(chunkSize, user), undefined, 'at this user’s limit');
  }
  const another = newUser();
  t.equal(chunks.acquire(chunkSize, another), undefined, 'at the limit of all users');
  t.equal(chunks.acquiredBytes, 64 * 1024 * 1024);
  chunks.release(last.get(users[0]) as Chunk, users[0]);
  t.ok(chunks.acquire(chunkSize, another), 'a released chunk makes room');
  t.equal(chunks.acquire(chunkSize, users[0]), undefined);
});

t.test('a changed limit takes effect at once', async (t) => {
  const limits = { ...defaultLimits, unsentBytes: chunkSize };
  const chunks = new OutputChunks(fakeGenerator(), limits);
  const user = newUser(limits);
  chunks.acquire(chunkSize, user);
  t.equal(chunks.acquire(chunkSize, user), undefined);
  limits.unsentBytes = 3 * chunkSize - 1;
  t.ok(chunks.acquire(chunkSize, user));
  t.equal(chunks.acquire(chunkSize, user), undefined, 'a chunk counts as a whole');
  limits.unsentBytes = 9 * chunkSize;
  limits.unsentBytesPerUser = 2 * chunkSize;
  t.equal(chunks.acquire(chunkSize, user), undefined, 'at this user’s limit');
});

t.test('one free chunk is kept; others are left to the garbage collector', async (t) => {
  let allocations = 0;
  const allocate = (size: number) => {
    allocations++;
    return new Uint8Array(size);
  };
  const chunks = new OutputChunks({ allocate }, defaultLimits);
  const user = newUser();
  const acquired = [
    chunks.acquire(chunkSize, user),
    chunks.acquire(chunkSize, user),
    chunks.acquire(chunkSize, user),
  ] as Chunk[];
  for (const chunk of acquired) chunks.release(chunk, user);
  t.equal(allocations, 3);
  chunks.acquire(chunkSize, user);
  t.equal(allocations, 3);
  chunks.acquire(chunkSize, user);
  t.equal(allocations, 4);
});

t.test('a piece of at most 4 KiB is always admitted, in a chunk of that size', async (t) => {
  const limits = { ...defaultLimits, unsentBytes: 0, unsentBytesPerUser: 0 };
  const chunks = new OutputChunks(fakeGenerator(), limits);
  const user = newUser(limits);
  const first = chunks.acquire(1, user) as Chunk;
  const second = chunks.acquire(smallSize, user) as Chunk;
  t.equal(first.bytes.length, 4096);
  t.equal(second.bytes.length, 4096);
  t.not(second, first);
  t.equal(chunks.acquire(smallSize + 1, user), undefined, 'a larger one is not');
  chunks.release(first, user);
  t.equal(chunks.acquire(16, user), first, 'it is reused');
  t.equal(chunks.acquiredBytes, 0, 'and does not count');
});

t.test('16 chunks beyond the limit of all users are reserved for administrators', async (t) => {
  const limits = { ...defaultLimits, unsentBytes: 0 };
  const chunks = new OutputChunks(fakeGenerator(), limits);
  const admin = { ...newUser(limits), admin: true };
  t.equal(chunks.acquire(chunkSize, newUser(limits)), undefined);
  t.equal(reservedChunks, 16);
  for (let i = 0; i < 16; i++) t.ok(chunks.acquire(chunkSize, admin));
  t.equal(chunks.acquire(chunkSize, admin), undefined);
});
