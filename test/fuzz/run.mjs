/**
 * `run.mjs frames|http [COUNT] [SEED]`: a fuzz for as long as wanted, against a daemon in a process of
 * its own. Ends with 1 at the first answer that is not the page's or the API's, and where descriptors
 * or memory do not come back.
 */
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { growth, maxGrowthBytes } from '../flat.mjs';
import { startDaemon } from '../support/daemon-process.mjs';
import { fuzzFrames } from './frames.mjs';
import { fuzzHttp } from './http.mjs';
import { credentialsFile } from './http-requests.mjs';

const sampleMs = 250;
const lineMs = 10_000;

/** Below, the first half is no more than the daemon's warming up. */
const minJudgedMs = 60_000;

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** The gateway in the daemon's process, with credentials. */
async function startHttp() {
  const folder = mkdtempSync(join(tmpdir(), 'entropyd-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = (name, text) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const credentials = file('credentials.toml', credentialsFile);
  const config = file('entropyd.toml', `[gateway]\ncredentials = "${credentials}"\n`);
  const path = join(folder, 'http');
  const daemon = await startDaemon(['--config', config, '--http', `unix:${path}`]);
  for (let left = 500; left > 0 && !existsSync(path); left--) await setTimeout(20);
  // What opens with the first requests and stays.
  await fuzzHttp({ to: { path }, requests: 50, seed: 1, verifies: true });
  return { ...daemon, path };
}

/** What can be fuzzed: how many by default, and how. */
const kinds = {
  frames: {
    unit: 'frames',
    standard: 10_000_000,
    start: startDaemon,
    fuzz: ({ path }, frames, seed, onSession) => fuzzFrames({ path, frames, seed, onSession }),
  },
  http: {
    unit: 'requests',
    standard: 500_000,
    start: startHttp,
    fuzz: ({ path }, requests, seed, onSession) =>
      fuzzHttp({ to: { path }, requests, seed, verifies: true, onSession }),
  },
};

const [name, wanted, wantedSeed] = process.argv.slice(2);
const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
const total = Number(wanted ?? kind?.standard);
const seed = Number(wantedSeed ?? randomInt(2 ** 32));
if (!(total >= 1) || !Number.isInteger(seed)) {
  console.error('usage: npm run fuzz:frames|fuzz:http -- [COUNT] [SEED]');
  process.exit(64);
}
const { unit } = kind;
console.log(`seed ${seed}, ${total.toLocaleString('en')} ${unit}`);

const daemon = await kind.start();
const descriptors = await daemon.settledDescriptors();
const resident = [];
const start = performance.now();
let soFar = 0;
const line = () => {
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${seconds.toFixed(0).padStart(5)} s  ${soFar.toLocaleString('en').padStart(12)} ${unit}  ` +
      `${Math.round(soFar / seconds)
        .toLocaleString('en')
        .padStart(8)}/s  ` +
      `${mebibytes(daemon.residentBytes())}  ${daemon.descriptors()} descriptors`,
  );
};
const timers = [
  setInterval(() => resident.push(daemon.residentBytes()), sampleMs),
  setInterval(line, lineMs),
];

const faults = [];
const onSession = (report) => {
  soFar = report[unit];
};
const report = await kind.fuzz(daemon, total, seed, onSession).catch((error) => {
  faults.push(error.message);
});
for (const timer of timers) clearInterval(timer);
line();
const left = await daemon.settledDescriptors();
if (left !== descriptors) faults.push(`${left} descriptors, ${descriptors} before`);
if (resident.length >= minJudgedMs / sampleMs) {
  const grown = growth(resident);
  console.log(
    `memory: ${mebibytes(grown)} in the second half, at most ${mebibytes(maxGrowthBytes)}`,
  );
  if (grown > maxGrowthBytes) faults.push('memory grows');
}
const { status, log } = await daemon.stop();
if (status !== 0) faults.push(`the daemon ended with ${status}: ${log}`);
if (report !== undefined) console.log(report);
for (const fault of faults) console.error(`FAILED: ${fault}`);
console.log(
  faults.length === 0 ? 'passed' : `failed; \`npm run fuzz:${name} -- 1 SEED\` repeats one seed`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
