import t from 'tap';
import { GatewayCounters } from '../../../src/gateway/metrics.js';
import { recordProcess } from '../../../src/gateway/metrics-page.js';
import {
  asCount,
  asEntry,
  asFigures,
  asName,
  secretsOf,
  tlsOf,
} from '../../../src/gateway/workers/messages.js';
import { auditEntry } from '../../support/gateway.js';

const malformed = { name: 'MalformedMessage' };

const json = (value: unknown) => JSON.parse(JSON.stringify(value));

t.test('an entry has its members, of their types and sizes, and no others', async (t) => {
  for (const entry of [auditEntry, { ...auditEntry, key: null, operation: null, size: null }])
    t.strictSame(asEntry(json(entry)), entry);
  for (const changed of [
    { key: 7 },
    { outcome: 'x'.repeat(257) },
    { size: -1 },
    { size: '1' },
    { status: null },
    { more: 1 },
    { client: undefined },
  ])
    t.throws(() => asEntry(json({ ...auditEntry, ...changed })), malformed);
  for (const entry of [null, 'x', [], {}]) t.throws(() => asEntry(entry), malformed);
});

t.test('counts and names', async (t) => {
  t.equal(asCount(0), 0);
  t.equal(asName('billing'), 'billing');
  for (const value of [-1, 0.5, '1', null, Number.MAX_VALUE])
    t.throws(() => asCount(value), malformed);
  for (const value of [1, null, {}, 'x'.repeat(257)]) t.throws(() => asName(value), malformed);
});

t.test('figures are those that a process records', async (t) => {
  const counters = new GatewayCounters(['vault']);
  counters.of('vault').responded(200, 32, 0.1);
  const recorded = recordProcess({ counters, connectionsOpen: 3, own: [] });
  t.strictSame(asFigures(json(recorded)), json(recorded));
  const [first] = recorded as [(typeof recorded)[number]];
  for (const figures of [
    null,
    {},
    [null],
    [{ ...first, name: 'entropyd_up' }],
    [{ ...first, name: 'entropyd_gateway_x{}' }],
    [{ ...first, type: 'summary' }],
    [{ ...first, help: 1 }],
    [{ ...first, samples: 1 }],
    [{ ...first, samples: [[{}]] }],
    [{ ...first, samples: [[{ api: 1 }, 1]] }],
    [{ ...first, samples: [[{}, null]] }],
    [{ ...first, type: 'histogram', samples: [[{}, { bounds: [1], buckets: [1] }]] }],
    new Array(201).fill(first),
  ])
    t.throws(() => asFigures(json(figures)), malformed, JSON.stringify(figures));
});

t.test('certificate and key go over as they are', async (t) => {
  const files = { credentials: undefined, credentialsText: 'text', audit: undefined };
  const pem = { cert: Buffer.from('cert'), key: Buffer.from('key') };
  const secrets = json(
    secretsOf({ ...files, tls: { ...pem, minVersion: 'TLSv1.2', ciphers: '' } }),
  );
  t.equal(secrets.credentials, 'text');
  t.match(tlsOf(secrets), { ...pem, minVersion: 'TLSv1.2', ciphers: /ECDHE/ });
  t.equal(tlsOf(json(secretsOf({ ...files, tls: undefined }))), undefined);
});
