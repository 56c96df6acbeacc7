import t from 'tap';
import {
  healthOf,
  healthStatus,
  lookupOf,
  sealStatusOf,
} from '../../../src/apis/vault/start-up.js';

const now = Date.UTC(2026, 5, 1) + 999;
const nowSeconds = Math.floor(now / 1000);

t.test('the query chooses the status of health, of the state that there is', async (t) => {
  for (const [query, serving, sealed] of [
    ['', 200, 503],
    ['activecode=204', 204, 503],
    ['sealedcode=299&activecode=200&standbycode=x', 200, 299],
    ['sealedcode=200&sealedcode=599', 200, 200],
    ['sealedcode=600', 200, undefined],
    ['sealedcode=199', 200, undefined],
    ['activecode=0200', undefined, 503],
    ['activecode=2e2', undefined, 503],
    ['activecode', undefined, 503],
    ['%61ctivecode=204', 204, 503],
    ['%', 200, 503],
  ] as const) {
    t.equal(healthStatus(true, query), serving, query);
    t.equal(healthStatus(false, query), sealed, query);
  }
});

t.test('health and the seal’s status have what clients read, and no version', async (t) => {
  for (const serves of [true, false]) {
    t.strictSame(healthOf(serves, now), {
      initialized: true,
      sealed: !serves,
      standby: false,
      performance_standby: false,
      replication_performance_mode: 'disabled',
      replication_dr_mode: 'disabled',
      server_time_utc: nowSeconds,
    });
    t.match(sealStatusOf(serves), { initialized: true, sealed: !serves, version: '' });
  }
});

t.test('a token that ends has at least a second left; zero is one that never ends', async (t) => {
  const data = (expiresAt: number) =>
    (lookupOf('abc', expiresAt, now, 'id-1') as { data: Record<string, unknown> }).data;
  for (const [left, ttl] of [
    [1, 1],
    [1000, 1],
    [1001, 2],
    [(2 ** 31 - 1) * 1000, 2 ** 31 - 1],
    [2 ** 31 * 1000, 2 ** 31 - 1],
    [Number.POSITIVE_INFINITY, 0],
  ] as const)
    t.match(data(now + left), { ttl, creation_ttl: ttl, creation_time: nowSeconds }, `${left} ms`);
  t.equal(data(now + 1).expire_time, '2026-06-01T00:00:01.000Z');
  t.equal(data(Number.POSITIVE_INFINITY).expire_time, null);
});
