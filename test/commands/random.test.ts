import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type RandomCommandOptions, random } from '../../src/commands/random.js';
import type { FormatName } from '../../src/commands/random-formats.js';
import { EntropyError } from '../../src/common/errors.js';
import {
  fakeGenerator,
  freePath,
  printedBy,
  setSocketVariable,
  startServer,
  temporaryFolder,
} from '../support.js';

const mebibyte = 1024 * 1024;
let files = 0;
const freeFile = () => join(temporaryFolder(), `file-${++files}`);

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
      { code: 'EISDIR', message: /^cannot write .* \(EISDIR\): it is a folder/ },
    ],
    [
      { socket: path, output: join(folder, 'a', 'b') },
      { code: 'ENOENT', message: /: its folder is not there/ },
    ],
    [
      { socket: path, output: '/dev/full' },
      { code: 'ENOSPC', message: /^cannot write \/dev\/full .* no space left/ },
    ],
  ] as const satisfies [RandomCommandOptions, object][])
    await t.rejects(random(4 * mebibyte, options), expected, options.output);
});

t.test('a reader that has enough is told as it is', async (t) => {
  const { path } = await startServer(t);
  const { restore } = t.intercept(process.stdout, 'write', {
    value: (_data: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })),
  });
  const failure = await random(32, { socket: path }).catch((error: unknown) => error);
  restore();
  t.match(failure, { code: 'EPIPE' });
});

t.test('as JSON the bytes are text in an object, or the file is named', async (t) => {
  const { path: socket } = await startServer(t);
  const json = async (size: number, options: RandomCommandOptions) =>
    JSON.parse(await printedBy(t, () => random(size, { socket, json: true, ...options })));
  for (const [format, size, data] of [
    [undefined, 4, /^[0-9a-f]{8}$/],
    ['base64', 4, /^[A-Za-z0-9+/]{6}==$/],
    ['uuid', 32, [/^[0-9a-f-]{36}$/, /^[0-9a-f-]{36}$/]],
    ['aws', 4, { Plaintext: /^[A-Za-z0-9+/]{6}==$/ }],
    ['gen-random', 4, { random_data: /^[0-9A-F]{8}$/ }],
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

t.test('on a terminal the default is hex, else raw', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  for (const [isTerminal, length] of [
    [true, 65],
    [false, 32],
  ] as const) {
    const { random: shown } = await t.mockImport<typeof import('../../src/commands/random.js')>(
      '../../src/commands/random.js',
      { 'node:tty': { isatty: () => isTerminal } },
    );
    const text = await printedBy(t, () => shown(32, { socket: path }), 'latin1');
    t.equal(text.length, length);
  }
});

t.test('long work tells its progress, and ends it where it fails', async (t) => {
  const size = 4 * mebibyte;
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
  const bars: { size: number; done: number; stopped: boolean }[] = [];
  const { random: shown } = await t.mockImport<typeof import('../../src/commands/random.js')>(
    '../../src/commands/random.js',
    {
      '../../src/commands/progress.js': {
        async showProgress(size: number) {
          const bar = { size, done: 0, stopped: false };
          bars.push(bar);
          return {
            advance(more: number) {
              bar.done += more;
            },
            stop() {
              bar.stopped = true;
            },
          };
        },
      },
    },
  );
  const options = { socket: path, output: '/dev/null' };
  await shown(size, options);
  t.strictSame(bars, [{ size, done: size, stopped: true }]);
  failAfter = mebibyte;
  await t.rejects(shown(size, options), { code: /^ERR_(HEALTH|CLOSED)$/ });
  t.match(bars[1], { size, stopped: true }, 'or its timer would keep the process alive');
});
