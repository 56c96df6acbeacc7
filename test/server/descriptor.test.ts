import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import t from 'tap';
import { descriptor } from '../../src/server/descriptor.js';
import { freePath } from '../support.js';

t.test('a connection has a descriptor until it is destroyed', async (t) => {
  const path = freePath();
  const server = createServer((accepted) => accepted.destroy()).listen(path);
  await once(server, 'listening');
  const socket = connect(path);
  await once(socket, 'connect');
  t.ok(Number.isInteger(descriptor(socket)));
  socket.destroy();
  t.equal(descriptor(socket), undefined, 'the number may be another’s by now');
  await new Promise((resolve) => server.close(resolve));
});

t.test('what has no handle, or one without a number, has none', async (t) => {
  t.equal(descriptor(new Socket()), undefined);
  for (const handle of [null, {}, { fd: -1 }, { fd: '3' }])
    t.equal(descriptor({ _handle: handle } as unknown as Socket), undefined);
});
