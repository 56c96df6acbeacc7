import fc from 'fast-check';
import t from 'tap';
import {
  clientNetwork,
  formatAddress,
  isLoopback,
  parseAddress,
} from '../../src/common/address.js';
import { EntropyError } from '../../src/common/errors.js';

t.test('HOST:PORT, [IPV6]:PORT and unix:PATH are parsed, and formatted as they were', async (t) => {
  for (const [text, address] of [
    ['127.0.0.1:8478', { host: '127.0.0.1', port: 8478 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['my_host-1.example:65535', { host: 'my_host-1.example', port: 65535 }],
    ['[::1]:8478', { host: '::1', port: 8478 }],
    ['[::ffff:127.0.0.1]:1', { host: '::ffff:127.0.0.1', port: 1 }],
    ['unix:/run/entropyd/gateway.sock', { path: '/run/entropyd/gateway.sock' }],
    ['unix:a:1', { path: 'a:1' }],
    [`unix:/${'p'.repeat(106)}`, { path: `/${'p'.repeat(106)}` }],
  ] as const) {
    t.strictSame(parseAddress(text), address, text);
    t.equal(formatAddress(address), text);
  }
});

t.test('anything else is refused in one line that repeats it', async (t) => {
  for (const text of [
    '',
    '8478',
    ':8478',
    'localhost',
    'localhost:',
    'localhost:65536',
    'localhost:123456',
    'localhost:-1',
    'localhost:http',
    'localhost:80 ',
    '::1:8478',
    '[::1]',
    '[::1]8478',
    '[localhost]:8478',
    '[127.0.0.1]:8478',
    '*:8478',
    'http://127.0.0.1:8478',
    '127.0.0.1:8478/',
    'unix:',
    'unix:/a\0b',
    `unix:/${'p'.repeat(107)}`,
    `unix:/${'é'.repeat(54)}`,
  ])
    t.throws(
      () => parseAddress(text),
      { name: 'EntropyError', code: 'ERR_CONFIG', message: JSON.stringify(text) },
      JSON.stringify(text),
    );
});

t.test(
  'any text is an address that is formatted as it was, or ERR_CONFIG in one line',
  async (t) => {
    const host = fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
      fc.domain(),
    );
    const hostPort = fc.tuple(host, fc.nat(70_000)).map(([host, port]) => `${host}:${port}`);
    const unix = fc.string().map((path) => `unix:${path}`);
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(fc.oneof(fc.string(), hostPort, unix), (text) => {
          try {
            return formatAddress(parseAddress(text)) === text;
          } catch (error) {
            return (
              error instanceof EntropyError &&
              error.code === 'ERR_CONFIG' &&
              !error.message.includes('\n')
            );
          }
        }),
      ),
    );
  },
);

t.test('loopback addresses are recognized in every notation; names are not', async (t) => {
  for (const [ip, expected] of [
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['::1', true],
    ['0:0:0:0:0:0:0:1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:7f00:1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['128.0.0.1', false],
    ['192.0.2.1', false],
    ['::ffff:192.0.2.1', false],
    ['::127.0.0.1', false],
    ['fe80::1', false],
    ['localhost', false],
    ['127.1', false],
    ['127.0.0.1.example', false],
    ['', false],
  ] as const)
    t.equal(isLoopback(ip), expected, JSON.stringify(ip));
});

t.test('a client is its IPv4 address, or its /64 network of IPv6, however it is written', (t) => {
  for (const [ip, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:0DB8:0:0:ffff::1', '2001:db8:0:0'],
    ['2001:db8:0:1::', '2001:db8:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ] as const)
    t.equal(clientNetwork(ip), network, ip);
  t.end();
});
