/**
 * `run.mjs [FRAMES] [SEED]`: the fuzz of the frame path for as long as wanted, against a daemon in a
 * process of its own. Ends with 1 at the first answer that is not the page's, and where descriptors
 * or memory do not come back.
 */
import { randomInt } from 'node:crypto';
import { startDaemon } from '../daemon-process.mjs';
import { growth, maxGrowthBytes } from '../flat.mjs';
import { fuzzFrames } from './frames.mjs';

const defaultFrames = 10_000_000;
const sampleMs = 250;
const lineMs = 10_000;

/** Below, the first half is no more than the daemon's warming up. */
const minJudgedMs = 60_000;

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const frames = Number(process.argv[2] ?? defaultFrames);
const seed = Number(process.argv[3] ?? randomInt(2 ** 32));
if (!(frames >= 1) || !Number.isInteger(seed)) {
  console.error('usage: npm run fuzz:frames -- [FRAMES] [SEED]');
  process.exit(64);
}
console.log(`seed ${seed}, ${frames.toLocaleString('en')} frames`);

const daemon = await startDaemon();
const descriptors = await daemon.settledDescriptors();
const resident = [];
const start = performance.now();
let soFar = 0;
const line = () => {
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${seconds.toFixed(0).padStart(5)} s  ${soFar.toLocaleString('en').padStart(12)} frames  ` +
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
const report = await fuzzFrames({
  path: daemon.path,
  frames,
  seed,
  onSession({ frames }) {
    soFar = frames;
  },
}).catch((error) => {
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
  faults.length === 0 ? 'passed' : 'failed; `npm run fuzz:frames -- 1 SEED` repeats one seed',
);
process.exitCode = faults.length === 0 ? 0 : 1;
