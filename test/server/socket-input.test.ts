import { once } from 'node:events';
import * as net from 'node:net';
import t, { type Test } from 'tap';
import { requestSlack } from '../../src/rpc/protocol.js';
import {
  descriptor,
  PendingInput,
  ReceiveBuffer,
  readIntoSharedBuffer,
  sharedBufferWorks,
} from '../../src/server/socket-input.js';
import { freePath } from '../support/paths.js';
import { programMs, until } from '../support/until.js';

t.test('the self-test succeeds on this Node', async (t) => {
  t.equal(await sharedBufferWorks(programMs), true);
});

t.test('the self-test fails if node:net behaves differently', async (t) => {
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
    t.equal(await sharedBufferWorks(50), false, why);
  }
});

/** Listens until the test ends. */
async function listening(t: Test, server: net.Server): Promise<string> {
  const path = freePath();
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return path;
}

t.test('all connections share one buffer, and pause() and resume() work', async (t) => {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const path = await listening(t, server);
  const buffers = new Set<ReceiveBuffer>();
  const texts: string[] = [];
  const open = async () => {
    const client = net.connect(path);
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
  await until(() => texts.length === 2, 'a read of each');
  t.strictSame(texts.splice(0).sort(), ['one', 'two']);
  t.equal(buffers.size, 1);

  one.socket.pause();
  one.client.write('later');
  two.client.write('now');
  await until(() => texts.includes('now'), 'a read of the other, sent later');
  t.strictSame(texts.splice(0), ['now'], 'nothing is read while paused');
  one.socket.resume();
  await until(() => texts.includes('later'), 'a read after resume()');

  for (const { client, socket } of [one, two]) {
    client.end();
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
  }
  await new Promise((resolve) => server.close(resolve));
  t.pass('the server counted both out');
});

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
    input.append(read, text.length);
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
