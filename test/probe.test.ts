import t from 'tap';
import { answers } from '../src/probe.js';
import { freePath, startFake } from './support.js';

t.test('only silence is no answer', async (t) => {
  const received: string[] = [];
  for (const [name, serve, wanted] of [
    [
      'bytes',
      (socket) => socket.on('data', (data) => received.push(`${data}`) && socket.write('x')),
      true,
    ],
    ['an end', (socket) => socket.on('data', () => socket.end()), true],
    ['a connection that is cut', (socket) => socket.destroy(), true],
    ['silence', (socket) => socket.resume(), false],
  ] as [string, Parameters<typeof startFake>[1], boolean][]) {
    const { path, sockets } = await startFake(t, serve);
    t.equal(await answers({ path }, 'ask', 200), wanted, name);
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.equal(sockets.size, 0, `${name}: the connection is gone`);
  }
  t.strictSame(received, ['ask']);
});

t.test('a socket that cannot be connected to is no hang', async (t) => {
  t.equal(await answers({ path: freePath() }, 'ask', 200), true);
  t.equal(await answers({ host: '127.0.0.1', port: 1 }, 'ask', 200), true);
});
