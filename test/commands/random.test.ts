import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parseSize, type RandomCommandOptions, random } from '../../src/commands/random.js';
import type { FormatName } from '../../src/commands/random-formats.js';
import { UsageError } from '../../src/commands/run.js';
import { EntropyError } from '../../src/errors.js';
import {
  fakeGenerator,
  freePath,
  setSocketVariable,
  startServer,
  temporaryFolder,
} from '../support.js';

const mebibyte = 1024 * 1024;
let files = 0;
const freeFile = () => join(temporaryFolder(), `file-${++files}`);

t.test('a size is digits and K, M or G', async (t) => {
  for (const [text, size] of [
    ['1', 1],
    ['032', 32],
    ['4K', 4096],
    ['1M', mebibyte],
    ['2G', 2 * 1024 * mebibyte],
    ['999999999999999', 999_999_999_999_999],
    ['8388607G', 8_388_607 * 1024 * mebibyte],
  ] as const)
    t.equal(parseSize(text), size, text);
});

t.test('anything else is a usage error that says what is wanted', async (t) => {
  for (const text of [
    '',
    '0',
    '00',
    '0K',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    '1k',
    '1KB',
    '1T',
    'K',
    '١',
    '1000000000000000',
    '8388608G',
    '999999999999999G',
    'Infinity',
    'NaN',
    '1\n',
  ])
    t.throws(
      () => parseSize(text),
      new UsageError(`N: want a number of bytes from 1 on, such as 32, 4K, 1M or 2G: ${text}`),
      JSON.stringify(text),
    );
});

t.test('whatever the text, a size is a safe integer from 1 on, or a usage error', async (t) => {
  let sizes = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.nat(), fc.constantFrom('', 'K', 'M', 'G', 'T')).map((parts) => parts.join('')),
        fc.stringMatching(/^\d{1,18}[KMG]?$/),
      ),
      (text) => {
        try {
          const size = parseSize(text);
          sizes++;
          return Number.isSafeInteger(size) && size >= 1;
        } catch (error) {
          return error instanceof UsageError;
        }
      },
    ),
    { numRuns: 2000 },
  );
  t.ok(sizes > 100, `${sizes} sizes`);
});

t.test('exactly N bytes are written, in every format', async (t) => {
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
  ] as const satisfies [FormatName, number, number][]) {
    const output = freeFile();
    await random(size, { socket: path, format, output });
    t.equal(statSync(output).size, length, `${format} ${size}`);
  }
});

t.test('the bytes are those that were served, each once', async (t) => {
  const output = freeFile();
  const { path } = await startServer(t);
  await random(2 * mebibyte, { socket: path, output });
  const bytes = readFileSync(output);
  const seen = new Set<string>();
  for (let at = 0; at < bytes.length; at += 32) seen.add(bytes.toString('latin1', at, at + 32));
  // False alarm: two of 2^16 blocks of 2^256.
  t.equal(seen.size, bytes.length / 32);
});

t.test('without a socket it looks where every client looks', async (t) => {
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
        fillFresh: async () => {
          fresh++;
        },
        fill: () => t.fail('asked for bytes without'),
      }),
    );
    await random(32, { socket: path, format, output: freeFile(), predictionResistance: true });
    t.equal(fresh, 1, format);
  }
});

t.test('a new file is its owner’s alone, an old one keeps its mode', async (t) => {
  const { path } = await startServer(t);
  const output = freeFile();
  await random(8, { socket: path, output });
  t.equal(statSync(output).mode & 0o777, 0o600);
  writeFileSync(output, 'something longer than 8 bytes');
  chmodSync(output, 0o640);
  await random(8, { socket: path, output });
  t.equal(statSync(output).mode & 0o777, 0o640);
  t.equal(statSync(output).size, 8, 'and not its content');
});

t.test('a size that the format does not take is refused before anything happens', async (t) => {
  const output = freeFile();
  for (const [format, size] of [
    ['uuid', 17],
    ['aws', 1025],
  ] as const)
    await t.rejects(random(size, { socket: freePath(), format, output }), { message: /^N: / });
  t.throws(() => statSync(output), { code: 'ENOENT' });
});

t.test('failures come out as they are', async (t) => {
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
      { code: 'EISDIR', syscall: 'open' },
    ],
    [
      { socket: path, output: join(folder, 'a', 'b') },
      { code: 'ENOENT', syscall: 'open' },
    ],
    [
      { socket: path, output: '/dev/full' },
      { code: 'ENOSPC', syscall: 'write' },
    ],
  ] as const satisfies [RandomCommandOptions, object][])
    await t.rejects(random(4 * mebibyte, options), expected, options.output);
});

t.test('a reader that has enough is no failure but SIGPIPE’s exit code', async (t) => {
  const before = process.exitCode;
  const stdout = Object.assign(Object.create(process.stdout), {
    on: () => stdout,
    write: (_data: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
  });
  t.intercept(process, 'stdout', { value: stdout });
  const { path } = await startServer(t);
  await random(32, { socket: path });
  const { exitCode } = process;
  process.exitCode = before;
  t.equal(exitCode, 141);
});

t.test('on a terminal the default is hex, else raw', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const [isTTY, length] of [
    [true, 65],
    [false, 32],
  ] as const) {
    let written = 0;
    const stdout = Object.assign(Object.create(process.stdout), {
      isTTY,
      on: () => stdout,
      write(data: string | Uint8Array, done: () => void) {
        written += data.length;
        done();
      },
    });
    const restore = t.intercept(process, 'stdout', { value: stdout });
    await random(32, { socket: path });
    restore.restore();
    t.equal(written, length, `terminal: ${isTTY}`);
  }
});

t.test('long work shows its progress on a terminal, and stops when it fails', async (t) => {
  const size = 64 * mebibyte;
  let failAfter = Number.POSITIVE_INFINITY;
  const { path } = await startServer(
    t,
    fakeGenerator({
      fill(_target, _offset, length) {
        failAfter -= length;
        if (failAfter < 0) throw new EntropyError('ERR_HEALTH', 'rdseed failed');
      },
    }),
  );
  const bars: { value: number; total: number; stopped: boolean }[] = [];
  class SingleBar {
    readonly bar = { value: 0, total: 0, stopped: false };
    start(total: number, value: number) {
      Object.assign(this.bar, { total, value });
      bars.push(this.bar);
    }
    increment(by: number) {
      this.bar.value += by;
    }
    stop() {
      this.bar.stopped = true;
    }
  }
  const { random: shown } = await t.mockImport<typeof import('../../src/commands/random.js')>(
    '../../src/commands/random.js',
    { 'cli-progress': { SingleBar } },
  );
  const options = { socket: path, output: '/dev/null' };
  t.intercept(process.stderr, 'isTTY', { value: true });
  await shown(size - 1, options);
  t.strictSame(bars, [], 'not for short work');
  await shown(size, options);
  t.strictSame(bars, [{ value: 64, total: 64, stopped: true }]);
  failAfter = mebibyte;
  await t.rejects(shown(size, options), { code: /^ERR_(HEALTH|CLOSED)$/ });
  t.match(bars[1], { total: 64, stopped: true }, 'or its timer would keep the process alive');
  failAfter = Number.POSITIVE_INFINITY;
  t.intercept(process.stderr, 'isTTY', { value: false });
  await shown(size, options);
  t.equal(bars.length, 2, 'nor without a terminal');
});
