import t, { type Test } from 'tap';
import type { DaemonStatus } from '../../src/client.js';
import { describe, status } from '../../src/commands/status.js';
import { defaultLimits } from '../../src/config.js';
import { fakeGenerator, freePath, startServer } from '../support.js';

const full: DaemonStatus = {
  state: 'degraded',
  healthy: false,
  reason: 'hwrng lost',
  reseeds: 3,
  requestsSinceReseed: 4,
  secondsSinceReseed: 5,
  memoryLocked: true,
  version: '1.2.3',
  uptimeSeconds: 6,
  pid: 7,
  node: '20.0.0',
  openssl: '3.0.0',
  connections: 1,
  connectionsTotal: 2,
  requests: 8,
  randomBytes: 9,
  errors: { ERR_LENGTH: 2 },
  serving: { bounds: [0.001], buckets: [8, 0], seconds: 0.0008, count: 8 },
  transitions: [{ time: '2026-06-01T12:00:00.000Z', state: 'degraded', reason: 'hwrng lost' }],
  limits: { ...defaultLimits, connections: 2 },
  sources: [
    {
      name: 'hwrng',
      path: '/dev/hwrng',
      rngCurrent: 'virtio_rng.0',
      state: 'lost',
      testedBitsPerByte: 7,
      creditedBitsPerByte: 0,
      bytes: 64,
      reads: 1,
      retries: 2,
      alarms: 0,
      bytesPerSecond: 16_000,
      lastAlarm: '',
      lastError: 'timed out',
    },
    { name: 'rndrrs', state: 'absent' } as DaemonStatus['sources'][number],
  ],
};

t.test('everything is told, a line each', async (t) => {
  t.equal(
    describe(full),
    `entropyd 1.2.3, pid 7, up 6 s (Node 20.0.0, OpenSSL 3.0.0)
state: degraded (hwrng lost)
seeds: 3, the last 5 s and 4 requests ago; buffers locked
connections: 1 open of 2; requests: 8; random bytes: 9
refused ERR_LENGTH: 2
hwrng (virtio_rng.0): lost, credited 0 of 7 tested bits a byte, 64 bytes at 0.02 MB/s, 2 retries, 0 alarms (timed out)
rndrrs: absent`,
  );
  const calm = { ...full, state: 'operational' as const, reason: '', memoryLocked: false };
  const source = { ...full.sources[0], path: '/p', state: 'passing', lastError: '' };
  const { rngCurrent: _, ...plain } = source;
  const text = describe({ ...calm, errors: {}, sources: [plain as (typeof full.sources)[0]] });
  t.match(text, 'state: operational\n');
  t.match(text, 'buffers not locked');
  t.match(text, /^hwrng: passing.* 0 alarms$/m);
});

async function printed(t: Test, json: boolean): Promise<string> {
  const { path } = await startServer(t, fakeGenerator());
  const lines = t.capture(console, 'log');
  await status({ socket: path, json });
  return lines()
    .map(({ args }) => String(args[0]))
    .join('\n');
}

t.test('the daemon is asked once, for text or JSON', async (t) => {
  t.match(await printed(t, false), /^entropyd 1\.2\.3, pid \d+/);
  t.match(JSON.parse(await printed(t, true)), { state: 'operational', version: '1.2.3' });
});

t.test('--watch asks again, on a cleared screen where there is one, until it fails', async (t) => {
  const terminal = process.stdout.isTTY;
  t.teardown(() => {
    process.stdout.isTTY = terminal;
  });
  for (const isTerminal of [true, false]) {
    const { path, close } = await startServer(t, fakeGenerator());
    process.stdout.isTTY = isTerminal;
    const printed: string[] = [];
    const lines = t.capture(console, 'log', (text: string) => void printed.push(text));
    const watching = status({ socket: path, watch: true });
    while (printed.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await close();
    await t.rejects(watching, { name: 'EntropyError' });
    lines.restore();
    t.equal(printed[0]?.startsWith('\x1b[2J'), isTerminal);
  }
});

t.test('without --socket the usual place is asked', async (t) => {
  process.env.ENTROPYD_SOCKET = freePath();
  t.teardown(() => delete process.env.ENTROPYD_SOCKET);
  await t.rejects(status({}), { code: 'ERR_CONNECT' });
});
