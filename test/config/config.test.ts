import t from 'tap';
import { defaultGatewayAddress, defaultLimits, defaults } from '../../src/config/config.js';

t.test('these are the defaults', async (t) => {
  t.strictSame(defaults, {
    profile: 'default',
    listen: { mode: 0o666, protocol: 'rpc', admin: true },
    access: { adminGroup: undefined },
    limits: {
      messageBytes: 65_536,
      connections: 4_096,
      connectionsPerUser: 1_024,
      bytesPerSecondPerUser: 0,
      unsentBytes: 67_108_864,
      unsentBytesPerUser: 16_777_216,
      predictionResistanceRequestsPerUser: 64,
      messageSeconds: 10,
      stallSeconds: 60,
      spinUs: 0,
    },
    generator: { reseedRequests: 4_096, reseedSeconds: 300 },
    source: { testedBitsPerByte: 7, creditedBitsPerByte: 0 },
    gateway: {
      apis: undefined,
      listen: ['127.0.0.1:8478'],
      access: undefined,
      credentials: undefined,
      requireSignatures: false,
      regions: [],
      dialect: 'otc',
      nodeSdkErrors: false,
      pageHosts: [],
      connections: 1024,
      connectionsPerAddress: 256,
      trustedProxies: [],
      requests: 1024,
      requestsPerConnection: 16,
      unsentBytes: 67_108_864,
      unsentBytesPerConnection: 262_144,
      bodyBytes: 67_108_864,
      workers: 1,
      tlsCert: undefined,
      tlsKey: undefined,
      audit: undefined,
      auditRequired: false,
      upstream: undefined,
      upstreamResign: undefined,
      huaweiUpstream: undefined,
      huaweiUpstreamResign: undefined,
    },
  });
  t.equal(defaults.limits, defaultLimits);
  t.strictSame(defaults.gateway.listen, [defaultGatewayAddress]);
});
