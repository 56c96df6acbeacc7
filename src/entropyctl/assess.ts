/** `entropyctl assess`: min-entropy estimates of SP 800-90B, of a noise source or of a file of samples. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Assessment, SourceDescription } from '../common/assessment.js';
import { type Addon, type LoadResult, loadAddon } from '../common/package.js';
import { CommandError, isSystemError, UsageError } from '../common/program.js';
import { printable } from '../common/terminal.js';
import type { AssessedData } from './report/write.js';
import { assessRestarts, type RestartAssessment } from './restarts.js';
import { collect, findSource } from './sampling.js';
import { print, printJson, type SessionOptions } from './session.js';

/** Rows and columns of restart data. */
export interface RestartShape {
  restarts: number;
  samples: number;
}

export interface AssessCommandOptions extends SessionOptions {
  /** A regular file with one sample in each byte, instead of a source. */
  input?: string;
  /** A file of restart data, row by row; with `input` only. */
  restartInput?: string;
  /** 1 to 8; default: as few as hold the largest sample. */
  bitsPerSymbol?: number;
  /** Consecutive samples of a source; default 1,000,000. */
  samples?: number;
  /** Default: 1000 restarts of 1000 samples; 0 restarts: none. */
  restarts?: RestartShape;
  /** H_submitter of SP 800-90B 3.1.3, bits per sample; default: what entropyd credits to a built-in source. */
  claim?: number;
  /** A folder for the report and the samples. */
  report?: string;
}

/** The addon takes 2^27 bits: so many samples of one bit. */
const maxSamples = 2 ** 27;

/** SP 800-90B 3.1.1: consecutive samples of a sequential dataset. */
const wantedSamples = 1_000_000;

/** SP 800-90B 3.1.4.1. */
const defaultRestarts: RestartShape = { restarts: 1000, samples: 1000 };

/**
 * Prints ten estimates of min-entropy and what follows from them; sets exit code 1 if a restart test
 * failed.
 * @param name a source's name or a device's path; undefined with `input`
 * @param loaded for tests
 * @throws CommandError a system error's code if a file cannot be read or written, `ERR_INPUT` if the
 *   samples cannot be assessed, `ERR_ADDON` if the addon is missing, `ERR_PARAMS` if there is no such
 *   source, `ERR_ENTROPY` if it yields nothing, `ERR_REPORT` if the folder is not empty; UsageError
 */
export async function assess(
  name: string | undefined,
  options: AssessCommandOptions,
  loaded: LoadResult = loadAddon(),
): Promise<void> {
  checkOptions(name, options);
  const { addon, reason } = loaded;
  if (addon === undefined)
    throw new CommandError('ERR_ADDON', `assess needs the native addon: ${reason}`);
  const { report: folder, json = false } = options;
  const created = new Date();
  const source = name === undefined ? undefined : findSource(addon, name);
  const writing = folder === undefined ? undefined : await import('./report/write.js');
  // Before the work, which takes a while.
  if (folder !== undefined) await writing?.makeFolder(folder);
  const { data, assessment, claim, hInitial, restarts } = await measure(
    addon,
    source,
    options,
  ).finally(() => progress(''));
  if (folder !== undefined)
    await writing?.writeReport(folder, data, {
      ...options,
      created,
      assessment,
      claim,
      hInitial,
      restarts,
    });
  const files = folder === undefined ? {} : { report: folder };
  const from = name === undefined ? { input: options.input } : { source: name };
  if (json)
    await printJson({
      ...from,
      samples: data.samples.length,
      ...assessment,
      ...(claim === undefined ? {} : { claim }),
      ...(restarts === undefined ? {} : { restarts }),
      ...files,
    });
  else
    await print(
      [
        ...table(assessment, data.samples.length),
        ...(claim === undefined
          ? []
          : [
              `Claim        ${figure(claim)} bits per sample; initial estimate ${figure(hInitial)}`,
            ]),
        ...(restarts === undefined ? [] : restartLines(restarts)),
        caveat,
        ...(folder === undefined ? [] : [`Report       ${printable(`${folder}/report.html`)}`]),
      ].join('\n'),
    );
  if (restarts?.passed === false) process.exitCode = 1;
}

/** Reads what is to be assessed, and estimates it. */
async function measure(
  addon: Addon,
  source: SourceDescription | undefined,
  options: AssessCommandOptions,
) {
  const data =
    source === undefined ? await readFiles(options) : await readSource(addon, source, options);
  const name = source?.name ?? '';
  const refusedAs = (origin: string) => (error: Error) => {
    throw refusal(origin, error.message);
  };
  progress('estimating');
  const assessment = await addon
    .assess(data.samples, options.bitsPerSymbol ?? 0)
    .catch(refusedAs(options.input ?? name));
  const { bitsPerSymbol, minEntropy } = assessment;
  // SP 800-90B 3.1.3: H_I is the least of the estimates and of what the designer claims.
  const claim = options.claim ?? (data.source?.creditedBitsPerByte || undefined);
  const hInitial = Math.min(minEntropy, claim ?? minEntropy);
  const restarts =
    data.restart &&
    (await assessRestarts(addon, data.restart, bitsPerSymbol, hInitial).catch(
      refusedAs(options.restartInput ?? `${name}'s restart data`),
    ));
  return { data, assessment, claim, hInitial, restarts };
}

/** @throws UsageError if the options do not go together */
function checkOptions(name: string | undefined, options: AssessCommandOptions): void {
  const { input, restartInput, samples, restarts } = options;
  if ((name === undefined) === (input === undefined))
    throw new UsageError('assess: want a source, or --input FILE');
  if (name !== undefined && restartInput !== undefined)
    throw new UsageError('--restart-input is for --input');
  if (input !== undefined && samples !== undefined)
    throw new UsageError('--samples is for a source; a file is read to its end');
  if (input !== undefined && restarts !== undefined && restartInput === undefined)
    throw new UsageError('--restarts: want --restart-input FILE with it, or a source');
}

/** One line on a terminal, replaced by the next; an empty one clears it. */
function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${printable(what)}`);
}

async function readSource(
  addon: Addon,
  source: SourceDescription,
  { samples = wantedSamples, restarts = defaultRestarts }: AssessCommandOptions,
): Promise<AssessedData> {
  const wanted = restarts.restarts === 0 ? undefined : restarts;
  const found = await collect(addon, source, { samples, restarts: wanted, progress });
  return { ...found, source, restartSeconds: found.restart?.seconds };
}

async function readFiles(options: AssessCommandOptions): Promise<AssessedData> {
  const { input = '', restartInput, restarts: shape = defaultRestarts } = options;
  const samples = await readSamples(input);
  const times = { seconds: undefined, restartSeconds: undefined };
  if (restartInput === undefined) return { samples, restart: undefined, ...times };
  const data = await readSamples(restartInput);
  if (data.length !== shape.restarts * shape.samples)
    throw refusal(
      restartInput,
      `want ${shape.restarts} times ${shape.samples} bytes: ${data.length}`,
    );
  return { samples, restart: { ...shape, data }, ...times };
}

function refusal(path: string, reason: string): CommandError {
  return new CommandError('ERR_INPUT', `cannot assess ${path}: ${reason}`);
}

async function readSamples(path: string): Promise<Uint8Array> {
  try {
    // Without waiting for the writer of a FIFO.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw refusal(path, 'want a regular file');
      const { size } = stats;
      if (size === 0) throw refusal(path, 'it is empty');
      if (size > maxSamples)
        throw refusal(path, `want at most ${maxSamples} bytes, one for each sample: ${size}`);
      const buffer = Buffer.alloc(size + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead !== size) throw refusal(path, 'it changed while it was read; try again');
      return buffer.subarray(0, size);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const code = error.code ?? 'ERR_INTERNAL';
    throw new CommandError(code, `cannot read ${path}: ${error.message}`, { cause: error });
  }
}

/** Columns of the estimators' names, and of a figure. */
const nameWidth = 21;
const figureWidth = 12;

/** Conditioned and deterministic data score alike: docs/assessment.md. */
const caveat =
  'These are no proof of entropy: AES-256-CTR under a zero key, which has none, gets 7.1 of 8 bits.';

/** The table and the result. */
function table(assessment: Assessment, samples: number): string[] {
  const { bitsPerSymbol, distinct, estimates, hOriginal, hBitstring, minEntropy } = assessment;
  const row = (name: string, literal: string, bitstring: string) =>
    name.padEnd(nameWidth) +
    literal.padStart(figureWidth) +
    (hBitstring === null ? '' : bitstring.padStart(figureWidth));
  const figures = (name: string, literal: number | null, bitstring: number | null) =>
    row(printable(name), figure(literal), figure(bitstring));
  const bits = `${bitsPerSymbol} bit${bitsPerSymbol === 1 ? '' : 's'}`;
  const least =
    hBitstring === null
      ? 'the least estimate'
      : `the least of ${figure(hOriginal)} and ${bitsPerSymbol} × ${figure(hBitstring)}`;
  return [
    row('Estimator', 'per sample', 'per bit'),
    ...estimates.map(({ name, literal, bitstring }) => figures(name, literal, bitstring)),
    figures('Least', hOriginal, hBitstring),
    '',
    `Min-entropy  ${figure(minEntropy)} bits per sample of ${bits}: ${least}`,
    `Samples      ${samples}, of ${distinct} value${distinct === 1 ? '' : 's'}`,
    ...(samples < wantedSamples
      ? [`             fewer than the ${wantedSamples} consecutive ones that SP 800-90B wants`]
      : []),
  ];
}

function restartLines(result: RestartAssessment): string[] {
  const { restarts, samples, hRows, hColumns, highest, cutoff, passed, failures } = result;
  return [
    `Restarts     ${restarts} of ${samples} samples: rows ${figure(hRows)}, columns ${figure(hColumns)}`,
    `             highest counts ${highest.row} of ${cutoff.row}, ${highest.column} of ${cutoff.column}`,
    ...(passed
      ? [`             passed: ${figure(result.minEntropy)} bits per sample`]
      : failures.map((failure) => `             failed: ${failure}`)),
  ];
}

/** Six digits after the point; `-` for an estimator that does not apply. */
function figure(value: number | null): string {
  return value === null ? '-' : value.toFixed(6);
}
