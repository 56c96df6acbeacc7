import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { send } from '../../src/gateway/send.js';
import { call, serve } from './support.js';

const teapot = { status: 418, headers: { 'x-request-id': 'id-1' }, body: 'é' };

t.test('sends status, headers and body, uncached and without any CORS header', async (t) => {
  const port = await serve(t, (request, response) => {
    request.resume().once('end', () => send(request, response, teapot, true));
  });
  const { status, headers, body } = await call({ port, headers: { origin: 'http://localhost' } });
  t.match(
    { status, headers, body },
    {
      status: 418,
      headers: {
        'x-request-id': 'id-1',
        'content-length': '2',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        date: /GMT$/,
      },
      body: 'é',
    },
  );
  t.notMatch(Object.keys(headers).join(), /access-control/);
  t.equal((await call({ port, method: 'HEAD' })).body, '', 'HEAD: headers only');
});

t.test('keeps the connection only when told to and the body was read', async (t) => {
  for (const [keepAlive, read, connection] of [
    [true, true, 'keep-alive'],
    [false, true, 'close'],
    [true, false, 'close'],
  ] as const) {
    const port = await serve(t, (request, response) => {
      if (read) request.resume().once('end', () => send(request, response, teapot, keepAlive));
      else send(request, response, teapot, keepAlive);
    });
    const { headers } = await call({
      port,
      method: 'POST',
      headers: { connection: 'keep-alive' },
      body: 'x'.repeat(100_000),
    });
    t.equal(headers.connection, connection, `keepAlive ${keepAlive}, body read ${read}`);
  }
});

t.test(
  'answers a client that is still sending, and drops what it sends for at most 1 s',
  async (t) => {
    const port = await serve(t, (request, response) => send(request, response, teapot, true));
    for (const [name, rest, atLeastMs] of [
      ['the rest arrives', 'x'.repeat(1_000_000), 0],
      ['the rest never arrives', '', 900],
    ] as const) {
      const started = performance.now();
      const socket = connect({ port });
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\nx');
      socket.once('data', () => socket.write(rest));
      t.match(await text(socket), /^HTTP\/1\.1 418 .*\r\n\r\né$/s, name);
      t.ok(performance.now() - started >= atLeastMs, `${name}: the connection lasted`);
    }
  },
);
