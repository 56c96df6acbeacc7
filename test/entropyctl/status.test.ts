import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { CommandError } from '../../src/common/program.js';
import { paintFor } from '../../src/common/terminal.js';
import {
  type Look,
  lineOf,
  linesOf,
  status,
  type WatchOptions,
  watch,
} from '../../src/entropyctl/status.js';
import { listen } from '../../src/server/listener.js';
import { fakeGenerator, serverContext, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable } from '../support/paths.js';
import { lines, printedBy } from '../support/program.js';

t.test('the daemon is asked once, for a table or for JSON', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const table = await printedBy(t, () => status({ socket: path }));
  t.match(table, /^entropyd 1\.2\.3 +pid \d+ .*\nState +operational\n/);
  const json = await printedBy(t, () => status({ socket: path, json: true }));
  t.match(json, /^[^\n]+\n$/, 'one line');
  t.match(JSON.parse(json), {
    state: 'operational',
    version: '1.2.3',
    serving: { bounds: Array, buckets: Array },
    transitions: [],
    limits: Object,
  });
});

t.test('colours come by the environment', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  t.intercept(process, 'env', { value: { FORCE_COLOR: '1' } });
  t.match(await printedBy(t, () => status({ socket: path })), '\x1b[32moperational\x1b[39m');
  t.intercept(process, 'env', { value: {} });
  t.notMatch(await printedBy(t, () => status({ socket: path })), '\x1b');
});

t.test('--watch looks again, every 2 seconds or as it is told', async (t) => {
  const asked: unknown[] = [];
  const { status: watching } = await t.mockImport<typeof import('../../src/entropyctl/status.js')>(
    '../../src/entropyctl/status.js',
    {
      '../../src/entropyctl/status.js': {
        watch: async (options: object) => void asked.push(options),
      },
    },
  );
  await watching({ socket: '/s', watch: true });
  await watching({ watch: true, interval: 0.5, json: true });
  t.match(asked, [
    { socket: '/s', interval: 2 },
    { interval: 0.5, json: true },
  ]);
  await t.rejects(watching({ interval: 5 }), { code: 'ERR_USAGE', message: /--watch/ });
});

t.test('without --socket the usual place is asked', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  setSocketVariable(t, path);
  t.match(await printedBy(t, () => status({})), /^entropyd /);
});

const time = '2026-06-01T12:00:00.000Z';
const plain = paintFor({}, {});

t.test('a look is one line: state, connections, rates', async (t) => {
  const status = { state: 'operational', connections: 12 } as const;
  const rates = {
    requestsPerSecond: 3412,
    bytesPerSecond: 2048,
    readsPerSecond: 1,
    p50: undefined,
    p99: { seconds: 0.001, above: false },
  };
  for (const [look, line] of [
    [{ status }, 'operational  connections 12'],
    [
      { status, rates },
      'operational  connections 12  requests 3412/s  2.00 KiB/s  reads 1.00/s  p99 ≤ 1 ms',
    ],
    [{ error: new CommandError('ERR_CONNECT', 'none\n') }, 'unreachable  none\ufffd'],
    [{}, 'undefined  connections ?'],
  ] as const)
    t.equal(lineOf({ time, ...look }), `${time}  ${line}`);
});

t.test('a picture has a head line, and tells on top when the daemon is away', async (t) => {
  const status = { version: '1.2.3' };
  const away = new CommandError('ERR_CONNECT', `no daemon on ${'x'.repeat(100)}`);
  const made = linesOf({ time, status, error: away }, 'every 2 s; q ends', plain, 120);
  t.equal(made[0], '2026-06-01 12:00:00Z   every 2 s; q ends');
  t.match(made[1], /^no daemon on x+…$/);
  t.match(made[2], /^entropyd 1\.2\.3 /);
  t.ok(made.every((line) => line.length <= 80));
  t.ok(linesOf({ time, status }, '', plain, 20).every((line) => line.length <= 20));
  t.equal(linesOf({ time, error: away }, '', plain, 80).length, 2);
});

/** Watches until `enough`; what it printed. */
async function watched(t: Test, options: WatchOptions, enough: (text: string) => boolean) {
  let text = '';
  const end = new Error('enough');
  const { restore } = t.intercept(process.stdout, 'write', {
    value(data: string, done: (error?: Error) => void) {
      text += data;
      done(enough(text) ? end : undefined);
      return true;
    },
  });
  const failure = await watch(options).catch((error: unknown) => error);
  restore();
  t.equal(failure, end);
  return lines(text);
}

t.test('without a terminal each look is a line, also while the daemon is away', async (t) => {
  const path = freePath();
  const watching = watched(t, { socket: path, interval: 0.1 }, (text) => /requests/.test(text));
  await setTimeout(150);
  const server = await listen({ path, mode: 0o600 }, serverContext(fakeGenerator()));
  const all = await watching;
  await server.close();
  t.match(all[0], /^\S+Z {2}unreachable {2}no daemon on /);
  t.match(all.at(-2), /^\S+Z {2}operational {2}connections 1$/, 'it comes back by itself');
  t.match(all.at(-1), /^\S+Z {2}operational {2}connections 1 {2}requests \S+\/s/);
});

t.test('as JSON each look is an object a line', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const all = await watched(
    t,
    { socket: path, interval: 0.1, json: true },
    (text) => text.split('\n').length > 2,
  );
  const [first, second] = all.map((line) => JSON.parse(line)) as [Look, Look];
  t.match(first, { time: /Z$/, status: { state: 'operational' }, rates: null });
  t.strictSame(Object.keys(second.rates ?? {}), [
    'requestsPerSecond',
    'bytesPerSecond',
    'readsPerSecond',
    'p50Seconds',
    'p99Seconds',
  ]);
  const gone = await watched(t, { socket: freePath(), interval: 1, json: true }, Boolean);
  t.match(JSON.parse(gone[0] as string), { time: /Z$/, error: { code: 'ERR_CONNECT' } });
});
