/**
 * `run.ts frames|http [COUNT] [SEED]`: fuzzes a daemon in a process of its own, for as long as wanted.
 * Exits with 1 at the first answer that contradicts the documentation, and if descriptors are not
 * closed or memory grows.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DaemonProcess, isFlat, mebibytes, startDaemon } from '../soak/daemon.js';
import { call } from '../support/gateway.js';
import { until } from '../support/until.js';
import { fuzzFrames } from './frames.js';
import { fuzzHttp } from './http.js';
import { credentialsFile } from './http-requests.js';

const sampleMs = 250;
const lineMs = 10_000;

/** In a shorter run the first half is only the daemon's warm-up; HTTP takes five minutes to settle. */
const minJudgedMs = { frames: 60_000, http: 300_000 };

/** A daemon to be fuzzed. */
interface Target {
  readonly daemon: DaemonProcess;
  /** Whether none of the fuzz's connections is open. */
  isIdle(): Promise<boolean>;
  /** @param onProgress gets the number of units so far */
  fuzz(count: number, seed: number, onProgress?: (count: number) => void): Promise<object>;
}

async function startFrames(): Promise<Target> {
  const daemon = await startDaemon();
  return {
    daemon,
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

/** The gateway in the daemon's process, with credentials. */
async function startHttp(): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'entropyd-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const credentials = file('credentials.toml', credentialsFile);
  const config = file('entropyd.toml', `[gateway]\ncredentials = "${credentials}"\n`);
  const path = join(folder, 'http');
  const daemon = await startDaemon(['--config', config, '--http', `unix:${path}`]);
  const metrics = async () =>
    (await call({ socketPath: path, path: '/metrics', headers: { host: 'localhost' } })).body;
  await until(() => metrics().catch(() => undefined), 'the gateway answers');
  return {
    daemon,
    isIdle: async () => /^entropyd_gateway_connections_open 1$/m.test(await metrics()),
    fuzz: (requests, seed, onProgress) =>
      fuzzHttp({
        to: { path },
        requests,
        seed,
        verifies: true,
        onSession: (report) => onProgress?.(report.requests),
      }),
  };
}

/** What can be fuzzed, how many by default, and how many before descriptors are counted. */
const kinds = {
  frames: { unit: 'frames', standard: 10_000_000, warmUp: 500, start: startFrames },
  http: { unit: 'requests', standard: 500_000, warmUp: 50, start: startHttp },
};

function isKind(name: string): name is keyof typeof kinds {
  return Object.hasOwn(kinds, name);
}

function usage(): never {
  console.error('usage: npm run fuzz:frames|fuzz:http -- [COUNT] [SEED]');
  process.exit(64);
}

const [name = '', wanted, wantedSeed] = process.argv.slice(2);
if (!isKind(name)) usage();
const { unit, standard, warmUp, start } = kinds[name];
const total = Number(wanted ?? standard);
const seed = Number(wantedSeed ?? randomInt(2 ** 32));
if (!(total >= 1) || !Number.isInteger(seed)) usage();
console.log(`seed ${seed}, ${total.toLocaleString('en')} ${unit}`);

const { daemon, isIdle, fuzz } = await start();
// Opens what the first connections open for good.
await fuzz(warmUp, 1);
await until(isIdle, 'the first connections are closed');
const descriptors = daemon.descriptors();
const resident: number[] = [];
const begin = performance.now();
let soFar = 0;
const line = () => {
  const seconds = (performance.now() - begin) / 1000;
  const rate = Math.round(soFar / seconds).toLocaleString('en');
  console.log(
    `${seconds.toFixed(0).padStart(5)} s  ${soFar.toLocaleString('en').padStart(12)} ${unit}  ` +
      `${rate.padStart(8)}/s  ` +
      `${mebibytes(daemon.residentBytes())}  ${daemon.descriptors()} descriptors`,
  );
};
const timers = [
  setInterval(() => resident.push(daemon.residentBytes()), sampleMs),
  setInterval(line, lineMs),
];

const faults: string[] = [];
const note = (error: Error) => void faults.push(error.message);
const report = await fuzz(total, seed, (count) => {
  soFar = count;
}).catch(note);
for (const timer of timers) clearInterval(timer);
line();
await until(isIdle, 'every connection is closed').catch(note);
await until(
  () => daemon.descriptors() <= descriptors,
  `at most ${descriptors} descriptors, as before`,
).catch(note);
if (resident.length >= minJudgedMs[name] / sampleMs && !isFlat(resident))
  faults.push('memory grows');
const { status, log } = await daemon.stop();
if (status !== 0) faults.push(`the daemon ended with ${status}: ${log}`);
if (report !== undefined) console.log(report);
for (const fault of faults) console.error(`FAILED: ${fault}`);
console.log(
  faults.length === 0 ? 'passed' : `failed; \`npm run fuzz:${name} -- 1 SEED\` repeats one seed`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
