import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { parseByTurns } from '../../src/gateway/parser-input.js';
import { serve } from '../support/gateway.js';

t.test('a body in chunks of one byte is read in turns, and whole', async (t) => {
  const size = 40_000;
  let inThisTurn = 0;
  let most = 0;
  let scheduled = false;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
      most = Math.max(most, ++inThisTurn);
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        inThisTurn = 0;
      });
    });
    request.once('end', () => response.end(body));
  });
  server.on('connection', (socket) => parseByTurns(socket, () => false));
  const port = await serve(t, server);
  const text = Array.from({ length: size }, (_, i) => String(i % 10)).join('');
  const head =
    'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
  const sockets = Array.from({ length: 3 }, () => connect({ port }));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(
    sockets.map(async (socket) => {
      let answer = '';
      socket.on('data', (data) => {
        answer += data;
      });
      socket.write(`${head}${text.replace(/./g, '1\r\n$&\r\n')}0\r\n\r\n`);
      await once(socket, 'close');
      t.equal(answer.endsWith(text), true, 'nothing is lost or out of order');
    }),
  );
  // Three connections of 2 KiB, twice at most: as each one's turn, and as what was read anew.
  t.ok(most <= 2_400, `${most} chunks in one turn`);
});
