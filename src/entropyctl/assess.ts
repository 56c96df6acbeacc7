/** `entropyctl assess`: min-entropy estimates of SP 800-90B 6.3 over a file of samples, without a daemon. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Assessment, type LoadResult, loadAddon } from '../common/package.js';
import { CommandError, isSystemError } from '../common/program.js';
import { printable } from '../common/terminal.js';
import { print, printJson } from './session.js';

export interface AssessCommandOptions {
  /** A regular file with one sample in each byte. */
  input: string;
  /** 1 to 8; default: as few as hold the largest sample. */
  bitsPerSymbol?: number;
  json?: boolean;
}

/** The addon takes 2^27 bits: so many samples of one bit. */
const maxSamples = 2 ** 27;

/** SP 800-90B 3.1.1: consecutive samples of a sequential dataset. */
const wantedSamples = 1_000_000;

/**
 * Prints ten estimates of min-entropy and what follows from them.
 * @param loaded for tests
 * @throws CommandError a system error's code if the file cannot be read, `ERR_INPUT` if its content
 *   cannot be assessed, `ERR_ADDON` if the addon is missing
 */
export async function assess(
  { input, bitsPerSymbol = 0, json = false }: AssessCommandOptions,
  loaded: LoadResult = loadAddon(),
): Promise<void> {
  const { addon, reason } = loaded;
  if (addon === undefined)
    throw new CommandError('ERR_ADDON', `assess needs the native addon: ${reason}`);
  const samples = await readSamples(input);
  const assessment = await addon.assess(samples, bitsPerSymbol).catch((error: Error) => {
    throw refusal(input, error.message);
  });
  if (json) await printJson({ input, samples: samples.length, ...assessment });
  else await print(report(assessment, samples.length).join('\n'));
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

/** The table, the result, and what to think of it. */
function report(assessment: Assessment, samples: number): string[] {
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
    caveat,
  ];
}

/** Six digits after the point; `-` for an estimator that does not apply. */
function figure(value: number | null): string {
  return value === null ? '-' : value.toFixed(6);
}
