import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { type Addon, loadAddon } from '../../src/common/package.js';
import { identify, isAdmin, nobody } from '../../src/server/peer.js';
import { freePath } from '../support.js';

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
