import { once } from 'node:events';
import * as net from 'node:net';
import t, { type Test } from 'tap';
import { requestSlack } from '../../src/rpc/protocol.js';
import { descriptor, PendingInput, ReceiveBuffer } from '../../src/server/socket-input.js';
import { freePath } from '../support/paths.js';

/** Listens until the test ends. */
async function listening(t: Test, server: net.Server): Promise<string> {
  const path = freePath();
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return path;
}

t.test('a receive buffer has slack for the decoder, and its view covers all of it', async (t) => {
  const buffer = new ReceiveBuffer(10);
  t.equal(buffer.bytes.length, 10 + requestSlack);
  t.equal(buffer.view.byteLength, buffer.bytes.length);
  buffer.bytes[3] = 7;
  t.equal(buffer.view.getUint8(3), 7);
});

t.test('a receive buffer of parts is a copy', async (t) => {
  const part = Buffer.from([3, 4]);
  const buffer = ReceiveBuffer.of(Buffer.from([1, 2]), part);
  part.fill(0);
  t.strictSame([...buffer.bytes.subarray(0, 4)], [1, 2, 3, 4]);
  t.equal(buffer.bytes.length, 4 + requestSlack);
});

t.test('pending input is what was read but not taken, in order', async (t) => {
  const input = new PendingInput();
  const content = () => input.buffer.bytes.toString('latin1', input.at, input.end);
  const read = new ReceiveBuffer(8);
  const receive = (text: string) => {
    read.bytes.write(text, 'latin1');
    input.append(read, 0, text.length);
  };
  t.ok(input.empty);
  receive('abc');
  t.equal(input.buffer, read, 'borrowed, not copied');
  input.at += 1;
  input.keep(read);
  read.bytes.fill('x');
  t.equal(content(), 'bc', 'the rest was copied');
  receive('de');
  t.equal(content(), 'bcde');
  input.at = input.end;
  input.keep(read);
  t.ok(input.empty);
  receive('fg');
  t.equal(content(), 'fg');
  input.clear();
  t.ok(input.empty);
});

t.test('a connection has a descriptor until it is destroyed', async (t) => {
  const path = await listening(
    t,
    net.createServer((accepted) => accepted.destroy()),
  );
  const socket = net.connect(path);
  await once(socket, 'connect');
  t.ok(Number.isInteger(descriptor(socket)));
  socket.destroy();
  t.equal(descriptor(socket), undefined, 'the number may belong to another file by now');
});

t.test('a socket without a handle, or whose handle has no number, has no descriptor', async (t) => {
  t.equal(descriptor(new net.Socket()), undefined);
  for (const handle of [null, {}, { fd: -1 }, { fd: '3' }])
    t.equal(descriptor({ _handle: handle } as unknown as net.Socket), undefined);
});
