import { existsSync } from 'node:fs';
import t from 'tap';
import { connect } from '../../src/client.js';
import { serve } from '../../src/commands/serve.js';
import { freePath, untilAnswers } from '../support.js';

t.test('serves until SIGTERM or SIGINT, then ends cleanly', async (t) => {
  for (const [signal, http] of [
    ['SIGTERM', undefined],
    ['SIGINT', '127.0.0.1:0'],
  ] as const) {
    const socket = freePath();
    const serving = serve({ socket, profile: 'default', ...(http === undefined ? {} : { http }) });
    await untilAnswers(socket);
    process.emit(signal, signal);
    await serving;
    t.notOk(existsSync(socket));
  }
});

t.test('a signal that comes while it starts is not lost', async (t) => {
  const socket = freePath();
  const serving = serve({ socket, profile: 'default' });
  process.emit('SIGTERM', 'SIGTERM');
  await serving;
  t.notOk(existsSync(socket));
  await t.rejects(connect({ socketPath: socket }).random(1), { code: 'ERR_CONNECT' });
});

t.test('with no place for the socket it says so', async (t) => {
  const before = process.listenerCount('SIGTERM');
  await t.rejects(serve({ socket: '/dev/null/s', profile: 'default' }), { code: 'ERR_LISTEN' });
  t.equal(process.listenerCount('SIGTERM'), before + 1, 'the process is about to end');
  process.emit('SIGTERM', 'SIGTERM');
});
