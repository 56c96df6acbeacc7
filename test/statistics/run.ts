/**
 * `run.ts [quick]`: statistical tests of the generator's output, and health tests of the CPU's sources.
 * Exits with 1 if a bound is broken.
 *
 * The full run is fixed in advance:
 *
 * | test | input | values |
 * |---|---|---|
 * | ent: chi-square, mean, Monte Carlo pi, serial correlation | 256 MiB | 4 |
 * | rngtest: blocks of 20,000 bits that fail FIPS 140-2 | 256 MiB | 1 |
 * | dieharder -d 0 1 2 3 4 8 9 10 11 12 13 15 16 100 101 102, defaults | as much as they read | 47 |
 *
 * Each of the 52 values has a false-alarm probability of at most 1.6e-6: the z-scores of ent must be
 * within 4.8 sigma, two-sided; rngtest's failures must not exceed the Poisson quantile; dieharder's
 * p-values must be at least 1.6e-6 (a p-value near 1 is not a failure). All together: 52 * 1.6e-6 =
 * 8.3e-5 (Bonferroni). No test is repeated. The dieharder tests are those that it rates good and that
 * end within half a minute.
 *
 * RDRAND and RDSEED, 1 GiB each, must raise no alarm. A false alarm has probability 2^-10 per GiB (2^30
 * bytes, 2^-40 each, in the repetition count test at 8 true bits). After one alarm a second GiB is read,
 * which must raise none: 2^-20 in all.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadAddon } from '../../src/common/package.js';
import { addon as testAddon } from '../native/addon.js';

const quick = process.argv[2] === 'quick';
const mebibyte = 2 ** 20;
const streamSize = (quick ? 16 : 256) * mebibyte;
const sourceMebibytes = quick ? 32 : 1024;
const dieharderTests = quick
  ? [0, 8, 15, 100]
  : [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 15, 16, 100, 101, 102];

/** False-alarm probability of a value, and the two-sided bound of a z-score that has it. */
const alpha = 1.6e-6;
const sigmas = 4.8;

const chunkSize = 65_536;

/** Produces the next `chunkSize` bytes of a stream. */
type Source = () => Buffer;

let failed = 0;
function row(what: string, value: unknown, bound: string, ok: boolean): void {
  if (!ok) failed++;
  console.log(
    `${what.padEnd(34)} ${String(value).padStart(14)}  ${bound.padEnd(22)} ${ok ? 'ok' : 'FAILED'}`,
  );
}

/** Feeds a program with `size` bytes of `next`, or as many as it reads. @returns what it prints */
async function run(
  program: string,
  args: readonly string[],
  next: Source,
  size = Number.POSITIVE_INFINITY,
): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      out += text;
    });
  const closed = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  function* chunks() {
    for (let at = 0; at < size; at += chunkSize) yield next();
  }
  // A program that has read enough closes its standard input.
  await pipeline(Readable.from(chunks()), child.stdin).catch((error) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
  await closed;
  return out;
}

async function ent(name: string, next: Source): Promise<void> {
  const lines = (await run('ent', ['-t'], next, streamSize)).trim().split('\n');
  const numbers = (lines[1] ?? '').split(',').map(Number);
  const [, n = NaN, , chi = NaN, mean = NaN, pi = NaN, serial = NaN] = numbers;
  const df = 255;
  const hit = Math.PI / 4; // the probability that a point, of six bytes, lies in the circle
  const values: [test: string, value: number, z: number][] = [
    // Wilson and Hilferty: the cube root of chi-square over df is approximately normal.
    ['chi-square', chi, ((chi / df) ** (1 / 3) - 1 + 2 / (9 * df)) / Math.sqrt(2 / (9 * df))],
    ['mean', mean, (mean - 127.5) / Math.sqrt((256 ** 2 - 1) / 12 / n)],
    ['Monte Carlo pi', pi, (pi - Math.PI) / (4 * Math.sqrt((hit * (1 - hit)) / Math.floor(n / 6)))],
    ['serial correlation', serial, serial * Math.sqrt(n)],
  ];
  for (const [test, value, z] of values)
    row(`${name} ${test}`, value, `z ${z.toFixed(2)}, within ${sigmas}`, Math.abs(z) <= sigmas);
}

/** The smallest k with P(X > k) <= alpha, where X is Poisson with this mean. */
function poissonBound(mean: number): number {
  let mass = Math.exp(-mean);
  let below = mass;
  let k = 0;
  while (1 - below > alpha) {
    mass *= mean / ++k;
    below += mass;
  }
  return k;
}

/**
 * An upper bound of the probability that a random block fails, the sum of: 1.04e-4 monobit (binomial),
 * 0.99e-4 poker (chi-square, 15 degrees of freedom), 2.98e-4 long run (2 * 19,975 / 2^27), 3.5e-4 runs
 * (126 in 429,496 blocks of the kernel's generator, upper end of 95 %).
 */
const blockFailure = 8.5e-4;

async function rngtest(next: Source): Promise<void> {
  const out = await run('rngtest', [], next, streamSize);
  const count = (what: string) => Number(new RegExp(`FIPS 140-2 ${what}: (\\d+)`).exec(out)?.[1]);
  const blocks = count('successes') + count('failures');
  const bound = poissonBound(blocks * blockFailure);
  row(
    `rngtest, ${blocks} blocks`,
    count('failures'),
    `at most ${bound}`,
    count('failures') <= bound,
  );
}

/** @returns the number of p-values */
async function dieharder(test: number, next: Source): Promise<number> {
  const format = ['test_name', 'ntuple', 'pvalues'].flatMap((field) => ['-D', field]);
  const out = await run('dieharder', ['-g', '200', '-d', `${test}`, ...format, '-c', ','], next);
  const values = out
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  for (const [name = '', tuple, p] of values)
    row(`${name.trim()} ${tuple?.trim()}`, p, `at least ${alpha}`, Number(p) >= alpha);
  return values.length;
}

function testSource(name: 'rdrand' | 'rdseed'): void {
  let alarms = testAddon.countAlarms(name, sourceMebibytes);
  if (alarms === null) {
    console.log(`${name}: absent, or it does not answer`);
    return;
  }
  // If the second read fails, it has not shown that the first alarm was false.
  if (alarms === 1) alarms += testAddon.countAlarms(name, sourceMebibytes) ?? 1;
  row(`${name}, ${sourceMebibytes} MiB`, alarms, 'at most 1 (see policy)', alarms <= 1);
}

for (const program of ['ent', 'rngtest', 'dieharder'])
  if (spawnSync(program, ['-?']).error) throw new Error(`${program} is not installed`);

const { addon, reason } = loadAddon();
if (addon === undefined) throw new Error(reason);
const generator = new addon.Generator(
  { profile: 'default', reseedRequests: 4096, reseedSeconds: 300, devices: [] },
  () => {},
  () => {},
);
const output = () => {
  const chunk = Buffer.allocUnsafeSlow(chunkSize);
  if (generator.generate(chunk, 0, chunkSize) !== 0) throw new Error('no output');
  return chunk;
};
const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32), Buffer.alloc(16));
const zeros = Buffer.alloc(chunkSize);

console.log(`-- the generator's output${quick ? ', quick: not a run by the policy' : ''}`);
await ent('ent', output);
await rngtest(output);
let values = 0;
for (const test of dieharderTests) values += await dieharder(test, output);
if (!quick) row('dieharder, p-values', values, 'exactly 47', values === 47);
generator.close();

console.log('-- health tests of the sources: alarms');
testSource('rdrand');
testSource('rdseed');

console.log('-- AES-CTR with a key of zeros: no entropy at all');
await ent('ent', () => cipher.update(zeros));
console.log(
  `\n${failed} bounds broken. Passing does not prove entropy: the last stream passes too.`,
);
process.exitCode = failed > 0 ? 1 : 0;
