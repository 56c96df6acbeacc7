import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Client, connect } from '../../src/client/client.js';
import { EntropyError } from '../../src/common/errors.js';
import type { FormatName } from '../../src/entropyctl/formats.js';
import {
  chunkSize,
  type RandomCommandOptions,
  random,
  requestChunks,
} from '../../src/entropyctl/random.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable, temporaryFolder } from '../support/paths.js';
import { printedBy } from '../support/program.js';
import { until } from '../support/until.js';

const mebibyte = 1024 * 1024;
let files = 0;
const freeFile = () => join(temporaryFolder(), `file-${++files}`);

t.test('every format writes exactly N bytes', async (t) => {
  const { path } = await startServer(t);
  for (const [format, size, length] of [
    ['raw', 1, 1],
    ['raw', 3 * mebibyte + 1, 3 * mebibyte + 1],
    ['hex', 100, 201],
    ['hex', mebibyte, 2 * mebibyte + 1],
    ['base64', 100, 137],
    ['base64', mebibyte + 2, 4 * Math.ceil((mebibyte + 2) / 3) + 1],
    ['uuid', 32, 74],
    ['uuid', mebibyte, (mebibyte / 16) * 37],
    ['aws', 32, 61],
    ['gen-random', 64, 147],
    ['password', 4, 5],
    ['password', 4096, 4097],
  ] as const satisfies [FormatName, number, number][]) {
    const output = freeFile();
    await random(size, { socket: path, format, output });
    t.equal(statSync(output).size, length, `${format} ${size}`);
  }
});

t.test('no bytes are repeated', async (t) => {
  const output = freeFile();
  const { path } = await startServer(t);
  await random(2 * mebibyte, { socket: path, output });
  const bytes = readFileSync(output);
  const seen = new Set<string>();
  for (let at = 0; at < bytes.length; at += 32) seen.add(bytes.toString('latin1', at, at + 32));
  // False alarm: two of 2^16 blocks of 2^256.
  t.equal(seen.size, bytes.length / 32);
});

t.test('without --socket the usual place is asked', async (t) => {
  const { path } = await startServer(t);
  const output = freeFile();
  setSocketVariable(t, path);
  await random(8, { output });
  t.equal(statSync(output).size, 8);
});

t.test('prediction resistance is passed on, in every format', async (t) => {
  for (const format of ['raw', 'aws', 'gen-random'] as const) {
    let fresh = 0;
    const { path } = await startServer(
      t,
      fakeGenerator({
        fillPredictionResistant: async () => {
          fresh++;
        },
        fill: () => t.fail('asked for bytes without'),
      }),
    );
    await random(32, { socket: path, format, output: freeFile(), predictionResistance: true });
    t.equal(fresh, 1, format);
  }
});

t.test('a new file is private to its owner, an existing one keeps its mode', async (t) => {
  const { path } = await startServer(t);
  const output = freeFile();
  await random(8, { socket: path, output });
  t.equal(statSync(output).mode & 0o777, 0o600);
  writeFileSync(output, 'something longer than 8 bytes');
  chmodSync(output, 0o640);
  await random(8, { socket: path, output });
  t.equal(statSync(output).mode & 0o777, 0o640);
  t.equal(statSync(output).size, 8, 'but not its content');
});

t.test('a size that the format does not take is refused first', async (t) => {
  const output = freeFile();
  for (const [format, size] of [
    ['uuid', 17],
    ['aws', 1025],
    ['password', 4097],
  ] as const)
    await t.rejects(random(size, { socket: freePath(), format, output }), { message: /^N: / });
  t.throws(() => statSync(output), { code: 'ENOENT' });
});

t.test('a failure of the daemon or of the output is reported', async (t) => {
  const folder = freeFile();
  mkdirSync(folder);
  const { path } = await startServer(t);
  const failing = await startServer(
    t,
    fakeGenerator({
      fill() {
        throw new EntropyError('ERR_HEALTH', 'rdseed failed');
      },
    }),
  );
  for (const [options, expected] of [
    [{ socket: freePath(), output: freeFile() }, { code: 'ERR_CONNECT' }],
    [{ socket: failing.path, output: freeFile() }, { code: 'ERR_HEALTH' }],
    [
      { socket: path, output: folder },
      { code: 'EISDIR', message: /^cannot write .* \(EISDIR\): it is a directory/ },
    ],
    [
      { socket: path, output: join(folder, 'a', 'b') },
      { code: 'ENOENT', message: /: directory does not exist/ },
    ],
    [
      { socket: path, output: '/dev/full' },
      { code: 'ENOSPC', message: /^cannot write \/dev\/full .* no space left/ },
    ],
  ] as const satisfies [RandomCommandOptions, object][])
    await t.rejects(random(4 * mebibyte, options), expected, options.output);
});

t.test('a reader that goes away is an EPIPE', async (t) => {
  const { path } = await startServer(t);
  const { restore } = t.intercept(process.stdout, 'write', {
    value: (_data: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })),
  });
  const failure = await random(32, { socket: path }).catch((error: unknown) => error);
  restore();
  t.match(failure, { code: 'EPIPE' });
});

t.test('with --json the bytes are text in an object, or the output file is named', async (t) => {
  const { path: socket } = await startServer(t);
  const json = async (size: number, options: RandomCommandOptions) =>
    JSON.parse(await printedBy(t, () => random(size, { socket, json: true, ...options })));
  for (const [format, size, data] of [
    [undefined, 4, /^[0-9a-f]{8}$/],
    ['base64', 4, /^[A-Za-z0-9+/]{6}==$/],
    ['uuid', 32, [/^[0-9a-f-]{36}$/, /^[0-9a-f-]{36}$/]],
    ['aws', 4, { Plaintext: /^[A-Za-z0-9+/]{6}==$/ }],
    ['gen-random', 4, { random_data: /^[0-9A-F]{8}$/ }],
    ['password', 24, /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)(?=.*[^A-Za-z0-9])[!-~]{24}$/],
  ] as const)
    t.match(await json(size, format === undefined ? {} : { format }), {
      format: format ?? 'hex',
      size,
      data,
    });
  const output = freeFile();
  t.strictSame(await json(2 * mebibyte, { output }), {
    format: 'raw',
    size: 2 * mebibyte,
    output,
  });
  t.equal(statSync(output).size, 2 * mebibyte);
  await t.rejects(json(4, { format: 'raw' }), { code: 'ERR_USAGE' });
  await t.rejects(json(mebibyte + 1, {}), { code: 'ERR_USAGE' });
});

t.test('a password has what the options say, and no other format takes them', async (t) => {
  const { path: socket } = await startServer(t);
  const printed = (size: number, options: RandomCommandOptions) =>
    printedBy(t, () => random(size, { socket, format: 'password', ...options }));
  for (const [options, form] of [
    [{ punctuation: false }, /^[A-Za-z0-9]{200}\n$/],
    [{ exclude: 'abc/@"' }, /^[^abc/@"]{200}\n$/],
    [{ punctuation: false, exclude: 'l1IO0' }, /^[A-HJ-NP-Za-km-z2-9]{200}\n$/],
    [{ predictionResistance: true }, /^[!-~]{200}\n$/],
  ] as const)
    t.match(await printed(200, options), form, JSON.stringify(options));
  await t.rejects(printed(3, {}), {
    code: 'InvalidParameterException',
    message: 'Password length is too short based on the required types.',
  });
  for (const option of [{ punctuation: false }, { exclude: 'a' }])
    await t.rejects(random(8, { socket: freePath(), format: 'hex', ...option }), {
      code: 'ERR_USAGE',
      message: /--format password/,
    });
});

t.test('the default is hex on a terminal, and raw otherwise', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const [isTerminal, length] of [
    [true, 65],
    [false, 32],
  ] as const) {
    const { random: shown } = await t.mockImport<typeof import('../../src/entropyctl/random.js')>(
      '../../src/entropyctl/random.js',
      { 'node:tty': { isatty: () => isTerminal } },
    );
    const text = await printedBy(t, () => shown(32, { socket: path }), 'latin1');
    t.equal(text.length, length);
  }
});

/** A client that fills each array with the number of the request, some turns of the event loop later. */
function fakeClient(failAt = Number.POSITIVE_INFINITY) {
  const made = { sizes: [] as number[], inFlight: 0, most: 0, arrays: new Set<ArrayBufferLike>() };
  const client = {
    async randomFill(target: Uint8Array) {
      made.sizes.push(target.length);
      made.arrays.add(target.buffer);
      const number = made.sizes.length;
      made.most = Math.max(made.most, ++made.inFlight);
      await setImmediate();
      made.inFlight--;
      if (number >= failAt) throw new Error('gone');
      return target.fill(number);
    },
  };
  return { client: client as unknown as Client, made };
}

t.test('chunks come in order, with at most three requests in flight', async (t) => {
  t.equal(chunkSize % 48, 0, 'base64 and UUIDs of chunks join');
  for (const [size, wanted] of [
    [1, [1]],
    [chunkSize, [chunkSize]],
    [chunkSize + 1, [chunkSize, 1]],
    [9 * chunkSize + 5, [...Array(9).fill(chunkSize), 5]],
  ] as const) {
    const { client, made } = fakeClient();
    let number = 0;
    for await (const chunk of requestChunks(client, size, {})) {
      number++;
      while (made.inFlight > 0) await setImmediate();
      t.ok(
        chunk.every((byte) => byte === number),
        'nobody writes into a chunk in use',
      );
    }
    t.strictSame(made.sizes, wanted, `${size} bytes`);
    t.ok(made.most <= 3, `${made.most} at once`);
    t.ok(made.arrays.size <= 4, `${made.arrays.size} buffers, however many chunks`);
  }
});

t.test(
  'with prediction resistance a request needs one seed, so that it is answered in time',
  async (t) => {
    const { client, made } = fakeClient();
    for await (const chunk of requestChunks(client, 200_000, { predictionResistance: true }))
      t.ok(chunk.length <= 65_536);
    t.strictSame(made.sizes, [65_520, 65_520, 65_520, 3_440]);
  },
);

t.test('requests in flight are answered while a chunk is written, however slowly', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const client = connect({ socketPath: path });
  t.teardown(() => client.close());
  let pending = 0;
  const counting = {
    async randomFill(target: Uint8Array) {
      pending++;
      await client.randomFill(target);
      pending--;
      return target;
    },
  };
  let size = 0;
  for await (const chunk of requestChunks(counting as unknown as Client, 8 * mebibyte, {})) {
    await until(() => pending === 0, 'answers, before the client would time out');
    size += chunk.length;
  }
  t.equal(size, 8 * mebibyte);
});

t.test('all buffers are wiped, even if the reader or the daemon goes away', async (t) => {
  for (const [failAt, stopAt] of [
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [4, Number.POSITIVE_INFINITY],
    [Number.POSITIVE_INFINITY, 2],
  ] as const) {
    const { client, made } = fakeClient(failAt);
    let chunks = 0;
    try {
      for await (const _ of requestChunks(client, 6 * chunkSize, {}))
        if (++chunks === stopAt) break;
      t.equal(failAt, Number.POSITIVE_INFINITY);
    } catch (error) {
      t.match(error, { message: 'gone' });
    }
    // This client still fills the arrays of requests in flight; a real one does not, once it is closed.
    if (stopAt === Number.POSITIVE_INFINITY)
      for (const buffer of made.arrays) t.notOk(Buffer.from(buffer).some((byte) => byte !== 0));
  }
});

/** The command with bars that a test can look at. */
async function withBars(t: Test) {
  const bars: { value: number; total: number; stopped: boolean }[] = [];
  class SingleBar {
    readonly bar = { value: 0, total: 0, stopped: false };
    start(total: number, value: number) {
      Object.assign(this.bar, { total, value });
      bars.push(this.bar);
    }
    update(value: number) {
      this.bar.value = value;
    }
    stop() {
      this.bar.stopped = true;
    }
  }
  const { random } = await t.mockImport<typeof import('../../src/entropyctl/random.js')>(
    '../../src/entropyctl/random.js',
    { 'cli-progress': { SingleBar } },
  );
  return { bars, random };
}

t.test('long work on a terminal has a progress bar, which stops whatever happens', async (t) => {
  const { bars, random } = await withBars(t);
  t.intercept(process.stderr, 'isTTY', { value: true });
  const listeners = process.listenerCount('exit');
  let left = Number.POSITIVE_INFINITY;
  let whileRunning = 0;
  const { path: socket } = await startServer(
    t,
    fakeGenerator({
      fill(_target, _offset, length) {
        whileRunning = process.listenerCount('exit');
        left -= length;
        if (left < 0) throw new EntropyError('ERR_HEALTH', 'rdseed failed');
      },
    }),
  );
  const options = { socket, output: '/dev/null' };
  await random(64 * mebibyte + 1, options);
  t.strictSame(bars, [{ value: 64, total: 65, stopped: true }]);
  t.equal(whileRunning, listeners + 1, 'an exit would restore the terminal');
  left = mebibyte;
  await t.rejects(random(64 * mebibyte, options), { code: /^ERR_(HEALTH|CLOSED)$/ });
  t.match(bars[1], { total: 64, stopped: true }, 'or its timer would keep the process alive');
  t.equal(process.listenerCount('exit'), listeners);
});

t.test('short work has no progress bar, and neither has work without a terminal', async (t) => {
  const { bars, random } = await withBars(t);
  const { path: socket } = await startServer(t, fakeGenerator());
  const options = { socket, output: '/dev/null' };
  t.intercept(process.stderr, 'isTTY', { value: true });
  await random(64 * mebibyte - 1, options);
  t.intercept(process.stderr, 'isTTY', { value: false });
  await random(64 * mebibyte, options);
  t.strictSame(bars, []);
});
