import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { gateway } from '../../src/commands/gateway.js';
import { fakeGenerator, freePath, setSocketVariable, startServer } from '../support.js';

/** The status and body of GET /healthz on a Unix socket, once the gateway is there. */
async function healthz(socketPath: string): Promise<{ status: number; body: string }> {
  for (let tries = 0; ; tries++) {
    try {
      return await new Promise((resolve, reject) => {
        request({ socketPath, path: '/healthz', headers: { host: 'localhost' } }, async (answer) =>
          resolve({ status: answer.statusCode ?? 0, body: await text(answer) }),
        )
          .on('error', reject)
          .end();
      });
    } catch (error) {
      if (tries === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

t.test('serves until SIGTERM, from the daemon of its socket', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const listening = freePath();
  const running = gateway({
    listen: [`unix:${listening}`],
    socket: path,
    dialect: 'hwc',
    pageHost: [],
  });
  t.match(await healthz(listening), { status: 200, body: /"operational"/ });
  process.emit('SIGTERM', 'SIGTERM');
  t.equal(await running, undefined);
});

t.test('the daemon need not be there yet', async (t) => {
  const listening = freePath();
  setSocketVariable(t, freePath());
  const running = gateway({
    listen: [`unix:${listening}`],
    dialect: 'otc',
    nodeSdkErrors: true,
    pageHost: ['pages.example'],
  });
  t.match(await healthz(listening), { status: 503, body: /"unreachable"/ });
  process.emit('SIGTERM', 'SIGTERM');
  t.equal(await running, undefined);
});

t.test('an address that other hosts reach is refused', async (t) => {
  await t.rejects(
    gateway({ listen: ['0.0.0.0:0'], socket: freePath(), dialect: 'otc', pageHost: [] }),
    { code: 'ERR_LISTEN' },
  );
  process.emit('SIGTERM', 'SIGTERM');
});
