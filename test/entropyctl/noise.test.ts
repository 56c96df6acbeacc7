import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import type { Clock } from '../../src/entropyctl/clock.js';
import { noise } from '../../src/entropyctl/noise.js';
import { adminServer, fakeGenerator, startServer } from '../support/daemon.js';
import { temporaryFolder } from '../support/paths.js';
import { printedBy } from '../support/program.js';

const kibi = 1024;
const maxPiece = 16 * kibi;

/** Time that stands still, except while `noise` reads and while the command waits. */
function turnedByHand(): Clock & { at: number; waits: number[] } {
  const clock = {
    at: 0,
    waits: [] as number[],
    now: () => clock.at,
    async wait(ms: number) {
      clock.at += ms;
      clock.waits.push(ms);
    },
  };
  return clock;
}

let files = 0;
const output = () => join(temporaryFolder(), `samples-${files++}`);

/** The sizes that the daemon is asked for, by a source that takes `ms` for a sample. */
async function piecesOf(t: Parameters<typeof adminServer>[0], size: number, ms: number) {
  const clock = turnedByHand();
  const sizes: number[] = [];
  const socket = await adminServer(t, {
    async noise(source, size) {
      t.equal(source, 'rdseed');
      sizes.push(size);
      clock.at += size * ms;
      return new Uint8Array(size).fill(0xcc);
    },
  });
  const path = output();
  await noise('rdseed', size, { socket, output: path }, clock);
  t.ok(readFileSync(path).equals(Buffer.alloc(size, 0xcc)));
  t.equal(statSync(path).mode & 0o777, 0o600);
  return sizes;
}

t.test('a fast source is read in pieces of 16 KiB, after smaller ones', async (t) => {
  t.strictSame(await piecesOf(t, 4 * maxPiece, 0), [
    ...[kibi, 2 * kibi, 4 * kibi, 8 * kibi],
    ...[maxPiece, maxPiece, maxPiece, kibi],
  ]);
});

t.test('a slow source is read in pieces that take seconds', async (t) => {
  for (const [ms, wanted] of [
    [50, kibi],
    [1, kibi],
    [0.3, 4 * kibi],
  ] as const) {
    const sizes = await piecesOf(t, 40_000, ms);
    t.equal(Math.max(...sizes.slice(0, -1)), wanted, `${ms} ms`);
  }
});

t.test('no piece is shorter than the sets of SP 800-90B 3.1.1, unless all is', async (t) => {
  for (const size of [1, 1023, 1024, 1025, 2047, 2048, 100_000, 1_000_000]) {
    const sizes = await piecesOf(t, size, 0);
    t.ok(Math.min(...sizes) >= Math.min(size, kibi), `${size}: ${sizes}`);
    t.ok(Math.max(...sizes) < maxPiece + kibi, `${size}: ${sizes}`);
  }
});

t.test('a source that becomes slow gets smaller pieces, and larger ones again', async (t) => {
  const clock = turnedByHand();
  const sizes: number[] = [];
  const socket = await adminServer(t, {
    async noise(_, size) {
      sizes.push(size);
      const isSlow = sizes.length > 4 && sizes.length < 8;
      clock.at += isSlow ? 11_000 : 0;
      return new Uint8Array(size);
    },
  });
  await noise('hwrng', 100_000, { socket, output: output() }, clock);
  t.strictSame(
    sizes.slice(0, 11).map((size) => size / kibi),
    [1, 2, 4, 8, 16, 8, 4, 2, 4, 8, 16],
  );
});

t.test('while the daemon reads for others, the command waits its turn', async (t) => {
  const clock = turnedByHand();
  let busy = 3;
  const socket = await adminServer(t, {
    async noise(_, size) {
      if (busy-- > 0) throw new EntropyError('ERR_BUSY', 'raw samples are being read for others');
      return new Uint8Array(size);
    },
  });
  const path = output();
  await noise('rdseed', 10, { socket, output: path }, clock);
  t.equal(statSync(path).size, 10);
  t.strictSame(clock.waits, [1_000, 1_000, 1_000]);
});

t.test('two minutes later it says that the daemon is busy', async (t) => {
  const clock = turnedByHand();
  const socket = await adminServer(t, {
    async noise() {
      throw new EntropyError('ERR_BUSY', 'raw samples are being read for others');
    },
  });
  await t.rejects(noise('rdseed', 10, { socket, output: output() }, clock), {
    code: 'ERR_BUSY',
    message: /^raw samples are being read for others .*; try again later$/,
  });
  t.equal(clock.at, 120_000);
});

t.test('any other failure ends it, and leaves no file', async (t) => {
  const clock = turnedByHand();
  const socket = await adminServer(t, {
    async noise(_, size) {
      if (size > kibi) throw new EntropyError('ERR_ENTROPY', 'no samples: hwrng is absent');
      return new Uint8Array(size);
    },
  });
  const path = output();
  await t.rejects(noise('hwrng', 100_000, { socket, output: path }, clock), {
    code: 'ERR_ENTROPY',
    message: /^no samples: hwrng is absent /,
  });
  t.equal(statSync(path, { throwIfNoEntry: false }), undefined);
  t.strictSame(clock.waits, []);
});

t.test('raw samples are refused to other users', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  await t.rejects(noise('rdseed', 5, { socket, output: output() }), { code: 'ERR_FORBIDDEN' });
});

t.test('samples are not written to a terminal', async (t) => {
  const { noise: onTerminal } = await t.mockImport<typeof import('../../src/entropyctl/noise.js')>(
    '../../src/entropyctl/noise.js',
    { 'node:tty': { isatty: () => true } },
  );
  await t.rejects(onTerminal('rdseed', 5, {}), { message: /use --output FILE or a pipe/ });
});

t.test('with --json samples are base64, or the output file is named', async (t) => {
  const socket = await adminServer(t);
  const json = async (size: number, output?: string) =>
    JSON.parse(
      await printedBy(t, () =>
        noise('rdseed', size, { socket, json: true, ...(output === undefined ? {} : { output }) }),
      ),
    );
  t.strictSame(await json(3), { source: 'rdseed', size: 3, data: 'zMzM' });
  const many = Buffer.from((await json(5_000)).data, 'base64');
  t.ok(many.equals(Buffer.alloc(5_000, 0xcc)), 'several pieces');
  const path = output();
  t.strictSame(await json(5, path), { source: 'rdseed', size: 5, output: path });
  t.equal(statSync(path).size, 5);
  await t.rejects(json(1_048_577), { code: 'ERR_USAGE' });
});
