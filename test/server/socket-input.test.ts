import { once } from 'node:events';
import * as net from 'node:net';
import { connect, createServer, Socket } from 'node:net';
import t from 'tap';
import { requestSlack } from '../../src/rpc/protocol.js';
import {
  descriptor,
  ReceiveBuffer,
  readIntoSharedBuffer,
  sharedBufferWorks,
} from '../../src/server/socket-input.js';
import { freePath } from '../support/paths.js';

t.test('the self-test sees it work on this Node', async (t) => {
  t.equal(await sharedBufferWorks(), true);
});

t.test('the self-test says no where it does not work', async (t) => {
  class WithoutOnread extends net.Socket {
    constructor(options: net.SocketConstructorOpts & { onread?: unknown }) {
      const { onread: _, ...rest } = options;
      super(rest);
    }
  }
  class Refusing extends net.Socket {
    constructor() {
      super();
      throw new Error('no such option');
    }
  }
  for (const [Socket, why] of [
    [WithoutOnread, 'the option is ignored: no bytes arrive'],
    [Refusing, 'the constructor throws'],
  ] as const) {
    const { sharedBufferWorks } = (await t.mockImport('../../src/server/socket-input.js', {
      'node:net': { ...net, Socket },
    })) as typeof import('../../src/server/socket-input.js');
    t.equal(await sharedBufferWorks(), false, why);
  }
});

t.test('all connections share one buffer, and pause() and resume() hold', async (t) => {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const buffers = new Set<ReceiveBuffer>();
  const texts: string[] = [];
  const open = async () => {
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [net.Socket];
    const socket = readIntoSharedBuffer(accepted, server, (input, size) => {
      buffers.add(input);
      texts.push(input.bytes.toString('latin1', 0, size));
    });
    return { client, socket };
  };
  const [one, two] = [await open(), await open()];
  one.client.write('one');
  one.socket.resume();
  two.socket.resume();
  two.client.write('two');
  while (texts.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  t.strictSame(texts.sort(), ['one', 'two']);
  t.equal(buffers.size, 1);

  one.socket.pause();
  one.client.write('later');
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(texts.length, 2, 'nothing is read while paused');
  one.socket.resume();
  while (texts.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(texts[2], 'later');

  for (const { client, socket } of [one, two]) {
    client.end();
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
  }
  await new Promise((resolve) => server.close(resolve));
  t.pass('the server counted both out');
});

t.test('there is room behind the bytes for the decoder, and one view of all', async (t) => {
  const input = new ReceiveBuffer(10);
  t.equal(input.bytes.length, 10 + requestSlack);
  t.equal(input.view.byteLength, input.bytes.length);
  input.bytes[3] = 7;
  t.equal(input.view.getUint8(3), 7);
});

t.test('of parts it is a copy', async (t) => {
  const part = Buffer.from([3, 4]);
  const input = ReceiveBuffer.of(Buffer.from([1, 2]), part);
  part.fill(0);
  t.strictSame([...input.bytes.subarray(0, 4)], [1, 2, 3, 4]);
  t.equal(input.bytes.length, 4 + requestSlack);
});

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
