/**
 * `run.ts frames|http|http2 [COUNT|SECONDSs] [SEED]`: fuzzes daemons in processes of their own, for as long as
 * wanted. Exits with 1 at the first answer that contradicts the documentation, and if descriptors are
 * not closed or memory grows.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DaemonProcess, isFlat, mebibytes, startDaemon } from '../soak/daemon.js';
import { credentials } from '../support/credentials.js';
import { call } from '../support/gateway.js';
import { until } from '../support/until.js';
import { fuzzFrames } from './frames.js';
import { fuzzHttp, type HttpFuzzOptions } from './http.js';
import { fuzzHttp2 } from './http2.js';

const sampleMs = 250;
const lineMs = 10_000;

/** In a shorter run the first half is only the daemon's warm-up; HTTP takes five minutes to settle. */
const minJudgedMs = { frames: 60_000, http: 300_000, http2: 300_000 };

/** How long to fuzz: so many units, or as long as this is true. */
type Amount = number | (() => boolean);

/** Daemons to be fuzzed. */
interface Subject {
  readonly daemons: readonly DaemonProcess[];
  /** Whether none of the fuzz's connections is open. */
  isIdle(): Promise<boolean>;
  /** @param onProgress gets the number of units so far */
  fuzz(amount: Amount, seed: number, onProgress?: (count: number) => void): Promise<object>;
}

async function startFrames(): Promise<Subject> {
  const daemon = await startDaemon();
  return {
    daemons: [daemon],
    isIdle: async () => (await daemon.connections()) === 0,
    fuzz: (frames, seed, onProgress) =>
      fuzzFrames({
        path: daemon.path,
        frames,
        seed,
        onSession: (report) => onProgress?.(report.frames),
      }),
  };
}

/**
 * The gateway in the daemon's process: open in one, with credentials in the other.
 * @param run fuzzes them
 */
async function startHttp(
  run: (
    options: Omit<HttpFuzzOptions, 'onSession'> & {
      onSession: (report: { requests: number }) => void;
    },
  ) => Promise<object>,
): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'entropyd-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const known = file('credentials.toml', credentials);
  const config = file('entropyd.toml', `[gateway]\ncredentials = "${known}"\n`);
  const start = async (name: string, args: readonly string[]) => {
    const path = join(folder, name);
    const daemon = await startDaemon([...args, '--http', `unix:${path}`]);
    const metrics = async () =>
      (await call({ socketPath: path, path: '/metrics', headers: { host: 'localhost' } })).body;
    await until(() => metrics().catch(() => undefined), 'the gateway answers');
    return { daemon, metrics, to: { path } };
  };
  const gateways = [await start('open', []), await start('verifies', ['--config', config])];
  return {
    daemons: gateways.map(({ daemon }) => daemon),
    async isIdle() {
      const texts = await Promise.all(gateways.map(({ metrics }) => metrics()));
      return texts.every((text) => /^entropyd_gateway_connections_open 1$/m.test(text));
    },
    fuzz: (requests, seed, onProgress) =>
      run({
        targets: gateways.map(({ to }, i) => ({ to, verifies: i === 1 })),
        requests,
        seed,
        onSession: (report) => onProgress?.(report.requests),
      }),
  };
}

/** What can be fuzzed, how many by default, and how many before descriptors are counted. */
const kinds = {
  frames: { unit: 'frames', standard: 10_000_000, warmUp: 500, start: startFrames },
  http: { unit: 'requests', standard: 500_000, warmUp: 50, start: () => startHttp(fuzzHttp) },
  http2: { unit: 'requests', standard: 100_000, warmUp: 50, start: () => startHttp(fuzzHttp2) },
};

function isKind(name: string): name is keyof typeof kinds {
  return Object.hasOwn(kinds, name);
}

function usage(): never {
  console.error('usage: npm run fuzz:frames|fuzz:http|fuzz:http2 -- [COUNT|SECONDSs] [SEED]');
  process.exit(64);
}

const [name = '', wanted, wantedSeed] = process.argv.slice(2);
if (!isKind(name)) usage();
const { unit, standard, warmUp, start } = kinds[name];
const [, seconds] = /^(\d+)s$/.exec(wanted ?? '') ?? [];
const total = Number(seconds ?? wanted ?? standard);
const seed = Number(wantedSeed ?? randomInt(2 ** 32));
if (!(total >= 1) || !Number.isInteger(seed)) usage();
console.log(
  `seed ${seed}, ${total.toLocaleString('en')} ${seconds === undefined ? unit : 'seconds'}`,
);

const { daemons, isIdle, fuzz } = await start();
const sumOf = (figure: (daemon: DaemonProcess) => number) =>
  daemons.reduce((sum, daemon) => sum + figure(daemon), 0);
const descriptorsOf = () => sumOf((daemon) => daemon.descriptors());
const residentBytes = () => sumOf((daemon) => daemon.residentBytes());
// Opens what the first connections open for good.
await fuzz(warmUp, 1).catch((error) => {
  console.error(`FAILED: ${error.message}`);
  process.exit(1);
});
await until(isIdle, 'the first connections are closed');
const descriptors = descriptorsOf();
const resident: number[] = [];
const begin = performance.now();
let soFar = 0;
const line = () => {
  const elapsed = (performance.now() - begin) / 1000;
  const rate = Math.round(soFar / elapsed).toLocaleString('en');
  console.log(
    `${elapsed.toFixed(0).padStart(5)} s  ${soFar.toLocaleString('en').padStart(12)} ${unit}  ` +
      `${rate.padStart(8)}/s  ` +
      `${mebibytes(residentBytes())}  ${descriptorsOf()} descriptors`,
  );
};
const timers = [
  setInterval(() => resident.push(residentBytes()), sampleMs),
  setInterval(line, lineMs),
];

const faults: string[] = [];
const note = (error: Error) => void faults.push(error.message);
const amount =
  seconds === undefined ? total : () => performance.now() - begin < 1000 * Number(seconds);
const report = await fuzz(amount, seed, (count) => {
  soFar = count;
}).catch(note);
for (const timer of timers) clearInterval(timer);
line();
await until(isIdle, 'every connection is closed').catch(note);
await until(
  () => descriptorsOf() <= descriptors,
  `at most ${descriptors} descriptors, as before`,
).catch(note);
if (resident.length >= minJudgedMs[name] / sampleMs && !isFlat(resident))
  faults.push('memory grows');
for (const daemon of daemons) {
  const { status, log } = await daemon.stop();
  if (status !== 0) faults.push(`the daemon ended with ${status}: ${log}`);
}
if (report !== undefined) console.log(report);
for (const fault of faults) console.error(`FAILED: ${fault}`);
console.log(
  faults.length === 0 ? 'passed' : `failed; \`npm run fuzz:${name} -- 1 SEED\` repeats one seed`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
