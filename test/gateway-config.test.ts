import t from 'tap';
import { defaultGatewayAddress, mergeGatewayConfig } from '../src/gateway-config.js';

t.test('by default it is on loopback, knows nobody and writes no audit log', async (t) => {
  t.equal(defaultGatewayAddress, '127.0.0.1:8478');
  t.strictSame(mergeGatewayConfig(), {
    listen: [defaultGatewayAddress],
    credentials: undefined,
    requireSignatures: false,
    regions: [],
    dialect: 'otc',
    nodeSdkErrors: false,
    pageHosts: [],
    tls: undefined,
    audit: undefined,
    upstream: undefined,
    upstreamResign: undefined,
  });
});

t.test('sockets that were passed stand for the default address, and for no other', async (t) => {
  for (const [file, flags, listen] of [
    [{}, {}, []],
    [{ listen: ['unix:/a'] }, {}, ['unix:/a']],
    [{}, { listen: ['unix:/b'] }, ['unix:/b']],
  ] as const)
    t.strictSame(
      mergeGatewayConfig(structuredClone(file) as object, {
        ...(structuredClone(flags) as object),
        activated: true,
      }).listen,
      listen,
    );
});

t.test('a flag comes before the file', async (t) => {
  for (const [file, flags, name, fromFile, fromFlag] of [
    [{ listen: ['unix:/a'] }, { listen: ['unix:/b'] }, 'listen', ['unix:/a'], ['unix:/b']],
    [{ credentials: 'a' }, { credentials: 'b' }, 'credentials', 'a', 'b'],
    [{ require_signatures: false }, { requireSignatures: true }, 'requireSignatures', false, true],
    [{ regions: ['a'] }, { region: ['b'] }, 'regions', ['a'], ['b']],
    [{ dialect: 'hwc' }, { dialect: 'otc' }, 'dialect', 'hwc', 'otc'],
    [{ node_sdk_errors: false }, { nodeSdkErrors: true }, 'nodeSdkErrors', false, true],
    [{ page_hosts: ['a'] }, { pageHost: ['b'] }, 'pageHosts', ['a'], ['b']],
    [
      { tls_cert: 'a', tls_key: 'a' },
      { tlsCert: 'b', tlsKey: 'b' },
      'tls',
      { certificate: 'a', key: 'a' },
      { certificate: 'b', key: 'b' },
    ],
    [{ audit: 'a' }, { audit: 'b' }, 'audit', 'a', 'b'],
    [{ upstream: 'a' }, { upstream: 'b' }, 'upstream', 'a', 'b'],
    [{ upstream_resign: true }, { upstreamResign: false }, 'upstreamResign', true, false],
  ] as [object, object, keyof ReturnType<typeof mergeGatewayConfig>, unknown, unknown][]) {
    t.strictSame(mergeGatewayConfig(file)[name], fromFile, name);
    t.strictSame(mergeGatewayConfig(file, flags)[name], fromFlag, `${name} by flag`);
  }
});

t.test('a certificate and its key come together, from wherever', async (t) => {
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
      message: /both|its key/,
    });
});
