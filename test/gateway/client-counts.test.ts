import t from 'tap';
import { ClientCounts } from '../../src/gateway/client-counts.js';

const limits = { connectionsPerAddress: 2, trustedProxies: ['10.0.0.0/8', '2001:db8::1'] };

t.test('a client is an address, or a network of IPv6', async (t) => {
  const counts = new ClientCounts(limits);
  t.equal(counts.clientOf('192.0.2.1'), '192.0.2.1');
  t.equal(counts.clientOf('2001:db8:1:2::3'), counts.clientOf('2001:db8:1:2::4'));
  for (const address of ['127.0.0.1', '::1', '10.1.2.3', '2001:db8::1', undefined, 'nonsense'])
    t.equal(counts.clientOf(address), undefined, `${address} has no limit`);
  const unlimited = new ClientCounts({ ...limits, connectionsPerAddress: 0 });
  t.equal(unlimited.clientOf('192.0.2.1'), undefined);
});

t.test('each client has so many connections, and gets back those that end', async (t) => {
  const counts = new ClientCounts(limits);
  const opened = (client: string | undefined) => {
    counts.opened(client);
    return counts.isFull(client);
  };
  t.strictSame([opened('a'), opened('a'), opened('b')], [false, true, false]);
  counts.closed('a');
  t.notOk(counts.isFull('a'));
  t.ok(opened('a'));
  for (let i = 0; i < 3; i++) {
    t.notOk(opened(undefined), 'no client in particular');
    counts.closed(undefined);
  }
});
