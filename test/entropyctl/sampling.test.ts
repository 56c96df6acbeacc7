/** Samples for an assessment: from real sources of the product's addon. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { loadAddon } from '../../src/common/package.js';
import { collect, findSource, type SampleAddon } from '../../src/entropyctl/sampling.js';
import { temporaryFolder } from '../support/paths.js';

const { addon } = loadAddon();
if (addon === undefined) throw new Error('the addon is not built');
const folder = join(temporaryFolder(), 'sampling');
mkdirSync(folder);

t.test('a source is built in, the hardware device, or a device by its path', async (t) => {
  t.match(findSource(addon, 'jitter'), {
    name: 'jitter',
    path: '',
    physical: false,
    words: false,
    testedBitsPerByte: 0.5,
    creditedBitsPerByte: 0.5,
    alphaLog2: -30,
    permanentAlphaLog2: -60,
    repetitionCutoff: 61,
    repetitionPermanentCutoff: 121,
    proportionWindow: 512,
    proportionCutoff: 422,
    proportionPermanentCutoff: 447,
  });
  t.match(findSource(addon, 'rdseed'), { words: true, physical: true, startupBytes: 32_768 });
  t.match(findSource(addon, 'hwrng'), { name: 'hwrng', path: '/dev/hwrng', repetitionCutoff: 6 });
  t.match(findSource(addon, '/dev/x'), { name: '/dev/x', path: '/dev/x', testedBitsPerByte: 7 });
  t.throws(() => findSource(addon, 'rdsed'), {
    code: 'ERR_PARAMS',
    message:
      'no such noise source: rdsed; there are rdseed, rndrrs, jitter, rdrand, getrandom, hwrng; or give the path of a device',
  });
});

t.test('each restart is a new instance: a file begins again', async (t) => {
  const path = join(folder, 'file');
  writeFileSync(path, Buffer.from(Array.from({ length: 100 }, (_, i) => i)));
  const said: string[] = [];
  const { samples, restart } = await collect(addon, findSource(addon, path), {
    samples: 96,
    restarts: { restarts: 30, samples: 8 },
    progress: (what) => said.push(what),
  });
  t.strictSame([...samples], [...Array(96).keys()]);
  t.strictSame(
    [...(restart?.data ?? [])],
    Array.from({ length: 240 }, (_, i) => i % 8),
  );
  t.strictSame(said, [`reading 96 samples of ${path}`, 'restart 0 of 30', 'restart 25 of 30']);
});

t.test('samples are consecutive, and no byte of a FIFO is lost within an instance', async (t) => {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  // Keeps it open between two instances.
  const held = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(held));
  const sent = Buffer.from(Array.from({ length: 20_000 }, (_, i) => i % 251));
  const writer = await open(path, 'w');
  const written = writer.writeFile(sent);
  const { samples, restart } = await collect(addon, findSource(addon, path), {
    samples: 10_000,
    restarts: { restarts: 2, samples: 5_000 },
  });
  await written;
  await writer.close();
  t.ok(sent.equals(Buffer.concat([samples, restart?.data ?? Buffer.alloc(0)])));
});

t.test('how long it took is measured, and restart data may be left out', async (t) => {
  let ms = 0;
  const now = () => {
    ms += 500;
    return ms;
  };
  const found = await collect(addon, findSource(addon, 'getrandom'), {
    samples: 1001,
    restarts: undefined,
    now,
  });
  t.equal(found.samples.length, 1001, 'also if that is no whole number of words');
  t.equal(found.seconds, 0.5);
  t.equal(found.restart, undefined);
});

t.test('a source that yields nothing is reported', async (t) => {
  const none = join(folder, 'none');
  const options = { samples: 8, restarts: undefined };
  await t.rejects(collect(addon, findSource(addon, none), options), {
    code: 'ERR_ENTROPY',
    message: `no samples: ${none} is absent: No such file or directory`,
  });
  const short = join(folder, 'short');
  writeFileSync(short, 'x');
  await t.rejects(collect(addon, findSource(addon, short), options), {
    code: 'ERR_ENTROPY',
    message: `no samples: ${short}: end of file`,
  });
});

t.test('the addon refuses what describes no source, and too many samples', async (t) => {
  const loose = addon as unknown as Record<keyof SampleAddon, (...args: unknown[]) => unknown>;
  const source = { name: 'jitter', path: '', testedBitsPerByte: 7 };
  for (const bad of [
    undefined,
    'jitter',
    {},
    { ...source, path: 1 },
    { ...source, testedBitsPerByte: 0 },
    { ...source, testedBitsPerByte: 9 },
    { ...source, testedBitsPerByte: Number.NaN },
  ]) {
    t.throws(() => loose.describeSource(bad), TypeError);
    t.throws(() => loose.readSource(bad, 1, 1), TypeError);
  }
  for (const [samples, restarts] of [
    [0, 1],
    [1, 0],
    [-1, 1],
    [2 ** 27 + 1, 1],
    [2 ** 14, 2 ** 14],
    ['1', 1],
  ])
    t.throws(() => loose.readSource(source, samples, restarts), RangeError);
  t.equal(loose.readSource({ ...source, name: 'none' }, 8, 1), undefined);
});
