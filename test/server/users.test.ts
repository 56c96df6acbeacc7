import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { loadAddon } from '../../src/common/package.js';
import { defaultLimits } from '../../src/config/config.js';
import { identify, isAdmin, nobody, User, Users } from '../../src/server/users.js';
import { freePath } from '../support/paths.js';

/** Users of 1,000 bytes a second and two connections, and their clock. */
function limited() {
  const time = { now: 0 };
  const limits = { ...defaultLimits, bytesPerSecondPerUser: 1000, connectionsPerUser: 2 };
  return { time, limits, users: new Users(limits, () => time.now) };
}

t.test('the connection limit is per user', async (t) => {
  const { users } = limited();
  const user = users.enter(1000) as User;
  t.equal(users.enter(1000), user);
  t.equal(users.enter(1000), undefined);
  t.ok(users.enter(1001), 'another user has room');
  users.leave(user);
  t.equal(users.enter(1000), user, 'a connection that ended makes room');
});

t.test('a changed limit takes effect at once', async (t) => {
  const limits = { ...defaultLimits, connectionsPerUser: 1 };
  const users = new Users(limits, () => 0);
  users.enter(0);
  t.equal(users.enter(0), undefined);
  limits.connectionsPerUser = 2;
  const user = users.enter(0) as User;
  t.ok(user);
  user.consume(1e6);
  limits.bytesPerSecondPerUser = 10;
  t.ok(user.remainingBytes() >= 0, 'bytes consumed before the limit are not owed');
});

t.test(
  'output and prediction resistance are limited per user, and can be used again when returned',
  async (t) => {
    const user = new User(
      { ...defaultLimits, unsentBytesPerUser: 100, predictionResistanceRequestsPerUser: 2 },
      () => 0,
    );
    for (let round = 0; round < 2; round++) {
      t.strictSame(
        [60, 41, 40, 1].map((size) => user.reserve(size)),
        [true, false, true, false],
      );
      for (const size of [60, 40]) user.unreserve(size);
      t.strictSame(
        [1, 2, 3].map(() => user.beginPredictionResistance()),
        [true, true, false],
      );
      for (let i = 0; i < 2; i++) user.endPredictionResistance();
    }
  },
);

t.test('without a rate limit the remaining bytes are infinite', async (t) => {
  const user = new User(defaultLimits, () => 0);
  user.consume(1e12);
  t.equal(user.remainingBytes(), Number.POSITIVE_INFINITY);
});

t.test('the rate holds on average, and no size is out of reach', async (t) => {
  const { time, users } = limited();
  const user = users.enter(0) as User;
  for (const [at, remaining, consumed, why] of [
    [0, 1000, 400, 'a second’s worth is available at once'],
    [0, 600, 600, 'the rest of it too'],
    [0, 0, 0, 'then nothing'],
    [500, 500, 0, 'half a second refills half of it'],
    [10_000, 1000, 5000, 'at most a second’s worth accumulates, but a request may exceed it'],
    [13_000, -1000, 0, 'the debt shrinks'],
    [14_001, 1, 0, 'until it is paid'],
  ] as const) {
    time.now = at;
    t.equal(Math.round(user.remainingBytes()), remaining, why);
    user.consume(consumed);
  }
  t.match(user.rateError(), {
    code: 'ERR_RATE',
    message: 'more than 1000 bytes a second for this user',
  });
});

t.test('a user who reconnects still owes; an idle user is forgotten', async (t) => {
  const { time, users } = limited();
  const user = users.enter(5) as User;
  user.consume(1500);
  users.leave(user);
  users.sweep();
  t.equal(users.enter(5), user, 'owes');
  users.leave(user);
  time.now = 1499;
  users.sweep();
  t.equal(users.enter(5), user, 'owes the rest');
  time.now = 3000;
  users.sweep();
  t.equal(users.enter(5), user, 'is connected');
  users.leave(user);
  users.leave(user);
  users.sweep();
  t.not(users.enter(5), user, 'is idle');
});

t.test('administrators are root, the daemon’s user and members of the group', async (t) => {
  const rule = { uid: 500, group: 70 };
  for (const [uid, gids, admin] of [
    [0, [0], true],
    [500, [500], true],
    [7, [7, 70], true],
    [7, [70], true],
    [7, [7, 71], false],
  ] as const)
    t.equal(isAdmin({ pid: 1, uid, gids: [...gids] }, rule), admin, `${uid} ${gids}`);
  t.equal(isAdmin({ pid: 1, uid: 7, gids: [70] }, { uid: 500, group: undefined }), false);
});

t.test('the kernel says who is connected; if it cannot, the peer is nobody', async (t) => {
  const { addon } = loadAddon();
  const path = freePath();
  const server = createServer().listen(path);
  await once(server, 'listening');
  const client = connect(path);
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const own = { uid: process.geteuid?.() ?? -1, group: undefined };
  t.strictSame(identify(accepted, addon, own), { uid: own.uid, admin: true });
  t.strictSame(identify(accepted, addon, undefined), { uid: own.uid, admin: false }, 'no rule');
  t.equal(identify(accepted, undefined, own), nobody, 'no addon');
  t.equal(identify({} as Socket, addon, own), nobody, 'no handle');
  t.equal(identify(accepted, { peerCredentials: () => null }, own), nobody, 'no credentials');
  client.destroy();
  accepted.destroy();
  await new Promise((resolve) => server.close(resolve));
});
