import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig, loadGatewayConfig, mergeConfig } from '../src/config.js';
import { mergeGatewayConfig } from '../src/gateway-config.js';
import { setSocketVariable } from './support.js';

const nowhere = { env: {}, uid: 7, exists: () => false };
const hwrng = { name: 'hwrng', path: '/dev/hwrng', creditedBitsPerByte: 0 };

t.test('without a file and flags the defaults stand', async (t) => {
  t.strictSame(mergeConfig({}, { socket: '/s' }, nowhere), {
    profile: 'default',
    listen: [{ path: '/s', mode: 0o666, admin: true }],
    adminGroup: undefined,
    limits: {
      messageBytes: 65_536,
      connections: 4_096,
      connectionsPerUser: 1_024,
      bytesPerSecondPerUser: 0,
      unsentBytes: 67_108_864,
      unsentBytesPerUser: 16_777_216,
      freshRequestsPerUser: 64,
      messageSeconds: 10,
      stallSeconds: 60,
    },
    reseedRequests: 4_096,
    reseedSeconds: 300,
    devices: [hwrng],
    gateway: mergeGatewayConfig(),
  });
});

t.test('what a file says stands', async (t) => {
  const file = {
    profile: 'strict',
    listen: [{ path: '/a', mode: 0o600, admin: false }, { path: '/b' }],
    access: { admin_group: 'wheel' },
    limits: {
      message_bytes: 128,
      connections: 5,
      connections_per_user: 4,
      bytes_per_second_per_user: 3,
      unsent_bytes: 200_000,
      unsent_bytes_per_user: 150_000,
      fresh_requests_per_user: 6,
      message_seconds: 7,
      stall_seconds: 8,
    },
    generator: { reseed_requests: 2, reseed_seconds: 3 },
    source: [{ name: 'usb', path: '/dev/usb', credited_bits_per_byte: 4 }],
    gateway: { listen: ['unix:/g'], dialect: 'hwc' },
  } as const;
  t.match(
    mergeConfig(
      {
        ...file,
        listen: [...file.listen],
        source: [...file.source],
        gateway: { ...file.gateway, listen: ['unix:/g'] },
      },
      {},
      nowhere,
    ),
    {
      profile: 'strict',
      listen: [
        { path: '/a', mode: 0o600 },
        { path: '/b', mode: 0o666 },
      ],
      limits: {
        messageBytes: 128,
        connections: 5,
        connectionsPerUser: 4,
        bytesPerSecondPerUser: 3,
        unsentBytes: 200_000,
        unsentBytesPerUser: 150_000,
        freshRequestsPerUser: 6,
        messageSeconds: 7,
        stallSeconds: 8,
      },
      reseedRequests: 2,
      reseedSeconds: 3,
      devices: [hwrng, { name: 'usb', path: '/dev/usb', creditedBitsPerByte: 4 }],
      gateway: { listen: ['unix:/g'], dialect: 'hwc' },
    },
  );
});

t.test('flags come before the environment, both before the file', async (t) => {
  const file = { profile: 'strict' as const, listen: [{ path: '/file' }] };
  const env = { ENTROPYD_SOCKET: '/env' };
  for (const [flags, surroundings, path] of [
    [{ socket: '/flag' }, { ...nowhere, env }, '/flag'],
    [{}, { ...nowhere, env }, '/env'],
    [{}, nowhere, '/file'],
  ] as const)
    t.equal(mergeConfig(file, flags, surroundings).listen[0]?.path, path);
  t.equal(mergeConfig(file, { profile: 'default' }, nowhere).profile, 'default');
});

t.test('with sockets of the service manager none has to be named, and any can be', async (t) => {
  const activated = { activated: true };
  t.throws(() => mergeConfig({}, {}, nowhere), { code: 'ERR_CONFIG' });
  for (const [listen, socket, wanted] of [
    [undefined, undefined, []],
    [[{ path: '/a' }], undefined, ['/a']],
    [undefined, '/b', ['/b']],
  ] as const) {
    const file = listen === undefined ? {} : { listen: [...listen] };
    const flags = socket === undefined ? activated : { ...activated, socket };
    t.strictSame(
      mergeConfig(file, flags, nowhere).listen.map(({ path }) => path),
      wanted,
    );
  }
});

t.test('a source named hwrng replaces the one that is there by default', async (t) => {
  const source = [{ name: 'hwrng', path: '/dev/other', credited_bits_per_byte: 1 }];
  t.strictSame(mergeConfig({ source }, { socket: '/s' }, nowhere).devices, [
    { name: 'hwrng', path: '/dev/other', creditedBitsPerByte: 1 },
  ]);
  t.throws(() => mergeConfig({ source: [...source, ...source] }, { socket: '/s' }, nowhere), {
    code: 'ERR_CONFIG',
    message: 'two [[source]] have the same name',
  });
});

t.test('the gateway finds the daemon by flag, environment, file', async (t) => {
  const path = join(t.testdir(), 'c.toml');
  writeFileSync(
    path,
    '[[listen]]\npath = "/file"\n[[listen]]\npath = "/second"\n[gateway]\ndialect = "hwc"',
  );
  for (const [flags, env, socket] of [
    [{ config: path, socket: '/flag' }, { ENTROPYD_SOCKET: '/env' }, '/flag'],
    [{ config: path }, { ENTROPYD_SOCKET: '/env' }, '/env'],
    [{ config: path }, { ENTROPYD_SOCKET: '' }, '/file'],
    [{}, {}, undefined],
  ] as const)
    t.equal((await loadGatewayConfig(flags, env)).socket, socket);
  t.match(await loadGatewayConfig({ config: path, dialect: 'otc' }, {}), { dialect: 'otc' });
  t.match(await loadGatewayConfig({ config: path, audit: '-' }, {}), {
    dialect: 'hwc',
    audit: '-',
  });
  await t.rejects(loadGatewayConfig({ config: `${path}.missing` }), { code: 'ERR_CONFIG' });
});

t.test('a file is read where one is named', async (t) => {
  setSocketVariable(t, '/from/environment');
  t.equal((await loadConfig({})).listen[0]?.path, '/from/environment');
  const path = join(t.testdir(), 'c.toml');
  writeFileSync(path, 'profile = "strict"\n');
  t.equal((await loadConfig({ config: path })).profile, 'strict');
  writeFileSync(path, '\nprofil = "strict"\n');
  await t.rejects(loadConfig({ config: path }), {
    code: 'ERR_CONFIG',
    message: `${path}:2: profil: unknown key; the nearest is "profile"`,
  });
  await t.rejects(loadConfig({ config: `${path}.missing` }), {
    code: 'ERR_CONFIG',
    message: /cannot read the configuration: ENOENT/,
  });
});
