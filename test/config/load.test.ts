import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { maxFileBytes } from '../../src/common/regular-file.js';
import { defaultGatewayAddress, defaults, type GatewayConfig } from '../../src/config/config.js';
import {
  camelCase,
  type GatewayFlags,
  loadConfig,
  loadGatewayConfig,
  mergeConfig,
  mergeGatewayConfig,
  namingLines,
} from '../../src/config/load.js';
import { parseConfigFile } from '../../src/config/schema.js';
import { setSocketVariable } from '../support/paths.js';

const nowhere = { env: {}, uid: 7, exists: () => false };
const hwrng = {
  name: 'hwrng',
  path: '/dev/hwrng',
  creditedBitsPerByte: 0,
};

t.test('a key of the file has its name in camel case', async (t) => {
  t.equal(camelCase('profile'), 'profile');
  t.equal(camelCase('bytes_per_second_per_user'), 'bytesPerSecondPerUser');
});

t.test('without a file and options the defaults apply', async (t) => {
  t.strictSame(mergeConfig({}, { socket: '/s' }, nowhere), {
    profile: defaults.profile,
    listen: [{ path: '/s', ...defaults.listen }],
    access: defaults.access,
    limits: defaults.limits,
    generator: defaults.generator,
    devices: [hwrng],
    gateway: mergeGatewayConfig(),
  });
});

t.test('what a file sets overrides the defaults', async (t) => {
  const file = parseConfigFile(
    `profile = "strict"
[[listen]]
path = "/a"
mode = "0600"
protocol = "egd"
admin = false
[[listen]]
path = "/b"
[access]
admin_group = "wheel"
[limits]
message_bytes = 128
connections = 5
connections_per_user = 4
bytes_per_second_per_user = 3
unsent_bytes = 200000
unsent_bytes_per_user = 150000
prediction_resistance_requests_per_user = 6
message_seconds = 7
stall_seconds = 8
spin_us = 9
[generator]
reseed_requests = 2
reseed_seconds = 3
[[source]]
name = "usb"
path = "/dev/usb"
tested_bits_per_byte = 3.5
credited_bits_per_byte = 2.25
[[source]]
name = "fifo"
path = "/run/fifo"
[gateway]
listen = ["unix:/g"]
dialect = "hwc"
`,
    'f',
  );
  t.strictSame(mergeConfig(file, {}, nowhere), {
    profile: 'strict',
    listen: [
      { path: '/a', mode: 0o600, protocol: 'egd', admin: false },
      { path: '/b', mode: 0o666, protocol: 'rpc', admin: true },
    ],
    access: { adminGroup: 'wheel' },
    limits: {
      messageBytes: 128,
      connections: 5,
      connectionsPerUser: 4,
      bytesPerSecondPerUser: 3,
      unsentBytes: 200_000,
      unsentBytesPerUser: 150_000,
      predictionResistanceRequestsPerUser: 6,
      messageSeconds: 7,
      stallSeconds: 8,
      spinUs: 9,
    },
    generator: { reseedRequests: 2, reseedSeconds: 3 },
    devices: [
      hwrng,
      { name: 'usb', path: '/dev/usb', testedBitsPerByte: 3.5, creditedBitsPerByte: 2.25 },
      { name: 'fifo', path: '/run/fifo', testedBitsPerByte: 7, creditedBitsPerByte: 0 },
    ],
    gateway: { ...mergeGatewayConfig(), listen: ['unix:/g'], dialect: 'hwc' },
  });
});

t.test('options override the environment, and both override the file', async (t) => {
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

t.test('an EGD socket of the command line comes besides the others', async (t) => {
  const egd = { path: '/egd', mode: 0o666, protocol: 'egd', admin: true };
  for (const [file, flags, paths] of [
    [{}, { socket: '/s' }, ['/s']],
    [{ listen: [{ path: '/a' }, { path: '/egd' }] }, {}, ['/a']],
    [{}, { activated: true }, []],
  ] as const) {
    const { listen } = mergeConfig(
      'listen' in file ? { listen: [...file.listen] } : {},
      { ...flags, egdSocket: '/egd' },
      nowhere,
    );
    t.strictSame(
      listen.slice(0, -1).map(({ path }) => path),
      paths,
    );
    t.strictSame(listen.at(-1), egd);
  }
});

t.test('with passed sockets no socket has to be configured, but any can be', async (t) => {
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

t.test('a source named hwrng replaces the default one', async (t) => {
  const source = [{ name: 'hwrng', path: '/dev/other', credited_bits_per_byte: 1 }];
  t.strictSame(mergeConfig({ source }, { socket: '/s' }, nowhere).devices, [
    { name: 'hwrng', path: '/dev/other', testedBitsPerByte: 7, creditedBitsPerByte: 1 },
  ]);
});

t.test('the gateway finds the daemon by option, environment, file', async (t) => {
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
  t.strictSame(await loadGatewayConfig({ config: path, audit: '-' }, {}), {
    ...mergeGatewayConfig(),
    dialect: 'hwc',
    audit: '-',
    socket: '/file',
  });
  await t.rejects(loadGatewayConfig({ config: `${path}.missing` }), { code: 'ERR_CONFIG' });
});

t.test('a file is read only if it is named', async (t) => {
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
    message: /^configuration .*missing: ENOENT: /,
  });
});

t.test('a configuration that is not a regular file is refused at once', async (t) => {
  const folder = t.testdir({});
  const [fifo, large] = [join(folder, 'fifo'), join(folder, 'large')];
  execFileSync('mkfifo', [fifo]);
  writeFileSync(large, Buffer.alloc(maxFileBytes + 1, '#'));
  for (const [config, reason] of [
    [fifo, 'want a regular file'],
    [folder, 'want a regular file'],
    ['/dev/zero', 'want a regular file'],
    [large, 'larger than 1048576 bytes'],
  ] as const)
    await t.rejects(loadConfig({ config }), {
      code: 'ERR_CONFIG',
      message: `configuration ${config}: ${reason}`,
    });
});

t.test('by default the gateway is on loopback, open, and writes no audit log', async (t) => {
  const { tlsCert, tlsKey, ...others } = defaults.gateway;
  t.strictSame(mergeGatewayConfig(), { ...others, tls: undefined });
  t.match(others, { listen: [defaultGatewayAddress], credentials: undefined, audit: undefined });
});

t.test('passed sockets replace the default address, and no other', async (t) => {
  for (const [file, flags, listen] of [
    [{}, {}, []],
    [{ listen: ['unix:/a'] }, {}, ['unix:/a']],
    [{}, { listen: ['unix:/b'] }, ['unix:/b']],
  ] as [object, object, string[]][])
    t.strictSame(mergeGatewayConfig(file, { ...flags, activated: true }).listen, listen);
});

t.test('an option overrides the file', async (t) => {
  for (const [file, flags, name, fromFile, fromFlag] of [
    [{ listen: ['unix:/a'] }, { listen: ['unix:/b'] }, 'listen', ['unix:/a'], ['unix:/b']],
    [{ credentials: 'a' }, { credentials: 'b' }, 'credentials', 'a', 'b'],
    [{ require_signatures: false }, { requireSignatures: true }, 'requireSignatures', false, true],
    [{ apis: ['a'] }, { apis: ['b'] }, 'apis', ['a'], ['b']],
    [{ regions: ['a'] }, { regions: ['b'] }, 'regions', ['a'], ['b']],
    [{ dialect: 'hwc' }, { dialect: 'otc' }, 'dialect', 'hwc', 'otc'],
    [{ node_sdk_errors: false }, { nodeSdkErrors: true }, 'nodeSdkErrors', false, true],
    [{ page_hosts: ['a'] }, { pageHosts: ['b'] }, 'pageHosts', ['a'], ['b']],
    [
      { tls_cert: 'a', tls_key: 'a' },
      { tlsCert: 'b', tlsKey: 'b' },
      'tls',
      { certificate: 'a', key: 'a' },
      { certificate: 'b', key: 'b' },
    ],
    [{ audit: 'a' }, { audit: 'b' }, 'audit', 'a', 'b'],
    [{ audit_required: false }, { auditRequired: true }, 'auditRequired', false, true],
    [{ upstream: 'a' }, { upstream: 'b' }, 'upstream', 'a', 'b'],
    [{ upstream_resign: true }, { upstreamResign: false }, 'upstreamResign', true, false],
    [{ huawei_upstream: 'a' }, { huaweiUpstream: 'b' }, 'huaweiUpstream', 'a', 'b'],
    [
      { huawei_upstream_resign: true },
      { huaweiUpstreamResign: false },
      'huaweiUpstreamResign',
      true,
      false,
    ],
  ] as [object, GatewayFlags, keyof GatewayConfig & string, unknown, unknown][]) {
    t.strictSame(mergeGatewayConfig(file)[name], fromFile, name);
    t.strictSame(mergeGatewayConfig(file, flags)[name], fromFlag, `${name} as an option`);
  }
});

t.test('a certificate needs its key, wherever each is set', async (t) => {
  t.strictSame(mergeGatewayConfig({ tls_cert: 'a' }, { tlsKey: 'b' }).tls, {
    certificate: 'a',
    key: 'b',
  });
  for (const [file, flags] of [
    [{ tls_cert: 'a' }, {}],
    [{}, { tlsKey: 'b' }],
  ] as const)
    t.throws(() => mergeGatewayConfig(file, flags), {
      code: 'ERR_CONFIG',
      message: /^TLS needs a certificate and its key: /,
    });
});

t.test(
  'a key that turns out wrong in use is told with its line, unless an option set it',
  async (t) => {
    const config = join(t.testdir(), 'lines.toml');
    writeFileSync(config, '[access]\nadmin_group = "none"\n\n[gateway]\naudit = "/none/audit"\n');
    const fail = (key?: string) => async () => {
      throw new EntropyError('ERR_CONFIG', 'is wrong', key === undefined ? {} : { key });
    };
    for (const [flags, key, message] of [
      [{ config }, 'access.admin_group', `${config}:2: is wrong`],
      [{ config }, 'gateway.audit', `${config}:5: is wrong`],
      [{ config, audit: '/other' }, 'gateway.audit', 'is wrong'],
      [{ config }, 'gateway.credentials', 'is wrong'],
      [{ config }, 'limits.connections', 'is wrong'],
      [{ config }, undefined, 'is wrong'],
      [{}, 'gateway.audit', 'is wrong'],
    ] as const)
      await t.rejects(namingLines(flags, fail(key)), { code: 'ERR_CONFIG', message }, message);
    t.equal(await namingLines({ config }, async () => 7), 7);
    const other = new Error('another');
    await t.rejects(
      namingLines({ config }, () => Promise.reject(other)),
      other,
    );
  },
);
