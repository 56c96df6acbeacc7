import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { errorCode } from '../../src/common/errors.js';
import { readBody } from '../../src/gateway/body.js';
import { call, exchange, serve } from './support.js';

const limitBytes = 1000;

t.test('takes a body up to the limit, declared or chunked, and none over it', async (t) => {
  const port = await serve(t, (request, response) => {
    readBody(request, limitBytes).then(
      (body) => response.end(body),
      (error) => response.end(errorCode(error)),
    );
  });
  const text = '0123456789'.repeat(101);
  for (const size of [0, 1, 999, limitBytes, limitBytes + 1]) {
    const expected = size > limitBytes ? 'ERR_TOO_LARGE' : text.slice(0, size);
    const chunked = { 'transfer-encoding': 'chunked' };
    for (const [name, headers] of [
      ['declared', {}],
      ['chunked', chunked],
    ] as const) {
      const { body } = await call({ port, method: 'POST', headers, body: text.slice(0, size) });
      t.equal(body, expected, `${size} bytes, ${name}`);
    }
  }
  const oneByteChunks = [...text.slice(0, limitBytes)].map((byte) => `1\r\n${byte}\r\n`).join('');
  const answer = await exchange(
    { port },
    `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${oneByteChunks}0\r\n\r\n`,
  );
  t.match(answer, text.slice(0, limitBytes), 'in chunks of one byte');
});

t.test('invites a body only when its declared length is fit to be sent', async (t) => {
  let invitations = 0;
  const port = await serve(t, (request, response) => {
    readBody(request, limitBytes, () => invitations++).then(
      (body) => response.end(body),
      (error) => response.end(errorCode(error)),
    );
  });
  const fits = await call({ port, method: 'POST', body: 'x' });
  t.match([fits.body, invitations], ['x', 1]);
  const tooLarge = await call({ port, method: 'POST', body: 'x'.repeat(limitBytes + 1) });
  t.match([tooLarge.body, invitations], ['ERR_TOO_LARGE', 1]);
});

t.test('fails with ERR_CLOSED when the client goes away', async (t) => {
  const outcomes = new EventEmitter();
  const port = await serve(t, (request) => {
    readBody(request, limitBytes).catch((error) => outcomes.emit('failure', error));
  });
  const failure = once(outcomes, 'failure');
  const socket = connect({ port });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx', () => socket.destroy());
  t.match(await failure, [{ code: 'ERR_CLOSED' }]);
});
