import t from 'tap';
import { asking } from '../../src/commands/session.js';
import { fakeGenerator, freePath, setSocketVariable, startServer } from '../support.js';

t.test('the answer comes back, and the connection ends', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  t.match(await asking({ socket: path }, (client) => client.version()), { name: 'entropyd' });
  while (context.counters.connectionsOpen > 0)
    await new Promise((resolve) => setImmediate(resolve));
  t.equal(context.counters.connectionsOpen, 0);
});

t.test('a failure has the path that was tried, wherever it comes from', async (t) => {
  const socket = freePath();
  await t.rejects(
    asking({ socket }, (client) => client.version()),
    {
      code: 'ERR_CONNECT',
      message: `no daemon on ${socket} (ENOENT); start one with: entropyd --socket ${socket}`,
    },
  );
  const usual = freePath();
  setSocketVariable(t, usual);
  await t.rejects(
    asking({}, (client) => client.version()),
    {
      message: new RegExp(`^no daemon on ${usual} `),
    },
  );
});

t.test('options of the client are passed on', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const answer = await asking(
    { socket: path },
    (client) => client.genRandom({ random_data_length: '8' }),
    { dialect: 'hwc', mixLocal: false },
  );
  t.strictSame(answer, { random_data: 'AA' });
});
