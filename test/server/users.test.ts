import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { type Addon, loadAddon } from '../../src/common/package.js';
import { defaultLimits } from '../../src/config/config.js';
import { identify, isAdmin, nobody, User, Users } from '../../src/server/users.js';
import { freePath } from '../support/paths.js';

const unlimited = { ...defaultLimits, connectionsPerUser: 2 };

t.test('a user has so many connections, whoever else is there', async (t) => {
  const users = new Users(unlimited);
  const one = users.enter(1000) as User;
  t.equal(users.enter(1000), one);
  t.equal(users.enter(1000), undefined);
  t.ok(users.enter(1001), 'another has room');
  users.leave(one);
  t.equal(users.enter(1000), one, 'one that ended makes room');
});

t.test('a limit that changes holds from then on', async (t) => {
  const limits = { ...defaultLimits, connectionsPerUser: 1 };
  const users = new Users(limits);
  users.enter(0);
  t.equal(users.enter(0), undefined);
  limits.connectionsPerUser = 2;
  const user = users.enter(0) as User;
  t.ok(user);
  limits.bytesPerSecondPerUser = 10;
  t.equal(user.remainingBytes() > 0, true, 'what was taken before is not owed');
});

t.test('what is taken is given back: room for output, and places for fresh bytes', async (t) => {
  const limits = {
    ...defaultLimits,
    unsentBytesPerUser: 100,
    predictionResistanceRequestsPerUser: 2,
  };
  const user = new User(limits, () => 0);
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
});

t.test('without a limit there is always room', async (t) => {
  const user = new User(unlimited, () => 0);
  user.consume(1e12);
  t.equal(user.remainingBytes(), Number.POSITIVE_INFINITY);
});

t.test('bytes a second hold on average, and no size is out of reach', async (t) => {
  let now = 0;
  const user = new User({ ...defaultLimits, bytesPerSecondPerUser: 1000 }, () => now);
  for (const [at, allowance, spent, why] of [
    [0, 1000, 400, 'a second’s worth is there at once'],
    [0, 600, 600, 'and is used up'],
    [0, 0, 0, 'then there is none'],
    [500, 500, 0, 'half a second brings half of it'],
    [10_000, 1000, 5000, 'never more than a second’s, but a request may owe'],
    [13_000, -1000, 0, 'what is owed'],
    [14_001, 1, 0, 'is worked off'],
  ] as const) {
    now = at;
    t.equal(Math.round(user.remainingBytes()), allowance, why);
    user.consume(spent);
  }
  t.match(user.refusal(), {
    code: 'ERR_RATE',
    message: 'more than 1000 bytes a second for this user',
  });
});

t.test('who comes back at once still owes; who is idle is forgotten', async (t) => {
  let now = 0;
  const limits = { ...defaultLimits, bytesPerSecondPerUser: 1000 };
  const users = new Users(limits, () => now);
  const user = users.enter(5) as User;
  user.consume(1500);
  users.leave(user);
  users.sweep();
  t.equal(users.enter(5), user);
  users.leave(user);
  now = 1499;
  users.sweep();
  t.equal(users.enter(5), user, 'not all is worked off yet');
  now = 3000;
  users.sweep();
  t.equal(users.enter(5), user, 'connected');
  users.leave(user);
  users.leave(user);
  users.sweep();
  t.not(users.enter(5), user);
});

const addon = loadAddon().addon as Addon;

t.test('root, the daemon’s user and the group’s members are administrators', async (t) => {
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

t.test('who it is comes from the kernel; where it cannot tell, nobody', async (t) => {
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
  const silent = { ...addon, peerCredentials: () => null };
  t.equal(identify(accepted, silent, own), nobody, 'no credentials');
  client.destroy();
  accepted.destroy();
  await new Promise((resolve) => server.close(resolve));
});
