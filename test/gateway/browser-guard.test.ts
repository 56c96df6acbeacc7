import fc from 'fast-check';
import t from 'tap';
import { isFromWebPage, isPageHost } from '../../src/gateway/browser-guard.js';

t.test('takes for a web page any Origin and any site but none and same-origin', async (t) => {
  for (const [headers, expected] of [
    [{}, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ 'sec-fetch-site': 'same-origin' }, false],
    [{ 'sec-fetch-site': 'same-site' }, true],
    [{ 'sec-fetch-site': 'cross-site' }, true],
    [{ 'sec-fetch-site': '' }, true],
    [{ origin: 'http://localhost:8478' }, true],
    [{ origin: 'null' }, true],
    [{ origin: '' }, true],
    [{ origin: 'https://example.com', 'sec-fetch-site': 'same-origin' }, true],
  ] as const)
    t.equal(isFromWebPage(headers), expected, JSON.stringify(headers));
});

t.test('answers pages under localhost, loopback addresses and configured names only', async (t) => {
  for (const [host, expected] of [
    ['localhost', true],
    ['LocalHost:8478', true],
    ['127.0.0.1', true],
    ['127.1.2.3:80', true],
    ['[::1]', true],
    ['[::1]:8478', true],
    ['Entropy.Example:8478', true],
    [undefined, false],
    ['', false],
    [':8478', false],
    ['evil.example', false],
    ['localhost.evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['localhost.', false],
    ['192.0.2.1:8478', false],
    ['[::2]', false],
    ['[localhost]', false],
    ['[]', false],
    ['::1', false],
    ['2130706433', false],
    ['user@localhost', false],
  ] as const)
    t.equal(isPageHost(host, ['entropy.EXAMPLE'], 'unix'), expected, JSON.stringify(host));
  t.notOk(isPageHost('', [''], 'unix'), 'an empty configured name allows nothing');
});

t.test('where other hosts can connect, only configured names count', async (t) => {
  for (const [local, host, expected] of [
    ['unix', 'localhost', true],
    ['127.0.0.1', 'localhost', true],
    ['::1', '[::1]:8478', true],
    ['::ffff:127.0.0.1', '127.0.0.1:8478', true],
    ['192.0.2.1', 'localhost', false],
    ['192.0.2.1', '127.0.0.1', false],
    ['2001:db8::1', '[::1]', false],
    ['::ffff:192.0.2.1', 'localhost', false],
    ['unknown', 'localhost', false],
    ['', 'localhost', false],
    ['192.0.2.1', 'entropy.example:8478', true],
    ['2001:db8::1', 'entropy.example', true],
    ['192.0.2.1', '192.0.2.1', false],
  ] as const)
    t.equal(isPageHost(host, ['entropy.example'], local), expected, `${host} at ${local}`);
  t.ok(isPageHost('[2001:db8::1]:8478', ['2001:DB8::1'], '2001:db8::1'), 'also an address');
  t.notOk(isPageHost('[2001:db8::2]:8478', ['2001:DB8::1'], '2001:db8::1'));
});

t.test(
  'behind a mapped port, localhost and addresses count wherever the connection came to, and no name',
  async (t) => {
    for (const [host, expected] of [
      ['localhost:9000', true],
      ['127.0.0.1:9000', true],
      ['[::1]:9000', true],
      ['entropy.example', true],
      ['evil.example:9000', false],
      ['localhost.evil.example', false],
      ['192.0.2.1', true],
      ['[2001:db8::1]:9000', true],
      ['192.0.2.1.evil.example', false],
      [undefined, false],
    ] as const)
      t.equal(isPageHost(host, ['entropy.example'], '192.0.2.1', true), expected, `${host}`);
  },
);

t.test('says yes or no to any Host', async (t) => {
  const host = fc.oneof(
    fc.string(),
    fc.string().map((text) => `[${text}]:80`),
    fc.ipV6().map((ip) => `[${ip}%lo]`),
  );
  t.doesNotThrow(() =>
    fc.assert(fc.property(host, (host) => typeof isPageHost(host, ['x.y'], 'unix') === 'boolean')),
  );
});

t.test('no name but the known ones passes, whatever stands around it', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.domain(), (domain) => {
        return (
          !isPageHost(domain, [], 'unix') &&
          !isPageHost(`${domain}:80`, ['localhost', 'x.y'], '127.0.0.1')
        );
      }),
    ),
  );
});
