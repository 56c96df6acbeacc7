import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { CommandError } from '../../src/common/program.js';
import { paintFor } from '../../src/common/terminal.js';
import type { Clock } from '../../src/entropyctl/clock.js';
import {
  lineOf,
  type Sample,
  type StatusCommandOptions,
  screenLines,
  status,
} from '../../src/entropyctl/status.js';
import { listen } from '../../src/server/listener.js';
import { fakeGenerator, serverContext, startFake, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable } from '../support/paths.js';
import { lines, printedBy } from '../support/program.js';

t.test('the daemon is asked once, for a table or for JSON', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const table = await printedBy(t, () => status({ socket: path }));
  t.match(table, /^State +operational, serving\n(?:.*\n)*Daemon +entropyd 1\.2\.3 +pid \d+ /);
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

t.test('the environment turns colors on and off', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  t.intercept(process, 'env', { value: { FORCE_COLOR: '1' } });
  t.match(
    await printedBy(t, () => status({ socket: path })),
    '\x1b[32moperational, serving\x1b[39m',
  );
  t.intercept(process, 'env', { value: {} });
  t.notMatch(await printedBy(t, () => status({ socket: path })), '\x1b');
});

t.test('without --socket the usual place is asked', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  setSocketVariable(t, path);
  t.match(await printedBy(t, () => status({})), /^State /);
});

t.test('--interval without --watch is a usage error', async (t) => {
  await t.rejects(status({ interval: 5 }), {
    code: 'ERR_USAGE',
    message: '--interval: only valid with --watch',
  });
});

const time = '2026-06-01T12:00:00.000Z';
const plain = paintFor({}, {});

t.test('a sample is one line: state, connections, rates', async (t) => {
  const status = { state: 'operational', connections: 12 } as const;
  const rates = {
    requestsPerSecond: 3412,
    bytesPerSecond: 2048,
    readsPerSecond: 1,
    p50: undefined,
    p99: { seconds: 0.001, above: false },
  };
  for (const [sample, line] of [
    [{ status }, 'operational  connections 12'],
    [
      { status, rates },
      'operational  connections 12  requests 3412/s  2.00 KiB/s  reads 1.00/s  p99 ≤ 1 ms',
    ],
    [{ error: new CommandError('ERR_CONNECT', 'none\n') }, 'unreachable  none\ufffd'],
    [{}, 'undefined  connections ?'],
  ] as const)
    t.equal(lineOf({ time, ...sample }), `${time}  ${line}`);
});

t.test('a screen has a head line, and says at the top that the daemon is away', async (t) => {
  const status = { version: '1.2.3' };
  const away = new CommandError('ERR_CONNECT', `no daemon on ${'x'.repeat(100)}`);
  const both = screenLines({ time, status, error: away }, 'every 2 s; q quits', plain, 120);
  t.equal(both[0], '2026-06-01 12:00:00Z   every 2 s; q quits');
  t.match(both[1], /^no daemon on x+…$/);
  t.match(both[2], /^State +/);
  t.ok(both.every((line) => line.length <= 80));
  t.ok(screenLines({ time, status }, '', plain, 20).every((line) => line.length <= 20));
  t.equal(screenLines({ time, error: away }, '', plain, 80).length, 2);
});

/**
 * Watches with a clock that goes on at once; calls `during[n]` in place of the nth wait, and ends after
 * the last of them.
 */
async function watched(
  t: Test,
  options: StatusCommandOptions,
  during: readonly (() => unknown)[],
): Promise<{ text: string; waits: number[] }> {
  const end = new Error('enough');
  const waits: number[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    async wait(ms) {
      now += ms;
      await during[waits.length]?.();
      waits.push(ms);
      if (waits.length >= during.length) throw end;
    },
  };
  let failure: unknown;
  const text = await printedBy(t, async () => {
    failure = await status({ watch: true, ...options }, clock).catch((error: unknown) => error);
  });
  t.equal(failure, end);
  return { text, waits };
}

const nothing = () => {};

t.test('--watch polls every 2 seconds, or as often as --interval says', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const twice = [nothing, nothing];
  t.strictSame((await watched(t, { socket }, twice)).waits, [2000, 2000]);
  t.strictSame((await watched(t, { socket, interval: 0.5 }, twice)).waits, [500, 500]);
});

t.test('without a terminal each sample is a line, also while the daemon is away', async (t) => {
  const path = freePath();
  let server: Awaited<ReturnType<typeof listen>> | undefined;
  t.teardown(() => server?.close());
  const clock: Clock = {
    now: () => performance.now(),
    async wait() {
      server ??= await listen({ path, mode: 0o600 }, serverContext(fakeGenerator()));
      await turn();
    },
  };
  const end = new Error('enough');
  let text = '';
  const { restore } = t.intercept(process.stdout, 'write', {
    value(data: string, done: (error?: Error) => void) {
      text += data;
      done(/requests/.test(text) ? end : undefined);
      return true;
    },
  });
  const watching = status({ watch: true, socket: path }, clock);
  const failure = await watching.catch((error: unknown) => error);
  restore();
  t.equal(failure, end);
  const all = lines(text);
  t.match(all[0], /^\S+Z {2}unreachable {2}no daemon on /);
  t.match(all.at(-2), /^\S+Z {2}operational {2}connections 1$/, 'it comes back by itself');
  t.match(all.at(-1), /^\S+Z {2}operational {2}connections 1 {2}requests \S+\/s/);
});

t.test('with --json each sample is an object on a line of its own', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const { text } = await watched(t, { socket, json: true }, [nothing, nothing]);
  const [first, second] = lines(text).map((line) => JSON.parse(line)) as [Sample, Sample];
  t.match(first, { time: /Z$/, status: { state: 'operational' }, rates: null });
  t.strictSame(Object.keys(second.rates ?? {}), [
    'requestsPerSecond',
    'bytesPerSecond',
    'readsPerSecond',
    'p50Seconds',
    'p99Seconds',
  ]);
  const gone = await watched(t, { socket: freePath(), json: true }, [nothing]);
  t.match(JSON.parse(gone.text), { time: /Z$/, error: { code: 'ERR_CONNECT' } });
});

t.test(
  'on a terminal each sample is drawn over the last, which stays while the daemon is away',
  async (t) => {
    const daemon = await startServer(t, fakeGenerator());
    let isAway = false;
    const { path: socket } = await startFake(t, (client) => {
      const upstream = connect(daemon.path);
      upstream.pipe(client);
      client.on('data', (data) => (isAway ? client.destroy() : upstream.write(data)));
      client.on('close', () => upstream.destroy());
    });
    const goAway = () => {
      isAway = true;
    };
    t.intercept(process.stdout, 'isTTY', { value: true });
    t.intercept(process, 'env', { value: { ...process.env, NO_COLOR: '1', TERM: 'xterm' } });
    const { text } = await watched(t, { socket, interval: 5 }, [goAway, nothing]);
    const [opened = '', first = '', second = ''] = text.split('\x1b[?2026h');
    t.equal(opened, '\x1b[?1049h\x1b[?25l');
    t.match(first, /every 5 s; q quits(?:.|\r\n)*State +operational/);
    t.match(second, /q quits.*\r\n.+\d\.sock.*\r\nState +operational/);
    t.ok(second.endsWith('\x1b[?25h\x1b[?1049l'), 'the terminal is restored, however it ends');
  },
);

t.test('on a terminal q ends a wait at once, and Ctrl-C is SIGINT', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const input = Object.assign(new EventEmitter(), { isTTY: true, setRawMode() {}, pause() {} });
  const killed: unknown[] = [];
  t.intercept(process.stdout, 'isTTY', { value: true });
  t.intercept(process, 'stdin', { value: input });
  t.intercept(process, 'kill', { value: (...args: unknown[]) => killed.push(args) });
  t.intercept(process, 'env', { value: { ...process.env, NO_COLOR: '1', TERM: 'xterm' } });
  let text = '';
  const { restore } = t.intercept(process.stdout, 'write', {
    value(data: string) {
      text += data;
      if (data.includes('q quits'))
        for (const key of ['\x03', 'q']) setImmediate(() => input.emit('data', Buffer.from(key)));
      return true;
    },
  });
  await status({ socket, watch: true, interval: 3600 });
  restore();
  t.strictSame(killed, [[process.pid, 'SIGINT']]);
  t.match(text, /every 3600 s; q quits/);
  t.ok(text.endsWith('\x1b[?25h\x1b[?1049l'));
});

t.test('a dumb terminal gets lines', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  t.intercept(process.stdout, 'isTTY', { value: true });
  t.intercept(process, 'env', { value: { TERM: 'dumb' } });
  const { text } = await watched(t, { socket }, [nothing]);
  t.match(text, /^\S+Z {2}operational {2}connections 1\n$/);
});
