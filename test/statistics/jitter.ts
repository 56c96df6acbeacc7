/**
 * `jitter.ts FOLDER [CLOCK]`: raw samples of the CPU jitter source for an assessment by SP 800-90B, for one
 * clock or for each clock of this host. FOLDER gets three files of 1,000,000 samples, one byte each:
 *
 * - `raw`: consecutive samples (3.1.1, item 1);
 * - `restart`: the first 1000 samples of each of 1000 processes, a row each (3.1.4);
 * - `repeat`: the same of 1000 starts within one process. The source's walk through memory is the same after
 *   each start, and here it finds the same pages too: what varies in a column is not the walk.
 *
 * NIST's tool then reads them. H_I is the credit, the smallest of the estimates (3.1.3):
 *
 *     ea_non_iid -v FOLDER/CLOCK-raw.bin 8
 *     ea_restart -v FOLDER/CLOCK-restart.bin 8 0.5
 *
 * Printed are the time of a sample and the share of the most frequent byte, as -log2, in all samples and
 * in each column. A column has 1000 samples, so its figure is too low rather than too high: 7.0 on
 * average for uniform bytes.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon, addonPath } from '../native/addon.js';

interface Source {
  open(): boolean;
  error(): string;
  read(size: number): Buffer | null;
}
const { Jitter } = addon as unknown as {
  Jitter: { new (clocks?: readonly string[]): Source; clocks(): string[] };
};

const rows = 1000;
const columns = 1000;

function opened(source: Source): Source {
  if (!source.open()) throw new Error(source.error());
  return source;
}

/** @returns `size` consecutive samples of an open source, read in pieces as the daemon reads them */
function read(source: Source, size: number): Buffer {
  const pieceSize = 64;
  const pieces: Buffer[] = [];
  for (let left = size; left > 0; left -= pieceSize) {
    const piece = source.read(Math.min(pieceSize, left));
    if (piece === null) throw new Error(source.error());
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function firstSamplesOfProcess(clock: string): Buffer {
  const script = `
    const { Jitter } = require(${JSON.stringify(addonPath)});
    const source = new Jitter([${JSON.stringify(clock)}]);
    if (!source.open()) throw new Error(source.error());
    process.stdout.write(source.read(${columns}));`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script]);
  if (status !== 0) throw new Error(`${stderr}`);
  return stdout;
}

/** @returns -log2 of the share of the most frequent byte among every `step`th, from `start` on */
function minEntropy(samples: Buffer, start = 0, step = 1): number {
  const counts = new Uint32Array(256);
  let n = 0;
  for (let at = start; at < samples.length; at += step, n++) {
    const sample = samples[at] as number;
    counts[sample] = (counts[sample] as number) + 1;
  }
  return -Math.log2(Math.max(...counts) / n);
}

function collect(folder: string, clock: string): void {
  const save = (kind: string, samples: Buffer) => {
    const path = join(folder, `${clock}-${kind}.bin`);
    writeFileSync(path, samples);
    let text = `all ${minEntropy(samples).toFixed(2)}`;
    if (kind !== 'raw') {
      const each = Array.from({ length: columns }, (_, at) => minEntropy(samples, at, columns));
      each.sort((a, b) => a - b);
      const [least = NaN, median = NaN] = [each[0], each[columns / 2]];
      text += `, columns: least ${least.toFixed(2)}, median ${median.toFixed(2)}`;
    }
    console.log(`${path}: ${text}`);
  };

  const source = opened(new Jitter([clock]));
  const before = process.hrtime.bigint();
  save('raw', read(source, rows * columns));
  const ns = Number(process.hrtime.bigint() - before) / (rows * columns);
  console.log(`${clock}: ${Math.round(ns)} ns per sample`);
  const each = Array.from({ length: rows });
  save('repeat', Buffer.concat(each.map(() => read(opened(source), columns))));
  save('restart', Buffer.concat(each.map(() => firstSamplesOfProcess(clock))));
}

const [folder, chosen] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: jitter.ts FOLDER [CLOCK]');
mkdirSync(folder, { recursive: true });
for (const clock of chosen === undefined ? Jitter.clocks() : [chosen]) collect(folder, clock);
